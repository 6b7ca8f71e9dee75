// SPDX-License-Identifier: Apache-2.0
#include "sessions/session_table.h"

#include <map>
#include <random>

#include "test/sessions/connections.h"
#include "test/sessions/tables.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr Now kStart = seconds(1'000'000);

template <typename Tuple>
struct Sessions {
  explicit Sessions(std::size_t sessions, Now begin = kStart, std::size_t wheel_sessions = 0)
      : memory(sessions, wheel_sessions), table(memory.view(), HashKey::from_seed(1), begin), now(begin) {}

  SessionStart<Tuple> start(std::uint64_t number, FlowKind kind = FlowKind::kUdp) const {
    return start_of(table, tuple_of<Tuple>(number), kind);
  }
  FlowSlot insert(std::uint64_t number, FlowKind kind = FlowKind::kUdp) {
    const auto inserted = table.insert(start(number, kind), timeouts, now);
    REQUIRE(inserted.refusal == SessionRefusal::kNone);
    return inserted.slot;
  }
  FlowSlot insert_tcp(std::uint64_t number, TcpState state) {
    auto session = start(number, FlowKind::kTcp);
    const TcpSides sides = tcp_sides(state);
    session.original.tcp = sides.original;
    session.reply.tcp = sides.reply;
    return table.insert(session, timeouts, now).slot;
  }
  FlowSlot find(const Tuple& key) const { return table.flows().find(key, table.hash(key)); }
  void packet(FlowSlot slot) { put(table.entry(slot).head.seen, flow_date(now)); }
  /// Looks at what is due; what ended.
  std::vector<FlowSlot> expire(std::uint32_t most = 1'000'000) {
    std::vector<FlowSlot> ended;
    looked_at = table.expire(now, timeouts, most, [&](FlowSlot slot) { ended.push_back(slot); });
    return ended;
  }
  /// Seconds until the first session ends, looking often enough.
  double seconds_to_end(double at_most) {
    const Now begin = now;
    while (expire().empty()) {
      now += 20 * kNanosecondsPerMillisecond;
      if (static_cast<double>(now - begin) > at_most * 1e9) return -1;
    }
    return static_cast<double>(now - begin) * 1e-9;
  }

  SessionMemory<Tuple> memory;
  SessionTable<Tuple> table;
  SessionTimeouts timeouts;
  Now now;
  std::uint32_t looked_at = 0;
};

}  // namespace

TEMPLATE_TEST_CASE("a session is found by both directions, each of which names the other", "", FiveTuple4, FiveTuple6) {
  Sessions<TestType> sessions(100);
  auto start = sessions.start(1);
  start.original.zone = 3;
  start.original.ingress = 4;
  start.reply.zone = 5;
  start.reply.ingress = 6;
  start.flags = kFlowLogClose;
  start.rule = 77;
  start.policy = 0xabcd;
  const auto inserted = sessions.table.insert(start, sessions.timeouts, sessions.now);
  CHECK(inserted.refusal == SessionRefusal::kNone);
  const FlowSlot slot = sessions.find(start.original.key);
  const FlowSlot peer = sessions.find(start.reply.key);
  REQUIRE(slot == inserted.slot);
  REQUIRE(peer != kNoFlow);
  REQUIRE(peer != slot);
  CHECK(sessions.table.size() == 1);
  CHECK(sessions.table.original_of(slot) == slot);
  CHECK(sessions.table.original_of(peer) == slot);

  const FlowHead& one = sessions.table.entry(slot).head;
  const FlowHead& two = sessions.table.entry(peer).head;
  CHECK(one.peer == peer);
  CHECK(two.peer == slot);
  CHECK_FALSE(one.has(kFlowReply));
  CHECK(two.has(kFlowReply));
  CHECK((one.has(kFlowLogClose) && two.has(kFlowLogClose)));
  CHECK((one.whole() && two.whole()));
  CHECK((one.zone == 3 && two.zone == 5));
  CHECK((sessions.table.info(slot).ingress == 4 && sessions.table.info(peer).ingress == 6));
  CHECK((one.kind() == FlowKind::kUdp && two.kind() == FlowKind::kUdp));
  CHECK((one.policy() == 0xabcd && one.packets() == 0 && one.bytes == 0));
  CHECK((one.seen == flow_date(kStart) && two.seen == flow_date(kStart)));
  CHECK(sessions.table.info(slot).rule == 77);
  CHECK(sessions.table.info(slot).created_s == 1'000'000);
  CHECK(sessions.table.info(slot).wheel_record != 0);
  CHECK(sessions.table.info(peer).wheel_record == 0);
}

