// SPDX-License-Identifier: Apache-2.0
// The datagram queue beside a model that marks each byte: random datagrams, cut anywhere, shuffled, with copies,
// overlaps and losses, while time goes on. What is kept, dropped and released must be the same at every step. And small
// queues under the same load: whatever they push out, what they release is whole, and every frame comes out once.
#include <cstdio>
#include <optional>
#include <random>

#include "test/pipeline/queue_box.h"
#include "test/simulation/environment.h"

namespace culvert::test {
namespace {

using Reasons = std::map<std::string, int>;

class Model {
 public:
  struct Result {
    std::string outcome;
    std::uint32_t whole = 0;  ///< fragments of the datagram that leaves
  };

  Result keep(const Cut& cut, Now now) {
    auto found = datagrams_.find(key_of(cut));
    if (found != datagrams_.end() && now - found->second.since >= QueueBox::kTimeout) {
      drop(found->second, "fragment_timeout");
      datagrams_.erase(found);
    }
    Datagram& datagram = datagrams_.try_emplace(key_of(cut), now).first->second;
    if (datagram.spoiled) return {"datagram_spoiled"};
    const std::string reason = judge(datagram, cut);
    if (reason == "fragment_duplicate") return {reason};
    if (!reason.empty()) {
      drop(datagram, reason);
      datagram.spoiled = true;
      return {reason};
    }
    for (std::uint32_t at = cut.offset; at < cut.offset + cut.length; ++at) datagram.taken[at] = true;
    datagram.pieces.push_back(cut);
    if (!cut.more) datagram.total = cut.offset + cut.length;
    if (!datagram.total.has_value()) return {"held"};
    for (std::uint32_t at = 0; at < *datagram.total; ++at) {
      if (!datagram.taken[at]) return {"held"};
    }
    const auto count = static_cast<std::uint32_t>(datagram.pieces.size());
    datagrams_.erase(key_of(cut));
    return {"held", count};
  }

  /// What take_dropped() must give now.
  Reasons take_dropped(Now now) {
    for (auto at = datagrams_.begin(); at != datagrams_.end();) {
      const bool over = now - at->second.since >= QueueBox::kTimeout;
      if (over) drop(at->second, "fragment_timeout");
      at = over ? datagrams_.erase(at) : std::next(at);
    }
    return std::exchange(dropped_, {});
  }

 private:
  using Key = std::pair<bool, std::uint32_t>;
  struct Datagram {
    explicit Datagram(Now opened) : since(opened) {}
    Now since;
    bool spoiled = false;
    std::vector<bool> taken = std::vector<bool>(65536);
    std::vector<Cut> pieces;
    std::optional<std::uint32_t> total;
  };

  static Key key_of(const Cut& cut) { return {cut.version4, cut.id}; }

  void drop(Datagram& datagram, const std::string& reason) {
    if (!datagram.pieces.empty()) dropped_[reason] += static_cast<int>(datagram.pieces.size());
    datagram.pieces.clear();
  }

  static std::string judge(const Datagram& datagram, const Cut& cut) {
    const std::uint32_t end = cut.offset + cut.length;
    for (const Cut& piece : datagram.pieces) {
      if (piece.offset == cut.offset && piece.length == cut.length && piece.more == cut.more)
        return "fragment_duplicate";
    }
    for (std::uint32_t at = cut.offset; at < end; ++at) {
      if (datagram.taken[at]) return "fragment_overlap";
    }
    if (datagram.total.has_value() && (!cut.more || end > *datagram.total)) return "fragment_overlap";
    for (const Cut& piece : datagram.pieces) {
      if (!cut.more && piece.offset + piece.length > end) return "fragment_overlap";
    }
    return datagram.pieces.size() < kMaxFragments ? "" : "datagram_too_many_fragments";
  }

  std::map<Key, Datagram> datagrams_;
  Reasons dropped_;
};

class Traffic {
 public:
  explicit Traffic(std::uint64_t seed) : random_(seed) {}

  std::uint32_t pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

  /// The next fragment; datagrams are cut when there are fewer than a dozen on their way.
  Cut next() {
    while (waiting_.size() < 12) cut_one();
    std::vector<Cut>& pieces = waiting_[pick(static_cast<std::uint32_t>(waiting_.size()))];
    Cut cut = pieces.back();
    const std::uint32_t luck = pick(100);
    if (luck >= 3) pieces.pop_back();  // else it comes again
    if (luck == 99) spoil(cut);
    std::erase_if(waiting_, [](const std::vector<Cut>& left) { return left.empty(); });
    return cut;
  }

