// SPDX-License-Identifier: Apache-2.0
// An address keeps its slot, and a slot is somebody else's only when workers can have nothing of it any more.
#include "control/nat/external_slots.h"

#include <set>

#include "base/hash.h"
#include "test/support/catch.h"
#include "test/support/seed.h"

using namespace culvert;

namespace {

using State = ExternalSlots::State;

IpAddress address(std::uint32_t number) {
  return IpAddress::from(Ipv4Address{Be32(0xc6120100U + number)});
}

struct Slots : ExternalSlots {
  using ExternalSlots::ExternalSlots;

  std::vector<IpAddress> use(const std::vector<std::uint32_t>& numbers) {
    std::vector<Wanted> wanted;
    for (const std::uint32_t number : numbers) wanted.push_back({address(number), {}, {}});
    return want(wanted, [this](std::size_t slot) { return held.contains(slot); });
  }

  std::set<std::size_t> held;  ///< slots of which workers have ports
};

}  // namespace

TEST_CASE("addresses keep their slots, whatever comes and goes beside them") {
  Slots slots(4);
  CHECK(slots.use({1, 2, 3}).empty());
  CHECK(slots.find(address(2)) == 1U);
  const std::uint32_t version = slots.all()[1].version;
  CHECK(slots.use({4, 3, 2}).empty());
  CHECK(slots.find(address(2)) == 1U);
  CHECK(slots.find(address(3)) == 2U);
  CHECK(slots.find(address(4)) == 3U);
  CHECK(!slots.find(address(1)).has_value());
  CHECK(slots.all()[1].version == version);
}

TEST_CASE("a slot is free when workers know that it gives nothing, and have everything back") {
  Slots slots(1);
  CHECK(slots.use({1}).empty());
  slots.held = {0};
  CHECK(slots.use({2}) == std::vector{address(2)});  // workers do not know yet
  CHECK(slots.all()[0].state == State::kRetiring);
  CHECK(slots.all()[0].range == kNoPorts);
  CHECK(slots.all()[0].address == address(1));
  CHECK(slots.use({2}) == std::vector{address(2)});  // they do, and have ports of it
  CHECK(slots.all()[0].state == State::kRetired);
  slots.held.clear();
  CHECK(slots.use({2}).empty());
  CHECK(slots.find(address(2)) == 0U);
}

TEST_CASE("one that comes back while sessions still have it gets its slot again") {
  Slots slots(2);
  CHECK(slots.use({1}).empty());
  slots.held = {0};
  CHECK(slots.use({}).empty());
  const std::uint32_t version = slots.all()[0].version;
  CHECK(slots.use({1}).empty());
  CHECK(slots.find(address(1)) == 0U);
  CHECK(slots.all()[0].version != version);
  CHECK(slots.all()[0].range == PoolRange{});
}

TEST_CASE("other ports are another version, the same ones are not") {
  ExternalSlots slots(1);
  const auto nothing = [](std::size_t) { return false; };
  const std::vector<ExternalSlots::Wanted> first = {{address(1), {2000, 3000}, {}}};
  const std::vector<ExternalSlots::Wanted> other_range = {{address(1), {2000, 3001}, {}}};
  const std::vector<ExternalSlots::Wanted> host = {{address(1), {2000, 3001}, {{PortKind::kTcp, 2500}}}};
  std::set<std::uint32_t> versions;
  for (const auto& wanted : {first, other_range, host}) {
    CHECK(slots.want(wanted, nothing).empty());
    CHECK(versions.insert(slots.all()[0].version).second);
    CHECK(slots.want(wanted, nothing).empty());
    CHECK(versions.contains(slots.all()[0].version));
  }
}

TEST_CASE("in any history no two addresses share a slot, and nobody loses ports that workers have") {
  const std::uint64_t seed = test::seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::uint64_t random = seed;
  Slots slots(6);
  std::vector<IpAddress> holds(6);  // whose ports workers have, by slot
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::uint32_t> wanted;
    for (std::uint32_t number = 0; number < 10; ++number) {
      if (splitmix64(random) % 2 == 0) wanted.push_back(number);
    }
    const std::size_t without = slots.use(wanted).size();
    std::size_t found = 0;
    for (const std::uint32_t number : wanted) found += slots.find(address(number)).has_value() ? 1U : 0U;
    REQUIRE(found + without == wanted.size());
    for (std::size_t i = 0; i < 6; ++i) {
      if (slots.held.contains(i)) REQUIRE(slots.all()[i].address == holds[i]);
      const bool wants = splitmix64(random) % 2 == 0;
      if (wants && slots.all()[i].state == State::kWanted) {
        slots.held.insert(i);
        holds[i] = slots.all()[i].address;
      } else if (!wants) {
        slots.held.erase(i);
      }
    }
  }
}
