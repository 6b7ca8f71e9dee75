// SPDX-License-Identifier: Apache-2.0
// Mappings through the lives of several culvertds: they are counted anew from the sessions that go on.
#include <set>
#include <string>
#include <utility>

#include "test/sessions/nat_run.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr std::uint16_t kPort = 2000;

/// Three sessions of one inside endpoint, two of them with one address; the last one was begun outside, and nobody has
/// answered it.
template <typename Tuple>
struct Phone {
  explicit Phone(NatRun& nat_run) : run(nat_run) {}

  Tuple inside(std::uint8_t remote, std::uint16_t port) {
    Tuple key = run.translated<Tuple>(1, kNatUdp, kPort).original.key;
    key.destination = external_address<Tuple>(100U + remote);  // somebody else's
    key.destination_port = Be16(port);
    return key;
  }
  SessionStart<Tuple> start_of(std::uint8_t remote, std::uint16_t port) {
    SessionStart<Tuple> start = run.translated<Tuple>(1, kNatUdp, kPort);
    auto& table = run.shard.table<Tuple>();
    start.original.key = inside(remote, port);
    start.reply.key.source = start.original.key.destination;
    start.reply.key.source_port = start.original.key.destination_port;
    start.original.hash = table.hash(start.original.key);
    start.reply.hash = table.hash(start.reply.key);
    return start;
  }
  void begin(Now now) {
    auto& bindings = run.bindings();
    auto start = start_of(1, 53);
    REQUIRE(run.pool<Tuple>(kNatUdp).take_exactly(kPort));
    const FlowSlot mapping = bindings.begin(start.original.key, start.reply.key, now);
    REQUIRE(mapping != kNoFlow);
    open(start, mapping, now);
    auto second = start_of(1, 54), third = start_of(2, 53), from_outside = start_of(3, 99);
    for (auto* more : {&second, &third}) {
      bindings.template mappings<Tuple>().hold(mapping);
      open(*more, mapping, now);
    }
    bindings.template mappings<Tuple>().hold(mapping);
    from_outside.nat = kNatMapped | kNatFromOutside;
    REQUIRE(run.admit(from_outside) != kNoFlow);
  }
  void open(SessionStart<Tuple>& start, FlowSlot mapping, Now now) {
    const unsigned opened = run.bindings().open(mapping, start.original.key, true, now);
    run.bindings().template mappings<Tuple>().allow(mapping, {7, 1, 2});
    start.nat = static_cast<std::uint8_t>(kNatMapped | opened);
    REQUIRE(run.admit(start) != kNoFlow);
  }

  /// All of it is there, under no policy.
  void check(std::uint16_t policy) {
    auto& mappings = run.bindings().template mappings<Tuple>();
    const Tuple reply = start_of(9, 1).reply.key;  // a stranger's
    const FlowSlot mapping = mappings.of_outside(reply);
    REQUIRE(mapping != kNoFlow);
    CHECK(mappings.sessions(mapping) == 4);
    CHECK(mappings.is_open(mapping));
    CHECK(mappings.allowed(mapping).policy == policy);
    CHECK(mappings.inside(mapping).source == inside(1, 1).source);
    CHECK(mappings.permitted(mapping, start_of(1, 77).reply.key));
    CHECK(mappings.permitted(mapping, start_of(2, 77).reply.key));
    CHECK(!mappings.permitted(mapping, start_of(3, 99).reply.key));
    CHECK(mappings.size() == 2);  // it, and one address that has no place in it
    CHECK(run.pool<Tuple>(kNatUdp).used() == 1);
  }
  void check_gone() {
    CHECK(run.shard.size() == 0);
    CHECK(run.bindings().template mappings<Tuple>().size() == 0);
    CHECK(run.pool<Tuple>(kNatUdp).used() == 0);
  }

  NatRun& run;
};

}  // namespace

TEMPLATE_TEST_CASE("a mapping goes on with its sessions, and ends with them", "", FiveTuple4, FiveTuple6) {
  for (const bool as_they_are : {false, true}) {
    NatMemory memory({100, 20});
    NatRun first(memory, external_addresses({1}));
    Phone<TestType>(first).begin(memory.now);
    Phone<TestType>(first).check(7);
    NatRun second(memory, external_addresses({1}), as_they_are ? Begins::kInUse : Begins::kEmpty);
    if (as_they_are) {
      second.shard.go_on(first.shard.state(), memory.now);
    } else {
      second.recover();
    }
    Phone<TestType> phone(second);
    phone.check(0);
    // The last session that keeps it open ends before the one that does not.
    second.pass(400);
    phone.check_gone();
  }
}

TEMPLATE_TEST_CASE("sessions whose mapping is not to be had end", "", FiveTuple4, FiveTuple6) {
  NatMemory memory({100, 20});
  NatRun first(memory, external_addresses({1}));
  Phone<TestType>(first).begin(memory.now);
  SECTION("its address is nobody's") {
    NatRun second(memory, external_addresses({2}));
    second.recover();
    CHECK(second.shard.size() == 0);
    CHECK(second.cells.cleared.read() == 4);
  }
  SECTION("its port is not in the range") {
    NatRun second(memory, external_addresses({1}, {3000, 3999}));
    second.recover();
    Phone<TestType>(second).check_gone();
  }
  SECTION("there is no NAT") {
    NatRun second(memory, std::nullopt);
    second.recover();
    CHECK(second.shard.size() == 0);
  }
}

TEMPLATE_TEST_CASE("a torn file gives no port to two endpoints", "", FiveTuple4, FiveTuple6) {
  NatMemory memory({100, 20});
  NatRun first(memory, external_addresses({1}));
  Phone<TestType>(first).begin(memory.now);
  // What no culvertd writes: other hosts' sessions with the same port, one that shares it and one that has it alone.
  for (const std::uint8_t nat : {std::uint8_t{kNatMapped | kNatOpens}, std::uint8_t{0}}) {
    auto start = first.translated<TestType>(2U + nat, kNatUdp, kPort);
    start.nat = nat;
    start.original.key.destination_port = start.reply.key.source_port = Be16(static_cast<std::uint16_t>(1000 + nat));
    start.original.hash = first.shard.table<TestType>().hash(start.original.key);
    start.reply.hash = first.shard.table<TestType>().hash(start.reply.key);
    REQUIRE(first.admit(start) != kNoFlow);
  }
  NatRun second(memory, external_addresses({1}));
  second.recover();
  auto& table = second.shard.table<TestType>();
  std::set<std::pair<std::string, std::uint16_t>> owners;
  for (FlowSlot slot = 1; slot < table.flows().slots(); ++slot) {
    if (slot % 32 == 0 || !table.flows().used(slot) || table.original_of(slot) != slot) continue;
    const TestType& key = table.entry(slot).key;
    const auto bytes = bytes_of(key.source);
    std::string address;
    for (const std::byte byte : bytes) address += std::to_string(std::to_integer<int>(byte)) + ".";
    owners.emplace(address, key.source_port.host());
  }
  CHECK(owners.size() == 1);
  CHECK(second.shard.size() > 0);
  CHECK(second.pool<TestType>(kNatUdp).used() == 1);
  second.pass(400);
  Phone<TestType>(second).check_gone();
}
