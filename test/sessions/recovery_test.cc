// SPDX-License-Identifier: Apache-2.0
// A successor takes the memory over after any end: what is whole is kept, where it was; what is not goes, both
// directions; and the table goes on like one that never ended.
#include <optional>

#include "test/sessions/connections.h"
#include "test/sessions/history.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr Now kNow = seconds(1000);

/// A table with a few hundred sessions in it, of which some get damaged.
template <typename Tuple>
struct Crash {
  explicit Crash(std::uint64_t seed) : history(before, seed, 1500) {
    for (int i = 0; i < 4000; ++i) history.step(700);
    REQUIRE(history.sessions().size() > 300);
  }

  FlowHead& head(FlowSlot slot) { return memory.flows.entry(slot).head; }
  std::uint16_t& tag(FlowSlot slot) { return memory.flows.tags(slot / 32).tag[slot % 32 - 1]; }
  /// Another table, as in another process, over what is there. How many flows were lost.
  std::uint32_t recover() {
    after.emplace(memory.view(), HashKey::from_seed(8), kNow);
    std::uint32_t kept = 0;
    const std::uint32_t lost = after->recover(SessionTimeouts(), kNow, [&](FlowSlot slot) {
      ++kept;
      CHECK_FALSE(after->entry(slot).head.has(kFlowReply));
    });
    CHECK(kept == after->size());
    history.use(*after);
    return lost;
  }
  /// All is as the history says, and goes on so.
  void check() {
    history.check_everything();
    for (int i = 0; i < 20'000; ++i) {
      history.step(700);
      if (i % 64 == 0) history.look_up(kMostFlowsAtOnce);
    }
    history.check_everything();
    history.erase_all();
    CHECK(memory.flows.is_free());  // no counter was left over, or forgotten
  }

  SessionMemory<Tuple> memory{1000};
  SessionTable<Tuple> before{memory.view(), HashKey::from_seed(8), kNow};
  std::optional<SessionTable<Tuple>> after;
  History<Tuple> history;
};

/// Damages session 0 and says that the table will forget it.
template <typename Tuple, typename Damage>
void check_torn(std::uint32_t lost, Damage damage) {
  Crash<Tuple> crash(1);
  const auto session = crash.history.sessions()[0];
  damage(crash, session.slot, session.peer);
  crash.history.forget(0);
  CHECK(crash.recover() == lost);
  CHECK(crash.history.find(session.original) == kNoFlow);
  CHECK(crash.history.find(session.reply) == kNoFlow);
  crash.check();
}

}  // namespace

TEMPLATE_TEST_CASE("a table that ended well is taken over as it was", "", FiveTuple4, FiveTuple6) {
  Crash<TestType> crash(2);
  CHECK(crash.recover() == 0);
  crash.check();
}

TEMPLATE_TEST_CASE("taking over again and again changes nothing", "", FiveTuple4, FiveTuple6) {
  Crash<TestType> crash(3);
  crash.recover();
  const FlowMemory<TestType> once = crash.memory.flows;
  for (int i = 0; i < 3; ++i) {
    SessionTable<TestType> again(crash.memory.view(), HashKey::from_seed(8), kNow);
    CHECK(again.recover(SessionTimeouts(), kNow, [](FlowSlot) {}) == 0);
    CHECK(crash.memory.flows == once);
  }
}

TEMPLATE_TEST_CASE("a session one of whose directions is not whole is dropped, all others stay", "", FiveTuple4,
                   FiveTuple6) {
  SECTION("the original") {
    check_torn<TestType>(2, [](auto& crash, FlowSlot slot, FlowSlot) { crash.head(slot).sequence |= 1; });
  }
  SECTION("the reply") {
    check_torn<TestType>(2, [](auto& crash, FlowSlot, FlowSlot peer) { crash.head(peer).sequence |= 1; });
  }
  SECTION("both, and one tag is gone already") {
    check_torn<TestType>(1, [](auto& crash, FlowSlot slot, FlowSlot peer) {
      crash.head(slot).sequence |= 1;
      crash.head(peer).sequence |= 1;
      crash.tag(slot) = 0;
    });
  }
}