 private:
  void cut_one() {
    Cut whole;
    whole.version4 = pick(2) == 0;
    // Identifications come again before a lost datagram's time is over, and after.
    whole.id = pick(60);
    whole.source = whole.version4 ? "198.18.0." + std::to_string(whole.id % 16)
                                  : "2001:db8:0:" + std::to_string(whole.id % 16) + "::1";
    const std::uint32_t size = 9 + pick(pick(4) == 0 ? 8000 : 200);
    const std::uint32_t longest = pick(8) == 0 ? 8 : 8 + size / 2;
    std::vector<Cut> pieces;
    for (std::uint32_t at = 0; at < size;) {
      Cut cut = whole;
      cut.offset = at;
      cut.length = 8 + pick(longest) / 8 * 8;
      cut.more = at + cut.length < size;
      if (!cut.more) cut.length = size - at;
      at += cut.length;
      pieces.push_back(cut);
      if (pieces.size() > 80) break;  // the last never comes
    }
    if (pieces.size() == 1) return;
    if (pick(6) == 0) pieces.erase(pieces.begin() + pick(static_cast<std::uint32_t>(pieces.size())));
    if (pick(3) != 0) std::shuffle(pieces.begin(), pieces.end(), random_);
    waiting_.push_back(std::move(pieces));
  }

  /// Moved, lengthened or shortened: an overlap, another end, or a gap.
  void spoil(Cut& cut) {
    switch (pick(4)) {
      case 0:
        cut.offset += 8;
        break;
      case 1:
        cut.length = (cut.length + 7) / 8 * 8 + 8;
        break;
      case 2:
        cut.length = 8;
        break;
      default:
        cut.more = !cut.more;
        cut.length = (cut.length + 7) / 8 * 8;
        break;
    }
    if (!cut.more && cut.offset == 0) cut.more = true;  // else it is no fragment
    if (cut.more) cut.length = (cut.length + 7) / 8 * 8;
  }

  std::mt19937_64 random_;
  std::vector<std::vector<Cut>> waiting_;
};

/// One behind the other, of one datagram, from its first byte to its last.
std::uint32_t check_whole(const QueueBox::Released& released) {
  std::uint32_t end = 0;
  bool last = false;
  std::optional<DatagramId> id;
  for (Bytes frame : released.frames) {
    const FragmentPlace place = fragment_place(parsed(frame));
    REQUIRE_FALSE(last);
    REQUIRE(place.offset == end);
    if (id.has_value()) REQUIRE(place.datagram == *id);
    id = place.datagram;
    end = place.end();
    last = place.last;
  }
  REQUIRE(last);
  REQUIRE(released.whole.transport_length == end);
  return static_cast<std::uint32_t>(released.frames.size());
}

std::uint64_t announced_seed() {
  const std::uint64_t seed = seed_from_environment();
  std::printf("CULVERT_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

TEST_CASE("a large queue keeps, drops and releases what the model does") {
  Traffic traffic(announced_seed());
  QueueBox box(16384);
  Model model;
  Reasons seen;
  std::uint32_t whole = 0;
  const int steps = has_time() ? 300'000 : 60'000;
  for (int step = 0; step < steps; ++step) {
    INFO("step " << step);
    const Cut cut = traffic.next();
    const Model::Result expected = model.keep(cut, box.now);
    const std::string outcome = box.keep(fragment_of(cut));
    REQUIRE(outcome == expected.outcome);
    ++seen[outcome];
    const auto released = box.take_whole();
    REQUIRE(released.size() == (expected.whole > 0 ? 1U : 0U));
    if (expected.whole > 0) REQUIRE(check_whole(released[0]) == expected.whole);
    whole += expected.whole > 0 ? 1 : 0;
    box.now += traffic.pick(3) * kNanosecondsPerMillisecond;
    if (traffic.pick(50) != 0) continue;
    const Reasons dropped = box.take_dropped();
    REQUIRE(dropped == model.take_dropped(box.now));
    for (const auto& [reason, count] : dropped) seen[reason] += count;
  }
  box.take_all();
  // Nothing was shown unless all of it happened.
  CHECK(whole > 100);
  for (const char* outcome : {"held", "fragment_duplicate", "fragment_overlap", "fragment_timeout", "datagram_spoiled",
                              "datagram_too_many_fragments"}) {
    INFO(outcome);
    CHECK(seen[outcome] > 0);
  }
}

TEST_CASE("a small queue pushes out datagrams, and releases only whole ones") {
  const std::uint64_t seed = announced_seed();
  for (const std::size_t entries : {8U, 33U, 64U, 120U}) {
    Traffic traffic(seed + entries);
    QueueBox box(entries);
    std::uint32_t whole = 0;
    const int steps = has_time() ? 60'000 : 15'000;
    for (int step = 0; step < steps; ++step) {
      INFO(entries << " entries, step " << step);
      box.keep(fragment_of(traffic.next()));
      REQUIRE(box.queue().size() <= entries);
      box.now += traffic.pick(4) * kNanosecondsPerMillisecond;
      // Not always at once: what is whole or dropped is in the way then.
      if (traffic.pick(3) != 0) {
        for (const auto& released : box.take_whole()) {
          check_whole(released);
          ++whole;
        }
      }
      if (traffic.pick(5) == 0) box.take_dropped();
    }
    box.take_all();
    CHECK(whole > 10);
    CHECK(box.gauge().failures.read() > 0);
  }
}

}  // namespace
}  // namespace culvert::test
