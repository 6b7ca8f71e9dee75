// SPDX-License-Identifier: Apache-2.0
// What bounds the fragments that wait: time, storage, shares, buckets; and how they leave.
#include "pipeline/datagram_queue.h"
#include "test/pipeline/queue_box.h"

namespace culvert::test {
namespace {

using Reasons = std::map<std::string, int>;

/// The number'th of many hosts.
std::string host(std::uint32_t number) {
  return "198.18." + std::to_string(number / 256) + "." + std::to_string(number % 256);
}
Cut first_from(const std::string& source, std::uint32_t id = 1) {
  Cut cut;
  cut.id = id;
  cut.source = source;
  return cut;
}
Cut last_of(Cut cut) {
  cut.offset = 8;
  cut.more = false;
  return cut;
}

TEST_CASE("what is not whole is dropped when its time is over, counted from its first arrival") {
  QueueBox box(256);
  const Now begin = box.now;
  CHECK(box.keep(fragment_of({.id = 1})) == "held");
  box.now = begin + QueueBox::kTimeout / 2;
  CHECK(box.keep(fragment_of({.id = 1, .offset = 8})) == "held");
  CHECK(box.keep(fragment_of({.id = 2})) == "held");
  box.now = begin + QueueBox::kTimeout - 1;
  CHECK(box.take_dropped().empty());
  box.now = begin + QueueBox::kTimeout;
  CHECK(box.take_dropped() == Reasons{{"fragment_timeout", 2}});
  CHECK(box.keep(fragment_of({.id = 2, .offset = 8, .more = false})) == "held");
  CHECK(box.take_whole().size() == 1);
  // Those that came too late begin anew, and in vain.
  CHECK(box.keep(fragment_of({.id = 1, .offset = 16, .more = false})) == "held");
  box.now += QueueBox::kTimeout;
  CHECK(box.take_dropped() == Reasons{{"fragment_timeout", 1}});
  CHECK(box.queue().size() == 0);
}

TEST_CASE("a fragment that comes when its datagram's time is over belongs to another, looked at or not") {
  QueueBox box(256);
  CHECK(box.keep(fragment_of({})) == "held");
  box.now += QueueBox::kTimeout;
  CHECK(box.keep(fragment_of({.offset = 8, .more = false})) == "held");
  CHECK(box.take_whole().empty());
  CHECK(box.take_dropped() == Reasons{{"fragment_timeout", 1}});
  CHECK(box.keep(fragment_of({})) == "held");
  CHECK(box.take_whole().size() == 1);
}

TEST_CASE("a spoiled datagram refuses its fragments until its time is over, and no longer") {
  QueueBox box(256);
  const Now begin = box.now;
  box.keep(fragment_of({.offset = 16, .length = 16}));
  box.now += QueueBox::kTimeout / 2;
  CHECK(box.keep(fragment_of({.offset = 8, .length = 16})) == "fragment_overlap");
  CHECK(box.take_dropped() == Reasons{{"fragment_overlap", 1}});
  for (box.now = begin + QueueBox::kTimeout / 2; box.now < begin + QueueBox::kTimeout;
       box.now += QueueBox::kTimeout / 8) {
    CHECK(box.keep(fragment_of({})) == "datagram_spoiled");
    CHECK(box.take_dropped().empty());
  }
  CHECK(box.keep(fragment_of({})) == "held");
  CHECK(box.keep(fragment_of({.offset = 8, .more = false})) == "held");
  CHECK(box.take_whole().size() == 1);
}

TEST_CASE("datagrams whose time is over leave a burst at a time") {
  QueueBox box(1024);
  for (std::uint32_t i = 0; i < 100; ++i) {
    box.keep(fragment_of(first_from(host(i))));
    Cut second = last_of(first_from(host(i)));
    second.offset = 16;
    box.keep(fragment_of(second));
  }
  Burst burst;
  for (const std::uint32_t expected : {64U, 64U, 64U, 8U, 0U}) {
    burst.clear();
    box.queue().take_dropped(burst, box.now + QueueBox::kTimeout, QueueBox::kTimeoutMs);
    CHECK(burst.size() == expected);
  }
  CHECK(box.queue().size() == 0);
}

TEST_CASE("a datagram may have 64 fragments, and not one more") {
  for (const std::uint32_t count : {64U, 65U}) {
    QueueBox box(1024);
    for (std::uint32_t i = 0; i < 63; ++i) CHECK(box.keep(fragment_of({.offset = 8 * i})) == "held");
    if (count == 65) CHECK(box.keep(fragment_of({.offset = 8 * 63})) == "held");
    const std::string end = box.keep(fragment_of({.offset = 8 * (count - 1), .length = 3, .more = false}));
    CHECK(end == (count == 64 ? "held" : "datagram_too_many_fragments"));
    const auto released = box.take_whole();
    REQUIRE(released.size() == (count == 64 ? 1 : 0));
    if (count == 64) CHECK(released[0].whole.count == 64);
    if (count == 64) CHECK(released[0].whole.transport_length == 8 * 63 + 3);
    CHECK(box.take_dropped() == (count == 64 ? Reasons{} : Reasons{{"datagram_too_many_fragments", 64}}));
  }
}

TEST_CASE("a copy of a fragment of a full datagram does it no harm") {
  QueueBox box(1024);
  for (std::uint32_t i = 0; i < 64; ++i) CHECK(box.keep(fragment_of({.offset = 8 * i + 8})) == "held");
  CHECK(box.keep(fragment_of({.offset = 8})) == "fragment_duplicate");
  CHECK(box.queue().size() == 64);
}

TEST_CASE("a datagram longer than 65535 bytes with its first fragment's header is dropped") {
  for (const bool options : {false, true}) {
    QueueBox box(256);
    const Ipv4Fields fields{.id = 1, .more_fragments = true, .options = options ? hex("94 04 0000") : Bytes{}};
    auto first = PacketBuilder().ethernet().ipv4("198.18.0.1", "198.18.1.1", fields);
    CHECK(box.keep(first.udp(1024, 53).build()) == "held");
    CHECK(box.keep(fragment_of({.offset = 8, .length = 60'000})) == "held");
    CHECK(box.keep(fragment_of({.offset = 60'008, .length = 5507, .more = false})) == "held");
    CHECK(box.take_whole().size() == (options ? 0 : 1));
    CHECK(box.take_dropped() == (options ? Reasons{{"fragment_bad", 3}} : Reasons{}));
  }
}

TEST_CASE("when all entries are taken the oldest datagram goes") {
  QueueBox box(64);
  for (std::uint32_t i = 0; i < 32; ++i) {
    CHECK(box.keep(fragment_of(first_from(host(i)))) == "held");
    Cut second = first_from(host(i));
    second.offset = 16;
    CHECK(box.keep(fragment_of(second)) == "held");
  }
  CHECK(box.gauge().failures.read() == 0);
  // The newcomer gets the entry of one of the oldest's fragments; the other one comes out with the dropped.
  CHECK(box.keep(fragment_of(first_from(host(100)))) == "fragment_queue_full");
  CHECK(box.queue().size() == 64);
  // And the next one that other's, without anybody else having to go.
  CHECK(box.keep(fragment_of(first_from(host(101)))) == "fragment_queue_full");
  CHECK(box.gauge().failures.read() == 1);
  CHECK(box.take_dropped().empty());
  // The second oldest is untouched: it becomes whole.
  Cut middle = first_from(host(1));
  middle.offset = 8;
  CHECK(box.keep(fragment_of(middle)) == "fragment_queue_full");
  CHECK(box.take_dropped() == Reasons{{"fragment_queue_full", 1}});
  middle.offset = 24;
  middle.more = false;
  CHECK(box.keep(fragment_of(middle)) == "held");
  const auto released = box.take_whole();
  REQUIRE(released.size() == 1);
  CHECK(released[0].whole.count == 4);
}

TEST_CASE("the oldest datagram does not go for its own fragment") {
  QueueBox box(8);
  for (std::uint32_t i = 0; i < 8; ++i) CHECK(box.keep(fragment_of(first_from(host(i)))) == "held");
  CHECK(box.keep(fragment_of(last_of(first_from(host(0))))) == "fragment_queue_full");
  CHECK(box.take_whole().size() == 1);
  CHECK(box.queue().size() == 6);
}

TEST_CASE("one source has a quarter of the entries") {
  QueueBox box(64);
  for (std::uint32_t id = 0; id < 16; ++id) CHECK(box.keep(fragment_of(first_from(host(1), id))) == "held");
  CHECK(box.keep(fragment_of(first_from(host(1), 99))) == "fragment_source_share");
  CHECK(box.keep(fragment_of(first_from(host(2), 99))) == "held");
  CHECK(box.gauge().failures.read() == 1);
  // One of his datagrams grows: it is spoiled, and keeps one entry.
  CHECK(box.keep(fragment_of(last_of(first_from(host(1), 3)))) == "fragment_source_share");
  CHECK(box.take_dropped() == Reasons{{"fragment_source_share", 1}});
  CHECK(box.keep(fragment_of(first_from(host(1), 3))) == "datagram_spoiled");
  CHECK(box.take_whole().empty());
  // In time he gets all of it back.
  box.now += QueueBox::kTimeout;
  CHECK(box.take_dropped() == Reasons{{"fragment_timeout", 16}});
  for (std::uint32_t id = 0; id < 16; ++id) CHECK(box.keep(fragment_of(first_from(host(1), id))) == "held");
}

TEST_CASE("a source's datagram that is spoiled makes room for his others") {
  QueueBox box(64);
  for (std::uint32_t id = 0; id < 5; ++id) {
    for (std::uint32_t i = 0; i < 3; ++i) {
      Cut cut = first_from(host(1), id);
      cut.offset = 8 * i;
      CHECK(box.keep(fragment_of(cut)) == "held");
    }
  }
  const auto end = [&](std::uint32_t id) {
    Cut cut = first_from(host(1), id);
    cut.offset = 24;
    cut.more = false;
    return box.keep(fragment_of(cut));
  };
  Cut fourth = first_from(host(1), 0);
  fourth.offset = 32;
  CHECK(box.keep(fragment_of(fourth)) == "held");
  CHECK(end(1) == "fragment_source_share");
  for (std::uint32_t id = 2; id < 5; ++id) CHECK(end(id) == "held");
  CHECK(box.take_whole().size() == 3);
}

TEST_CASE("whole datagrams take nothing of a share") {
  QueueBox box(64);
  for (std::uint32_t id = 0; id < 100; ++id) {
    CHECK(box.keep(fragment_of(first_from(host(1), id))) == "held");
    CHECK(box.keep(fragment_of(last_of(first_from(host(1), id)))) == "held");
    CHECK(box.take_whole().size() == 1);
  }
}

TEST_CASE("an IPv6 source is its /64") {
  QueueBox box(64);
  const auto keep = [&](const std::string& source) {
    return box.keep(fragment_of({.version4 = false, .source = source}));
  };
  for (int i = 0; i < 16; ++i) CHECK(keep("2001:db8:1:2::" + std::to_string(i + 1)) == "held");
  CHECK(keep("2001:db8:1:2:3:4:5:6") == "fragment_source_share");
  CHECK(keep("2001:db8:1:3::1") == "held");
}

TEST_CASE("spoiled datagrams are the first to go when there is no room for another datagram") {
  QueueBox box(16);
  const auto spoil = [&](std::uint32_t number) {
    Cut cut = first_from(host(number));
    cut.offset = 16;
    box.keep(fragment_of(cut));
    cut.length = 16;
    CHECK(box.keep(fragment_of(cut)) == "fragment_overlap");
    CHECK(box.take_dropped() == Reasons{{"fragment_overlap", 1}});
  };
  CHECK(box.keep(fragment_of(first_from(host(100)))) == "held");
  for (std::uint32_t i = 0; i < 15; ++i) spoil(i);
  CHECK(box.keep(fragment_of(first_from(host(0)))) == "datagram_spoiled");
  CHECK(box.keep(fragment_of(first_from(host(101)))) == "held");
  // The oldest spoiled one has been forgotten, the next not, and what waited from the beginning still does.
  CHECK(box.keep(fragment_of(first_from(host(1)))) == "datagram_spoiled");
  CHECK(box.keep(fragment_of(last_of(first_from(host(100))))) == "held");
  CHECK(box.take_whole().size() == 1);
  CHECK(box.keep(fragment_of(first_from(host(0)))) == "held");
}

TEST_CASE("a bucket has at most 16 datagrams, however they got there") {
  constexpr std::uint32_t kEntries = 256;
  QueueBox box(kEntries);
  const HashKey key = HashKey::from_seed(1);  // the box's
  std::vector<Cut> together;
  for (std::uint32_t id = 0; together.size() < 17; ++id) {
    Cut cut;
    cut.id = id;
    cut.version4 = false;
    Bytes frame = fragment_of(cut);
    const DatagramId identity = fragment_place(parsed(frame)).datagram;
    if (fast_range(hash_of(key, identity), kEntries) == 77) together.push_back(cut);
  }
  for (std::size_t i = 0; i < 16; ++i) CHECK(box.keep(fragment_of(together[i])) == "held");
  CHECK(box.take_dropped().empty());
  CHECK(box.keep(fragment_of(together[16])) == "held");
  CHECK(box.take_dropped() == Reasons{{"fragment_queue_full", 1}});
  // All but the oldest are found.
  for (std::size_t i = 1; i < 17; ++i) CHECK(box.keep(fragment_of(last_of(together[i]))) == "held");
  CHECK(box.take_whole().size() == 16);
}

TEST_CASE("a whole datagram waits for a burst that has room for all of it, and none overtakes it") {
  QueueBox box(256);
  for (std::uint32_t i = 0; i < 5; ++i) box.keep(fragment_of({.id = 1, .offset = 8 * i, .more = i < 4}));
  for (std::uint32_t i = 0; i < 2; ++i) box.keep(fragment_of({.id = 2, .offset = 8 * i, .more = i < 1}));
  Burst burst;
  for (std::uint32_t i = 0; i < kBurstSize - 4; ++i) burst.append();
  CHECK(box.queue().take_whole(burst).count == 0);
  CHECK(burst.size() == kBurstSize - 4);
  burst.shrink(10);
  const WholeDatagram one = box.queue().take_whole(burst);
  CHECK(one.begin == kBurstSize - 14);
  CHECK(one.count == 5);
  const WholeDatagram two = box.queue().take_whole(burst);
  CHECK(two.begin == kBurstSize - 9);
  CHECK(two.count == 2);
  CHECK(box.queue().take_whole(burst).count == 0);
  CHECK(box.queue().size() == 0);
}

TEST_CASE("a worker that stops gets every frame back") {
  QueueBox box(512);
  for (std::uint32_t i = 0; i < 40; ++i) box.keep(fragment_of({.id = 1, .offset = 8 * i, .more = i < 39}));
  for (std::uint32_t i = 0; i < 70; ++i) box.keep(fragment_of(first_from(host(i), 2)));
  box.keep(fragment_of({.id = 3, .offset = 8}));
  CHECK(box.keep(fragment_of({.id = 3, .length = 16})) == "fragment_overlap");
  CHECK(box.take_all() == Reasons{{"worker_stopping", 110}, {"fragment_overlap", 1}});
  CHECK(box.take_whole().empty());
  CHECK(box.take_dropped().empty());
}

TEST_CASE("the gauge says how full it is, and was") {
  QueueBox box(256);
  CHECK(box.gauge().max.read() == 256);
  for (std::uint32_t i = 0; i < 10; ++i) box.keep(fragment_of(first_from(host(i))));
  box.queue().observe();
  CHECK(box.gauge().used.read() == 10);
  box.now += QueueBox::kTimeout;
  box.take_dropped();
  box.queue().observe();
  CHECK(box.gauge().used.read() == 0);
  CHECK(box.gauge().peak.read() == 10);
}

TEST_CASE("a queue without storage keeps nothing") {
  QueueBox box(0);
  CHECK(box.keep(fragment_of({})) == "fragment_queue_full");
  CHECK(box.take_whole().empty());
  CHECK(box.take_all().empty());
}

TEST_CASE("a queue of one entry holds one fragment") {
  QueueBox box(1);
  CHECK(box.keep(fragment_of({})) == "held");
  CHECK(box.keep(fragment_of({.offset = 8, .more = false})) == "fragment_queue_full");
  CHECK(box.take_dropped() == Reasons{{"fragment_queue_full", 1}});
  CHECK(box.keep(fragment_of({.id = 2})) == "held");
}

}  // namespace
}  // namespace culvert::test