TEMPLATE_TEST_CASE("a session whose directions don't name each other is dropped, all others stay", "", FiveTuple4,
                   FiveTuple6) {
  const auto points_to = [](FlowSlot elsewhere, bool original) {
    check_torn<TestType>(
        2, [=](auto& crash, FlowSlot slot, FlowSlot peer) { crash.head(original ? slot : peer).peer = elsewhere; });
  };
  for (const bool original : {true, false}) {
    points_to(kNoFlow, original);
    points_to(64, original);  // a line of tags
    points_to(~FlowSlot{0}, original);
    points_to(FlowTable<TestType>::buckets_for(2000) * 32 + 1, original);  // behind the last bucket
  }
  check_torn<TestType>(2, [](auto& crash, FlowSlot slot, FlowSlot) { crash.head(slot).peer = slot; });
  check_torn<TestType>(2, [](auto& crash, FlowSlot, FlowSlot peer) { crash.head(peer).peer = peer; });
  // Another session's flow, which names its own partner.
  check_torn<TestType>(
      2, [](auto& crash, FlowSlot slot, FlowSlot) { crash.head(slot).peer = crash.history.sessions()[5].peer; });
  // Two originals, two replies, two kinds; one that is translated or holds a port, and one that isn't and doesn't.
  check_torn<TestType>(2, [](auto& crash, FlowSlot, FlowSlot peer) { crash.head(peer).kind_and_flags ^= kFlowReply; });
  check_torn<TestType>(2, [](auto& crash, FlowSlot slot, FlowSlot) { crash.head(slot).kind_and_flags ^= kFlowReply; });
  check_torn<TestType>(
      2, [](auto& crash, FlowSlot, FlowSlot peer) { crash.head(peer).kind_and_flags ^= 1 << kFlowKindShift; });
  for (const std::uint8_t flag : {kFlowTranslated, kFlowHoldsPort}) {
    check_torn<TestType>(2, [=](auto& crash, FlowSlot, FlowSlot peer) { crash.head(peer).kind_and_flags ^= flag; });
  }
  // A port without a translation.
  check_torn<TestType>(2, [](auto& crash, FlowSlot slot, FlowSlot peer) {
    for (const FlowSlot flow : {slot, peer}) crash.head(flow).kind_and_flags |= kFlowHoldsPort;
  });
}

TEMPLATE_TEST_CASE("a flow whose key can't live at its slot is dropped with its session", "", FiveTuple4, FiveTuple6) {
  for (const bool original : {true, false}) {
    check_torn<TestType>(2, [=](auto& crash, FlowSlot slot, FlowSlot peer) {
      const FlowSlot changed = original ? slot : peer;
      // One that has no way through this bucket.
      FlowMemory<TestType> scratch(crash.memory.flows.buckets());
      FlowTable<TestType> probe(scratch.bytes());
      std::uint64_t number = 100'000;
      while (probe.restore(changed, crash.before.hash(tuple_of<TestType>(number)))) ++number;
      crash.memory.flows.entry(changed).key = tuple_of<TestType>(number);
    });
  }
}

TEMPLATE_TEST_CASE("of two whole sessions with one key, one is kept", "", FiveTuple4, FiveTuple6) {
  Crash<TestType> crash(4);
  // Another session whose original lies in the same bucket gets its key.
  const auto& sessions = crash.history.sessions();
  std::size_t one = 0, two = 0;
  for (one = 0; one < sessions.size() && two == 0; ++one) {
    for (std::size_t other = one + 1; other < sessions.size() && two == 0; ++other)
      if (sessions[one].slot / 32 == sessions[other].slot / 32) two = other;
  }
  --one;
  REQUIRE(two != 0);
  crash.memory.flows.entry(sessions[two].slot).key = sessions[one].original;
  const bool first_is_kept = sessions[one].slot < sessions[two].slot;
  CHECK(crash.recover() == 2);
  if (first_is_kept) {
    crash.history.forget(two);
    crash.check();
  } else {
    CHECK(crash.after->size() == sessions.size() - 1);
    CHECK(crash.history.find(sessions[one].original) == sessions[two].slot);
  }
}