TEMPLATE_TEST_CASE("a session's reply may have any key that nobody has", "", FiveTuple4, FiveTuple6) {
  Sessions<TestType> sessions(100);
  auto translated = sessions.start(1);
  translated.reply = sessions.start(500).reply;
  REQUIRE(sessions.table.insert(translated, sessions.timeouts, sessions.now).refusal == SessionRefusal::kNone);
  const FlowMemory<TestType> before = sessions.memory.flows;

  // Another session whose replies would look the same; one that has the reply's key itself is found, never inserted.
  auto same = sessions.start(2);
  same.reply = translated.reply;
  CHECK(sessions.table.insert(same, sessions.timeouts, sessions.now).refusal == SessionRefusal::kReplyTaken);
  // Its replies would be somebody's originals.
  auto reversed = sessions.start(3);
  reversed.reply = translated.original;
  CHECK(sessions.table.insert(reversed, sessions.timeouts, sessions.now).refusal == SessionRefusal::kReplyTaken);
  // It would be its own reply: one host, one port.
  auto own = sessions.start(4);
  own.reply = own.original;
  const auto inserted = sessions.table.insert(own, sessions.timeouts, sessions.now);
  CHECK(inserted.refusal == SessionRefusal::kReplyTaken);
  CHECK(inserted.slot == kNoFlow);
  CHECK(sessions.memory.flows == before);
  CHECK(sessions.table.size() == 1);
  // The reversed key of the first is nobody's.
  CHECK(sessions.find(sessions.start(1).reply.key) == kNoFlow);
}

TEMPLATE_TEST_CASE("either direction's slot is enough to erase a session", "", FiveTuple4, FiveTuple6) {
  Sessions<TestType> sessions(100);
  const FlowSlot one = sessions.insert(1);
  const FlowSlot two = sessions.insert(2);
  sessions.insert(3);
  sessions.table.erase(one);
  CHECK(sessions.find(tuple_of<TestType>(1)) == kNoFlow);
  CHECK(sessions.find(tuple_of<TestType>(1).reversed()) == kNoFlow);
  sessions.table.erase(sessions.table.entry(two).head.peer);
  CHECK(sessions.find(tuple_of<TestType>(2)) == kNoFlow);
  CHECK(sessions.find(tuple_of<TestType>(2).reversed()) == kNoFlow);
  CHECK(sessions.table.size() == 1);
  CHECK(sessions.find(tuple_of<TestType>(3)) != kNoFlow);
  // The wheel knows only the third any more.
  sessions.now += seconds(100);
  CHECK(sessions.expire().size() == 1);
  CHECK(sessions.looked_at == 1);
  CHECK(sessions.memory.flows.is_free());
}

TEMPLATE_TEST_CASE("a session for whose flows there is no place leaves nothing behind", "", FiveTuple4, FiveTuple6) {
  Sessions<TestType> sessions(1, kStart, 200);
  std::size_t refused = 0;
  for (std::uint64_t number = 0; number < 1000; ++number) {
    const FlowMemory<TestType> before = sessions.memory.flows;
    const auto inserted = sessions.table.insert(sessions.start(number), sessions.timeouts, sessions.now);
    if (inserted.refusal == SessionRefusal::kNone) continue;
    ++refused;
    REQUIRE(inserted.refusal == SessionRefusal::kNoPlace);
    REQUIRE(sessions.find(tuple_of<TestType>(number)) == kNoFlow);
    for (std::uint32_t bucket = 0; bucket < before.buckets(); ++bucket) {
      // Its counters too, unless one was full: then it stays so.
      const auto& tags = sessions.memory.flows.tags(bucket).tag;
      REQUIRE(std::equal(tags.begin(), tags.end(), FlowMemory<TestType>(before).tags(bucket).tag.begin()));
    }
  }
  CHECK(refused > 800);
  CHECK(sessions.table.size() > 100);
  CHECK(sessions.table.flows().count_tags() == 2 * sessions.table.size());
  const std::uint32_t size = sessions.table.size();
  sessions.now += seconds(61);
  CHECK(sessions.expire().size() == size);
  CHECK(sessions.table.flows().count_tags() == 0);
}

