// SPDX-License-Identifier: Apache-2.0
// However a session ends, its external port is to be had again, and no sooner.
#include "test/sessions/nat_run.h"

using namespace culvert;
using namespace culvert::test;

namespace {

/// A session of each protocol with port 2000, which `end` ends.
template <typename Tuple, typename End>
void check_given_back(SessionLimits limits, End end) {
  for (const NatProtocol& protocol : kWithPorts) {
    NatMemory memory(limits);
    NatRun run(memory, external_addresses({1, 2}));
    const FlowSlot slot = run.begin<Tuple>(1, protocol, 2000);
    run.check();
    REQUIRE_FALSE(run.pool<Tuple>(protocol).take_exactly(2000));
    end(run, slot, protocol);
    REQUIRE(run.find<Tuple>(1, protocol) == kNoFlow);
    run.check();
    REQUIRE(run.pool<Tuple>(protocol).take_exactly(2000));
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a session that is ended, whatever for, gives its port back", "", FiveTuple4, FiveTuple6) {
  for (const SessionEnd why : {SessionEnd::kCleared, SessionEnd::kPolicyChanged, SessionEnd::kRenewed}) {
    check_given_back<TestType>(
        {10, 10}, [=](NatRun& run, FlowSlot slot, const NatProtocol&) { run.shard.end<TestType>(slot, why); });
    check_given_back<TestType>({10, 10}, [=](NatRun& run, FlowSlot slot, const NatProtocol&) {
      run.shard.end<TestType>(run.shard.table<TestType>().entry(slot).head.peer, why);
    });
  }
}

TEMPLATE_TEST_CASE("a session that the operator clears gives its port back", "", FiveTuple4, FiveTuple6) {
  check_given_back<TestType>({10, 10}, [](NatRun& run, FlowSlot slot, const NatProtocol&) {
    const std::uint32_t sequence = run.shard.table<TestType>().entry(slot).head.sequence;
    const SessionHandle handle{slot, sequence, std::is_same_v<TestType, FiveTuple6>};
    CHECK(run.shard.clear(std::span(&handle, 1)) == 1);
  });
}

TEMPLATE_TEST_CASE("a session whose time is over gives its port back", "", FiveTuple4, FiveTuple6) {
  check_given_back<TestType>({10, 10}, [](NatRun& run, FlowSlot, const NatProtocol& protocol) {
    run.pass(5);
    CHECK_FALSE(run.pool<TestType>(protocol).take_exactly(2000));
    run.pass(8000);
    CHECK(run.cells.expired.read() == 1);
  });
}

TEMPLATE_TEST_CASE("a session that makes way gives its port back", "", FiveTuple4, FiveTuple6) {
  check_given_back<TestType>({1, 1}, [](NatRun& run, FlowSlot slot, const NatProtocol& protocol) {
    if (protocol.flow == FlowKind::kTcp) {  // one that is established does not
      run.shard.end<TestType>(slot, SessionEnd::kCleared);
      auto start = run.translated<TestType>(1, protocol, 2000);
      NatRun::set_tcp(start, TcpState::kSynSent);
      REQUIRE(run.pool<TestType>(protocol).take_exactly(2000));
      REQUIRE(run.admit(start) != kNoFlow);
    }
    // Until one has it for a neighbour.
    std::uint64_t number = 100;
    while (run.begin_plain<TestType>(number) == kNoFlow) REQUIRE(++number < 10'000);
    CHECK(run.cells.evicted.read() == 1);
  });
}

TEMPLATE_TEST_CASE("when all ports are taken, one is to be had as soon as its session ends, and it is that one", "",
                   FiveTuple4, FiveTuple6) {
  for (const NatProtocol& protocol : kWithPorts) {
    NatMemory memory({200, 200});
    NatRun run(memory, external_addresses({1, 2}, {2000, 2063}));
    for (std::uint16_t i = 0; i < 64; ++i) run.begin<TestType>(i, protocol, static_cast<std::uint16_t>(2000 + i));
    const std::size_t address = run.ports().find(mapped(external_address<TestType>(1))).value();
    const auto take = [&] { return run.ports().take(address, *protocol.ports, PortWish::like(40), 12345); };
    CHECK(!take().has_value());
    run.check();
    for (const std::uint32_t number : {17U, 0U, 63U}) {
      run.shard.end<TestType>(run.find<TestType>(number, protocol), SessionEnd::kCleared);
      CHECK(take().value() == 2000 + number);
      CHECK(!take().has_value());
    }
  }
}

TEMPLATE_TEST_CASE("what has no ports gives none back", "", FiveTuple4, FiveTuple6) {
  NatMemory memory({10, 10});
  NatRun run(memory, external_addresses({1}));
  const FlowSlot slot = run.begin<TestType>(1, kNatGre, 0);
  run.check();
  run.shard.end<TestType>(slot, SessionEnd::kCleared);
  run.check();
  CHECK(run.shard.state().ipv4.translated + run.shard.state().ipv6.translated == 0);
}