TEMPLATE_TEST_CASE("tags and counters are made anew from the entries, whatever is left of them", "", FiveTuple4,
                   FiveTuple6) {
  std::mt19937_64 random(1);
  const auto check = [](auto damage) {
    Crash<TestType> crash(5);
    damage(crash);
    CHECK(crash.recover() == 0);
    crash.check();
  };
  SECTION("all are lost") {
    check([](auto& crash) { crash.before.flows().forget_tags(); });
  }
  SECTION("one is lost") {
    check([](auto& crash) { crash.tag(crash.history.sessions()[0].slot) = 0; });
  }
  SECTION("wrong tags") {
    check([&](auto& crash) {
      for (const auto& session : crash.history.sessions())
        crash.tag(session.slot) = static_cast<std::uint16_t>(random());
    });
  }
  SECTION("wrong counters") {
    check([&](auto& crash) {
      for (std::uint32_t bucket = 0; bucket < crash.memory.flows.buckets(); ++bucket)
        crash.memory.flows.tags(bucket).passed = static_cast<std::uint16_t>(random());
    });
  }
}

TEMPLATE_TEST_CASE("any damage leaves a table that works, with what was not damaged", "", FiveTuple4, FiveTuple6) {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 10; ++round) {
    Crash<TestType> crash(seed + static_cast<std::uint64_t>(round));
    for (std::size_t index = crash.history.sessions().size(); index-- > 0;) {
      if (random() % 4 != 0) continue;
      const auto session = crash.history.sessions()[index];
      const FlowSlot slot = random() % 2 == 0 ? session.slot : session.peer;
      // What a writer leaves behind that was stopped in the middle: odd, and anything in it.
      for (std::byte& byte : std::as_writable_bytes(std::span(&crash.memory.flows.entry(slot), 1)))
        if (random() % 2 == 0) byte = static_cast<std::byte>(random());
      crash.head(slot).sequence |= 1;
      if (random() % 2 == 0) crash.tag(slot) = 0;
      crash.history.forget(index);
    }
    for (std::uint32_t bucket = 0; bucket < crash.memory.flows.buckets(); ++bucket)
      crash.memory.flows.tags(bucket).passed = static_cast<std::uint16_t>(random());
    crash.recover();
    crash.check();
  }
}

TEMPLATE_TEST_CASE("connections that are taken over keep their state and are learnt anew", "", FiveTuple4, FiveTuple6) {
  SessionMemory<TestType> memory(100);
  SessionTable<TestType> before(memory.view(), HashKey::from_seed(8), kNow);
  std::vector<FlowSlot> slots;
  for (const TcpState state : kTcpStates) {
    auto start = start_of(before, tuple_of<TestType>(static_cast<std::uint64_t>(state)), FlowKind::kTcp);
    const TcpSides sides = tcp_sides(state);
    start.original.tcp = sides.original;
    start.reply.tcp = sides.reply;
    slots.push_back(before.insert(start, SessionTimeouts(), kNow).slot);
  }
  SessionTable<TestType> after(memory.view(), HashKey::from_seed(8), kNow + seconds(1));
  CHECK(after.recover(SessionTimeouts(), kNow + seconds(1), [](FlowSlot) {}) == 0);
  REQUIRE(after.size() == slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const FlowHead& one = after.entry(slots[i]).head;
    const FlowHead& two = after.entry(one.peer).head;
    CHECK(tcp_state_of(one.tcp, two.tcp) == kTcpStates[i]);
    TcpSides sides = tcp_sides(kTcpStates[i]);
    tcp_learn(sides.original, sides.reply);
    CHECK((one.tcp.bits == sides.original.bits && two.tcp.bits == sides.reply.bits));
    CHECK(after.info(slots[i]).created_s == 1000);
  }
}