TEMPLATE_TEST_CASE("a session ends when its timeout is over, at most a second later", "", FiveTuple4, FiveTuple6) {
  const auto check = [](double timeout, auto insert) {
    for (const Now begin : {kStart, Now{1} << 56, (Now{1} << 56) - seconds(5)}) {  // dates wrap at 2^56 ns
      Sessions<TestType> sessions(100, begin);
      const FlowSlot slot = insert(sessions);
      const FlowSlot peer = sessions.table.entry(slot).head.peer;
      // Both directions prolong it.
      sessions.now += seconds(1);
      CHECK(sessions.expire().empty());
      sessions.packet(begin == kStart ? slot : peer);
      const double lived = sessions.seconds_to_end(timeout + 10);
      CHECK(lived >= timeout - 0.02);  // dates have 17 ms
      CHECK(lived <= timeout + 1);
      CHECK(sessions.memory.flows.is_free());
    }
  };
  check(60, [](auto& sessions) { return sessions.insert(1, FlowKind::kUdp); });
  check(10, [](auto& sessions) { return sessions.insert(1, FlowKind::kIcmp); });
  check(600, [](auto& sessions) { return sessions.insert(1, FlowKind::kOther); });
  for (const TcpState state : kTcpStates) {
    INFO(tcp_state_name(state));
    const double timeout = state == TcpState::kEstablished ? 3600
                           : state == TcpState::kFinWait   ? 240
                           : state == TcpState::kReset     ? 10
                           : is_half_open(state)           ? 20
                                                           : 30;
    check(timeout, [&](auto& sessions) { return sessions.insert_tcp(1, state); });
  }
}

TEMPLATE_TEST_CASE("without a wheel sessions last until they are erased, and their places come back", "", FiveTuple4,
                   FiveTuple6) {
  constexpr std::uint64_t kCount = 100;
  SessionMemory<TestType> memory(kCount);
  SessionTable<TestType> table(memory.view_without_wheel(), HashKey::from_seed(1), seconds(1));
  for (int round = 0; round < 3; ++round) {
    std::vector<FlowSlot> slots;
    for (std::uint64_t i = 0; i < kCount; ++i) {
      slots.push_back(table.insert(start_of(table, tuple_of<TestType>(i)), SessionTimeouts(), seconds(1)).slot);
      REQUIRE(slots.back() != kNoFlow);
    }
    CHECK(!table.expiry_due(seconds(1'000'000)));
    for (const FlowSlot slot : slots) table.erase(slot);
    CHECK(table.size() == 0);
  }
}

TEMPLATE_TEST_CASE("a session never ends while its packets come", "", FiveTuple4, FiveTuple6) {
  Sessions<TestType> sessions(100);
  const FlowSlot slot = sessions.insert(1, FlowKind::kIcmp);
  const FlowSlot peer = sessions.table.entry(slot).head.peer;
  std::uint32_t looks = 0;
  for (int i = 0; i < 40'000; ++i) {
    sessions.now += 97 * kNanosecondsPerMillisecond;
    if (i % 100 == 0) sessions.packet(i % 200 == 0 ? slot : peer);  // every 9.7 s, in turns
    REQUIRE(sessions.expire().empty());
    looks += sessions.looked_at;
  }
  CHECK(looks < 900);  // of packets it knows nothing: looked at when its time would be over, no more often
  CHECK(sessions.table.size() == 1);
}

