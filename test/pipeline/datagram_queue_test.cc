// SPDX-License-Identifier: Apache-2.0
// Which fragments leave together, and which are dropped.
#include "pipeline/datagram_queue.h"

#include "test/pipeline/queue_box.h"

namespace culvert::test {
namespace {

using Reasons = std::map<std::string, int>;

/// A fragment that comes, and what becomes of it: "held", "whole" when with it the datagram is, or a drop reason.
struct Step {
  std::uint32_t offset, length;
  bool more;
  std::string outcome;
};

struct Story {
  const char* what;
  std::vector<Step> steps;
  Reasons dropped;  ///< of those that had been held
};

constexpr bool kMore = true, kLast = false;

/// The fragments are one behind the other, and all have the ports of the first.
void check_whole(const QueueBox::Released& released) {
  REQUIRE(released.whole.count >= 2);
  std::uint32_t end = 0;
  const DatagramId id = fragment_place(released.packets[0]).datagram;
  for (std::size_t i = 0; i < released.packets.size(); ++i) {
    const Packet& packet = released.packets[i];
    Bytes frame = released.frames[i];
    const FragmentPlace place = fragment_place(parsed(frame));
    CHECK(place.datagram == id);
    CHECK(place.offset == end);
    CHECK(place.last == (i + 1 == released.packets.size()));
    end = place.end();
    CHECK(packet.source_port.host() == 1024);
    CHECK(packet.destination_port.host() == 53);
    CHECK(packet.protocol == 17);
  }
  CHECK(released.whole.transport_length == end);
}

void tell(const Story& story, bool version4) {
  INFO(story.what << (version4 ? ", IPv4" : ", IPv6"));
  QueueBox box(256);
  for (std::size_t i = 0; i < story.steps.size(); ++i) {
    const Step& step = story.steps[i];
    INFO("step " << i);
    std::string outcome = box.keep(fragment_of({version4, 7, step.offset, step.length, step.more}));
    const auto released = box.take_whole();
    if (!released.empty()) {
      CHECK(outcome == "held");
      outcome = "whole";
      CHECK(released.size() == 1);
      check_whole(released[0]);
    }
    CHECK(outcome == step.outcome);
  }
  CHECK(box.take_dropped() == story.dropped);
}

void tell(const std::vector<Story>& stories) {
  for (const Story& story : stories) {
    for (const bool version4 : {true, false}) tell(story, version4);
  }
}

TEST_CASE("a datagram leaves when its last missing fragment has come, in whatever order they came") {
  tell({
      {"in order", {{0, 16, kMore, "held"}, {16, 24, kMore, "held"}, {40, 5, kLast, "whole"}}, {}},
      {"in reverse", {{40, 5, kLast, "held"}, {16, 24, kMore, "held"}, {0, 16, kMore, "whole"}}, {}},
      {"shuffled", {{16, 24, kMore, "held"}, {40, 5, kLast, "held"}, {0, 16, kMore, "whole"}}, {}},
      {"the middle last", {{40, 5, kLast, "held"}, {0, 16, kMore, "held"}, {16, 24, kMore, "whole"}}, {}},
      {"one byte in the last", {{0, 8, kMore, "held"}, {8, 1, kLast, "whole"}}, {}},
      {"up to the end of all",
       {{0, 1480, kMore, "held"}, {65488, 27, kLast, "held"}, {1480, 64008, kMore, "whole"}},
       {}},
      {"one is missing", {{0, 8, kMore, "held"}, {16, 8, kMore, "held"}, {24, 8, kLast, "held"}}, {}},
      {"the last is missing", {{0, 8, kMore, "held"}, {8, 8, kMore, "held"}}, {}},
      {"the first is missing", {{8, 8, kMore, "held"}, {16, 8, kLast, "held"}}, {}},
      {"again, when it has left", {{0, 8, kMore, "held"}, {8, 8, kLast, "whole"}, {0, 8, kMore, "held"}}, {}},
  });
}

TEST_CASE("an exact copy is dropped alone (RFC 8200 4.5)") {
  const std::string copy = "fragment_duplicate";
  tell({
      {"of the first", {{0, 16, kMore, "held"}, {0, 16, kMore, copy}, {16, 8, kLast, "whole"}}, {}},
      {"of the last", {{16, 8, kLast, "held"}, {16, 8, kLast, copy}, {0, 16, kMore, "whole"}}, {}},
      {"of one between others",
       {{0, 8, kMore, "held"},
        {8, 8, kMore, "held"},
        {24, 8, kLast, "held"},
        {8, 8, kMore, copy},
        {8, 8, kMore, copy},
        {16, 8, kMore, "whole"}},
       {}},
  });
}

TEST_CASE("fragments that overlap end their datagram (RFC 5722)") {
  const std::string bad = "fragment_overlap", late = "datagram_spoiled";
  const Reasons one{{"fragment_overlap", 1}}, two{{"fragment_overlap", 2}};
  tell({
      {"longer at the same place", {{0, 16, kMore, "held"}, {0, 24, kMore, bad}, {16, 8, kLast, late}}, one},
      {"shorter at the same place", {{0, 16, kMore, "held"}, {0, 8, kMore, bad}, {0, 16, kMore, late}}, one},
      {"teardrop: the second inside the first", {{0, 40, kMore, "held"}, {24, 4, kLast, bad}}, one},
      {"teardrop, the other way round", {{24, 4, kLast, "held"}, {0, 40, kMore, bad}, {24, 4, kLast, late}}, one},
      {"into the next", {{16, 16, kMore, "held"}, {8, 16, kMore, bad}}, one},
      {"into the one before", {{0, 24, kMore, "held"}, {16, 16, kLast, bad}}, one},
      {"around another", {{16, 8, kMore, "held"}, {8, 32, kMore, bad}}, one},
      {"all of it", {{0, 8, kMore, "held"}, {16, 8, kMore, "held"}, {0, 24, kMore, bad}, {24, 8, kLast, late}}, two},
      {"over a gap", {{0, 8, kMore, "held"}, {16, 8, kMore, "held"}, {8, 16, kMore, bad}}, two},
      {"the last missing one", {{0, 16, kMore, "held"}, {24, 8, kLast, "held"}, {8, 16, kMore, bad}}, two},
  });
}

TEST_CASE("fragments that disagree about the end end their datagram") {
  const std::string bad = "fragment_overlap";
  const Reasons one{{"fragment_overlap", 1}}, two{{"fragment_overlap", 2}};
  tell({
      {"behind the last", {{16, 8, kLast, "held"}, {24, 8, kMore, bad}}, one},
      {"far behind the last", {{16, 8, kLast, "held"}, {800, 8, kMore, bad}}, one},
      {"a last in front of another", {{32, 8, kMore, "held"}, {16, 8, kLast, bad}}, one},
      {"a second last in front", {{16, 8, kLast, "held"}, {8, 8, kLast, bad}}, one},
      {"a second last behind", {{16, 8, kLast, "held"}, {24, 8, kLast, bad}}, one},
      {"a longer last", {{16, 8, kLast, "held"}, {16, 16, kLast, bad}}, one},
      {"a last that was not", {{16, 8, kMore, "held"}, {16, 8, kLast, bad}}, one},
      {"a last that is not any more", {{0, 8, kMore, "held"}, {16, 8, kLast, "held"}, {16, 8, kMore, bad}}, two},
  });
}

TEST_CASE("datagrams that differ in anything wait apart") {
  QueueBox box(256);
  const std::vector<std::pair<Cut, std::uint16_t>> others{
      {{}, 0},
      {{.id = 2}, 0},
      {{.protocol = 50}, 0},
      {{.source = "198.18.0.2"}, 0},
      {{.destination = "198.18.1.2"}, 0},
      {{}, 1},
      {{.version4 = false}, 0},
      {{.version4 = false, .id = 2}, 0},
      {{.version4 = false, .source = "2001:db8::2"}, 0},
      {{.version4 = false, .destination = "2001:db8:1::2"}, 0},
      {{.version4 = false}, 1},
  };
  // Interleaved: all first ones, then all last ones.
  for (auto [cut, vrf] : others) CHECK(box.keep(fragment_of(cut), vrf) == "held");
  CHECK(box.take_whole().empty());
  for (auto [cut, vrf] : others) {
    cut.offset = 8;
    cut.more = false;
    CHECK(box.keep(fragment_of(cut), vrf) == "held");
  }
  const auto released = box.take_whole();
  REQUIRE(released.size() == others.size());
  for (std::size_t i = 0; i < others.size(); ++i) {
    for (Bytes frame : released[i].frames) {
      Cut cut = others[i].first;
      cut.offset = fragment_place(parsed(frame)).offset;
      cut.more = cut.offset == 0;
      CHECK(frame == fragment_of(cut));
    }
  }
  CHECK(box.queue().size() == 0);
}

TEST_CASE("fragments of IPv6 are of one datagram whatever their next header, and the first one's counts") {
  QueueBox box(256);
  auto first = PacketBuilder().ethernet().ipv6().fragment(0, true, 7).destination_options().udp(1024, 53);
  CHECK(box.keep(fragment_of({.version4 = false, .id = 7, .offset = 24, .more = false, .protocol = 50})) == "held");
  CHECK(box.keep(first.payload(8).build()) == "held");
  const auto released = box.take_whole();
  REQUIRE(released.size() == 1);
  CHECK(released[0].whole.transport_length == 32 - 8);
  for (const Packet& packet : released[0].packets) {
    CHECK(packet.protocol == 17);
    CHECK(packet.destination_port.host() == 53);
  }
}

TEST_CASE("the tuple of all fragments is that of the datagram") {
  for (const bool version4 : {true, false}) {
    QueueBox box(256);
    box.keep(fragment_of({.version4 = version4, .offset = 8, .more = false}));
    box.keep(fragment_of({.version4 = version4}));
    const auto released = box.take_whole();
    REQUIRE(released.size() == 1);
    for (std::size_t i = 0; i < 2; ++i) {
      Bytes frame = released[0].frames[i];
      Packet packet = released[0].packets[i];
      packet.data = frame.data();
      const FiveTuple4 tuple4{ip4("198.18.0.1"), ip4("198.18.1.1"), Be16(1024), Be16(53), 17, 0, 5};
      const FiveTuple6 tuple6{ip6("2001:db8::1"), ip6("2001:db8:1::1"), Be16(1024), Be16(53), 17, 0, 5};
      if (version4) CHECK(datagram_tuple4(packet, 5) == tuple4);
      if (!version4) CHECK(datagram_tuple6(packet, 5) == tuple6);
    }
  }
}

TEST_CASE("protocols without ports, ICMP with its identifier") {
  QueueBox box(256);
  box.keep(fragment_of({.offset = 8, .more = false, .protocol = 50}));
  box.keep(fragment_of({.protocol = 50}));
  auto echo = PacketBuilder().ethernet().ipv4("198.18.0.1", "198.18.1.1", {.id = 2, .more_fragments = true});
  box.keep(echo.icmp(8, 0, 0x00070001).payload(8).build());
  box.keep(fragment_of({.id = 2, .offset = 16, .more = false, .protocol = 1}));
  const auto released = box.take_whole();
  REQUIRE(released.size() == 2);
  for (const Packet& packet : released[0].packets) CHECK(packet.source_port.host() == 0);
  for (const Packet& packet : released[1].packets) CHECK(packet.source_port.host() == 7);
}

TEST_CASE("a first fragment without its whole transport header is dropped before it comes here") {
  const auto v4 = [](int protocol) {
    return PacketBuilder().ethernet().ipv4("198.18.0.1", "198.18.1.1", {.more_fragments = true, .protocol = protocol});
  };
  const auto v6 = [](int protocol) { return PacketBuilder().ethernet().ipv6().fragment(0, true, 7, protocol); };
  const Bytes tcp = PacketBuilder().ipv4().tcp(1, 2, {.options = hex("020405b4 01010101")}).build();
  const auto cut = [&](std::size_t size) { return slice(tcp, 20, size); };
  const std::vector<std::pair<Bytes, DropReason>> table{
      {v4(6).payload(cut(8)).build(), DropReason::kTransportTruncated},
      {v4(6).payload(cut(16)).build(), DropReason::kTransportTruncated},
      {v4(6).payload(cut(24)).build(), DropReason::kTransportLength},
      {v4(132).payload(8).build(), DropReason::kTransportTruncated},
      {v4(47).payload(hex("b000 0800 00000000")).build(), DropReason::kTransportTruncated},
      {v6(6).payload(cut(16)).build(), DropReason::kTransportTruncated},
      {v6(6).payload(cut(24)).build(), DropReason::kTransportLength},
      {v6(60).payload(hex("11 01 010400000000")).build(), DropReason::kIpv6ExtensionTruncated},
      {v6(60).payload(hex("11 00 010400000000")).build(), DropReason::kTransportTruncated},
      {PacketBuilder()
           .ethernet()
           .ipv4("198.18.0.1", "198.18.1.1", {.more_fragments = true, .offset = 8, .protocol = 6})
           .payload(16)
           .build(),
       DropReason::kFragmentBad},
  };
  for (auto [bytes, reason] : table) {
    INFO(to_hex(bytes));
    CHECK(name_of(parsed(bytes).drop_reason) == name_of(reason));
  }
}

}  // namespace
}  // namespace culvert::test