TEMPLATE_TEST_CASE("what is known of a shifted session is taken over, and everything else of it works", "", FiveTuple4,
                   FiveTuple6) {
  SessionMemory<TestType> memory(100);
  SessionTable<TestType> before(memory.view(), HashKey::from_seed(8), kNow);
  const SynHandshake handshake{300, 0x5dc1b2f6, 77, 7, true};
  const TcpShift shift{0x80000001, 5, -7, 7};
  std::vector<FlowSlot> slots;
  for (std::uint64_t number = 0; number < 2; ++number) {
    auto start = start_of(before, tuple_of<TestType>(number), FlowKind::kTcp);
    start.reply.ingress = 6;
    start.flags = kFlowShifted | kFlowLogClose;
    start.shift = FlowShift::waiting(handshake);
    slots.push_back(before.insert(start, SessionTimeouts(), kNow).slot);
  }
  const FlowSlot answered = before.entry(slots[1]).head.peer;
  before.put_shift(answered, before.shift(answered).answered(shift));
  SessionTable<TestType> after(memory.view(), HashKey::from_seed(8), kNow);
  REQUIRE(after.recover(SessionTimeouts(), kNow, [](FlowSlot) {}) == 0);
  REQUIRE(after.size() == 2);
  for (const FlowSlot slot : slots) {
    const FlowHead& head = after.entry(slot).head;
    CHECK((head.has(kFlowShifted) && after.entry(head.peer).head.has(kFlowShifted)));
    CHECK(after.info(slot).wheel_record != 0);
    CHECK(after.info(head.peer).ingress == 6);
    const FlowShift kept = after.shift(head.peer);
    CHECK(kept.waits() == (slot == slots[0]));
    CHECK((kept.waits() ? kept.handshake() == handshake : kept.shift() == shift));
  }
  after.erase(slots[0]);
  after.erase(answered);
  CHECK(after.size() == 0);
  CHECK(memory.flows.is_free());
}

TEMPLATE_TEST_CASE("what was over before the take-over ends in its first seconds, not in its first turn", "",
                   FiveTuple4, FiveTuple6) {
  SessionMemory<TestType> memory(5000);
  SessionTable<TestType> before(memory.view(), HashKey::from_seed(8), kNow);
  for (std::uint64_t number = 0; number < 5000; ++number) {
    const bool icmp = number % 5 != 0;
    REQUIRE(before
                .insert(start_of(before, tuple_of<TestType>(number), icmp ? FlowKind::kIcmp : FlowKind::kOther),
                        SessionTimeouts(), kNow)
                .slot != kNoFlow);
  }
  Now now = kNow + seconds(500);
  SessionTable<TestType> after(memory.view(), HashKey::from_seed(8), now);
  REQUIRE(after.recover(SessionTimeouts(), now, [](FlowSlot) {}) == 0);
  std::uint32_t most = 0;
  const auto turn = [&] { most = std::max(most, after.expire(now, SessionTimeouts(), 10'000, [](FlowSlot) {})); };
  turn();
  for (; now < kNow + seconds(506); now += 100 * kNanosecondsPerMillisecond) turn();
  CHECK(after.size() == 1000);
  CHECK(most < 500);
  for (; now < kNow + seconds(599); now += 100 * kNanosecondsPerMillisecond) turn();
  CHECK(after.size() == 1000);
  for (; now < kNow + seconds(602); now += 100 * kNanosecondsPerMillisecond) turn();
  CHECK(after.size() == 0);
}