TEMPLATE_TEST_CASE("a timeout that becomes shorter counts at once for a session that is rescheduled", "", FiveTuple4,
                   FiveTuple6) {
  Sessions<TestType> sessions(100);
  const FlowSlot slot = sessions.insert_tcp(1, TcpState::kEstablished);
  sessions.insert(2, FlowKind::kOther);
  const TcpSides sides = tcp_sides(TcpState::kReset);
  sessions.now += seconds(100);
  CHECK(sessions.expire().empty());
  sessions.packet(slot);
  sessions.table.entry(slot).head.tcp = sides.original;
  sessions.table.entry(sessions.table.entry(slot).head.peer).head.tcp = sides.reply;
  sessions.table.reschedule(slot, sessions.timeouts);
  const WheelPlace place = sessions.table.info(slot).wheel_record;
  const double lived = sessions.seconds_to_end(20);
  CHECK(lived >= 9.98);
  CHECK(lived <= 11);
  CHECK(place != 0);
  CHECK(sessions.table.size() == 1);
}

TEMPLATE_TEST_CASE("changed timeouts count for the sessions that there are, within the wheel's turn", "", FiveTuple4,
                   FiveTuple6) {
  Sessions<TestType> sessions(100);
  sessions.insert(1, FlowKind::kOther);
  sessions.now += seconds(5);
  sessions.timeouts.other = SessionTimeouts::seconds(30);
  const double lived = sessions.seconds_to_end(100);
  CHECK(lived >= 25);
  CHECK(lived <= 70);
}

TEMPLATE_TEST_CASE("a call looks at no more sessions than it may, and the next call goes on", "", FiveTuple4,
                   FiveTuple6) {
  Sessions<TestType> sessions(1000);
  for (std::uint64_t number = 0; number < 1000; ++number) sessions.insert(number);
  sessions.now += seconds(61);
  CHECK(sessions.table.expiry_due(sessions.now));
  std::size_t ended = 0;
  for (int call = 0; call < 28; ++call) {
    ended += sessions.expire(35).size();
    CHECK(sessions.looked_at == 35);
  }
  CHECK(ended == 980);
  CHECK(sessions.expire(35).size() == 20);
  CHECK_FALSE(sessions.table.expiry_due(sessions.now));
  CHECK(sessions.memory.flows.is_free());
}

TEMPLATE_TEST_CASE("each of many sessions ends when the last packet of either direction is a timeout old", "",
                   FiveTuple4, FiveTuple6) {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::mt19937_64 random(seed);
  Sessions<TestType> sessions(500);
  std::vector<FlowSlot> slots;
  std::map<FlowSlot, Now> last;
  std::uint64_t number = 0;
  std::size_t ended = 0;
  for (int step = 0; step < 5000; ++step) {
    sessions.now += 50 * kNanosecondsPerMillisecond;
    for (int i = 0; i < 2 && slots.size() < 500; ++i) {
      slots.push_back(sessions.insert(number++));
      last[slots.back()] = sessions.now;
    }
    // Each gets a packet now and then by its slot: of the original, of the reply, seldom and of either, or never.
    for (int i = 0; i < 20; ++i) {
      const FlowSlot slot = slots[random() % slots.size()];
      const std::uint32_t kind = slot / 3 % 8;
      if (kind == 0 || (kind == 1 && random() % 40 != 0)) continue;
      const bool reply = kind == 1 ? random() % 2 == 0 : kind % 2 == 0;
      sessions.packet(reply ? sessions.table.entry(slot).head.peer : slot);
      last[slot] = sessions.now;
    }
    const auto forget = [&](FlowSlot slot) {
      last.erase(slot);
      std::erase(slots, slot);
    };
    if (step % 50 == 0) {
      const FlowSlot slot = slots[random() % slots.size()];
      sessions.table.erase(slot);
      forget(slot);
    }
    for (const FlowSlot slot : sessions.expire(64)) {
      REQUIRE(sessions.now - last.at(slot) >= seconds(60) - 20 * kNanosecondsPerMillisecond);
      forget(slot);
      ++ended;
    }
    for (const auto& [slot, seen] : last) REQUIRE(sessions.now - seen <= seconds(61));
  }
  CHECK(ended > 100);
}

TEMPLATE_TEST_CASE("after a time without sessions the next one is looked at as rarely as any", "", FiveTuple4,
                   FiveTuple6) {
  Sessions<TestType> sessions(1000);
  sessions.now += seconds(1'000'000);
  const FlowSlot slot = sessions.insert(1);
  CHECK(sessions.expire().empty());
  CHECK(sessions.looked_at == 0);
  sessions.now += seconds(30);
  sessions.packet(slot);
  CHECK(sessions.expire().empty());
  CHECK(sessions.looked_at == 0);
  sessions.now += seconds(31);
  CHECK(sessions.expire().empty());
  CHECK(sessions.looked_at == 1);
}

TEMPLATE_TEST_CASE("a session with the longest timeout that there is gets looked at once a turn of the wheel", "",
                   FiveTuple4, FiveTuple6) {
  Sessions<TestType> sessions(100);
  sessions.timeouts.other = flow_date_span(~std::uint64_t{0});
  for (int i = 0; i < 16; ++i) {
    sessions.now += 17 * kNanosecondsPerMillisecond;
    sessions.insert(static_cast<std::uint64_t>(i), FlowKind::kOther);
  }
  std::uint32_t looks = 0;
  for (int i = 0; i < 1000; ++i) {
    sessions.now += 100 * kNanosecondsPerMillisecond;
    CHECK(sessions.expire(1000).empty());
    looks += sessions.looked_at;
  }
  CHECK(looks == 16);  // in 100 seconds
}

TEMPLATE_TEST_CASE("a translated session has the timeouts of NAT, and nobody outside prolongs it", "", FiveTuple4,
                   FiveTuple6) {
  Sessions<TestType> sessions(1000);
  sessions.timeouts.nat_udp = SessionTimeouts::seconds(30);
  sessions.timeouts.nat_icmp = SessionTimeouts::seconds(20);
  sessions.timeouts.nat_tcp_transitory = SessionTimeouts::seconds(15);
  sessions.timeouts.nat_tcp_established = SessionTimeouts::seconds(25);
  std::uint8_t flags = kFlowTranslated | kFlowHoldsPort;
  const auto insert = [&](FlowKind kind, TcpState state) {
    auto start = sessions.start(1, kind);
    start.flags = flags;
    start.original.tcp = tcp_sides(state).original;
    start.reply.tcp = tcp_sides(state).reply;
    return sessions.table.insert(start, sessions.timeouts, sessions.now).slot;
  };
  const auto lives = [&](FlowKind kind, TcpState state, bool answered) {
    const FlowSlot slot = insert(kind, state);
    const FlowSlot reply = sessions.table.entry(slot).head.peer;
    sessions.now += 10 * kNanosecondsPerSecond;
    if (answered) sessions.packet(reply);
    return 10 + sessions.seconds_to_end(60);
  };
  CHECK(lives(FlowKind::kUdp, TcpState::kSynSent, true) == Approx(30).margin(1));
  CHECK(lives(FlowKind::kUdp, TcpState::kSynSent, false) == Approx(30).margin(1));
  CHECK(lives(FlowKind::kIcmp, TcpState::kSynSent, true) == Approx(20).margin(1));
  CHECK(lives(FlowKind::kTcp, TcpState::kEstablished, false) == Approx(25).margin(1));
  CHECK(lives(FlowKind::kTcp, TcpState::kEstablished, true) == Approx(35).margin(1));
  CHECK(lives(FlowKind::kTcp, TcpState::kSynSent, false) == Approx(15).margin(1));
  CHECK(lives(FlowKind::kTcp, TcpState::kReset, false) == Approx(15).margin(1));
  // One that holds no port may have begun outside: either side prolongs it.
  flags = kFlowTranslated;
  CHECK(lives(FlowKind::kUdp, TcpState::kSynSent, true) == Approx(40).margin(1));
  CHECK(lives(FlowKind::kUdp, TcpState::kSynSent, false) == Approx(30).margin(1));
}
