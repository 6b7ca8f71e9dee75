// SPDX-License-Identifier: Apache-2.0
#include "sessions/nat_mappings.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "packet/ipv4.h"
#include "test/sessions/tables.h"
#include "test/support/catch.h"
#include "test/support/seed.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr Now kStart = 1'000'000 * kNanosecondsPerSecond;

Ipv4Address address_of(std::uint32_t number, const Ipv4Address&) {
  return Ipv4Address{Be32(0xc6120000U + number)};
}
Ipv6Address address_of(std::uint32_t number, const Ipv6Address&) {
  Ipv6Address address{{0x20, 0x01, 0x0d, 0xb8}};
  address.bytes[15] = static_cast<std::uint8_t>(number);
  return address;
}

struct Endpoint {
  std::uint32_t host = 0;
  std::uint16_t port = 0;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

template <typename Tuple>
Tuple between(Endpoint from, Endpoint to, std::uint8_t protocol = kProtocolUdp) {
  Tuple key{};
  key.source = address_of(from.host, key.source);
  key.destination = address_of(to.host, key.destination);
  key.source_port = Be16(from.port);
  key.destination_port = Be16(to.port);
  key.protocol = protocol;
  return key;
}

template <typename Tuple>
struct Box {
  explicit Box(std::size_t most) : memory(most), mappings(memory.view(), HashKey::from_seed(3), kStart) {}

  SessionMemory<Tuple> memory;
  NatMappings<Tuple> mappings;
};

constexpr Endpoint kPhone{2, 5060}, kOutside{100, 40000}, kServer{200, 5060};

/// To the external address of the tests.
template <typename Tuple>
FlowSlot of_inside(const NatMappings<Tuple>& mappings, const Tuple& packet) {
  const typename NatMappings<Tuple>::Address external[] = {address_of(kOutside.host, packet.source)};
  return mappings.of_inside(packet, external);
}

}  // namespace

TEMPLATE_TEST_CASE("a mapping is found from both sides, whoever the other end is", "", FiveTuple4, FiveTuple6) {
  Box<TestType> box(100);
  auto& mappings = box.mappings;
  const auto original = between<TestType>(kPhone, kServer);
  const auto reply = between<TestType>(kServer, kOutside);
  CHECK(of_inside(mappings, original) == kNoFlow);
  const FlowSlot mapping = mappings.begin(original, reply, kStart);
  REQUIRE(mapping != kNoFlow);
  CHECK(of_inside(mappings, between<TestType>(kPhone, {201, 53})) == mapping);
  CHECK(mappings.of_outside(between<TestType>({202, 9}, kOutside)) == mapping);
  CHECK(mappings.inside(mapping).source == original.source);
  CHECK(mappings.inside(mapping).source_port == original.source_port);
  CHECK(mappings.outside(mapping).destination == reply.destination);
  CHECK(mappings.outside(mapping).destination_port == reply.destination_port);
  // Neither another port, nor another protocol, nor the same endpoint on the other side.
  CHECK(of_inside(mappings, between<TestType>({2, 5061}, kServer)) == kNoFlow);
  CHECK(of_inside(mappings, between<TestType>(kPhone, kServer, kProtocolTcp)) == kNoFlow);
  CHECK(mappings.of_outside(between<TestType>({202, 9}, kPhone)) == kNoFlow);
  CHECK(of_inside(mappings, between<TestType>(kOutside, kServer)) == kNoFlow);
}

TEMPLATE_TEST_CASE("a mapping ends with its last session", "", FiveTuple4, FiveTuple6) {
  Box<TestType> box(100);
  auto& mappings = box.mappings;
  const auto original = between<TestType>(kPhone, kServer);
  const FlowSlot mapping = mappings.begin(original, between<TestType>(kServer, kOutside), kStart);
  mappings.hold(mapping);
  CHECK(mappings.sessions(mapping) == 2);
  CHECK(!mappings.release(mapping));
  CHECK(of_inside(mappings, original) == mapping);
  CHECK(mappings.release(mapping));
  CHECK(of_inside(mappings, original) == kNoFlow);
  CHECK(mappings.size() == 0);
}

TEMPLATE_TEST_CASE("an endpoint has a mapping for each external address", "", FiveTuple4, FiveTuple6) {
  using Address = typename NatMappings<TestType>::Address;
  Box<TestType> box(100);
  auto& mappings = box.mappings;
  const auto original = between<TestType>(kPhone, kServer);
  const FlowSlot one = mappings.begin(original, between<TestType>(kServer, {100, 40000}), kStart);
  const FlowSlot two = mappings.begin(original, between<TestType>(kServer, {101, 40000}), kStart);
  REQUIRE(one != kNoFlow);
  REQUIRE(two != kNoFlow);
  const Address first = address_of(100, original.source), second = address_of(101, original.source);
  const Address other = address_of(102, original.source);
  CHECK(mappings.of_inside(original, std::vector{first, second}) == one);
  CHECK(mappings.of_inside(original, std::vector{other, second, first}) == two);
  CHECK(mappings.of_inside(original, std::vector{other}) == kNoFlow);
  CHECK(mappings.of_inside(original, {}) == kNoFlow);
}

TEMPLATE_TEST_CASE("a mapping is open while sessions keep it open, and knows the latest policy", "", FiveTuple4,
                   FiveTuple6) {
  Box<TestType> box(100);
  auto& mappings = box.mappings;
  const FlowSlot mapping =
      mappings.begin(between<TestType>(kPhone, kServer), between<TestType>(kServer, kOutside), kStart);
  using Allowed = typename NatMappings<TestType>::Allowed;
  CHECK(!mappings.is_open(mapping));
  CHECK(mappings.allowed(mapping) == Allowed{});
  mappings.open(mapping);
  mappings.open(mapping);
  CHECK(mappings.is_open(mapping));
  mappings.allow(mapping, {8, 1, 2});
  CHECK(mappings.allowed(mapping) == Allowed{8, 1, 2});
  mappings.allow(mapping, {0xffff, 3, 63});
  mappings.close(mapping);
  CHECK(mappings.is_open(mapping));
  CHECK(mappings.allowed(mapping) == Allowed{0xffff, 3, 63});
  mappings.close(mapping);
  CHECK(!mappings.is_open(mapping));
  CHECK(mappings.allowed(mapping) == Allowed{0xffff, 3, 63});
  CHECK(mappings.sessions(mapping) == 1);
}

TEMPLATE_TEST_CASE("one address that was spoken to needs no place of its own", "", FiveTuple4, FiveTuple6) {
  Box<TestType> box(100);
  auto& mappings = box.mappings;
  const FlowSlot mapping =
      mappings.begin(between<TestType>(kPhone, kServer), between<TestType>(kServer, kOutside), kStart);
  const auto to = [](std::uint32_t host, std::uint16_t port) { return between<TestType>(kPhone, {host, port}); };
  const auto lets_in = [&](std::uint32_t host) {
    return mappings.permitted(mapping, between<TestType>({host, 1}, kOutside));
  };
  for (std::uint16_t port = 1; port < 5; ++port) REQUIRE(mappings.permit(mapping, to(200, port), true, kStart));
  CHECK(mappings.size() == 1);
  CHECK(!mappings.permit(mapping, to(201, 1), false, kStart));
  CHECK(mappings.permit(mapping, to(200, 9), false, kStart));  // needs none
  mappings.forbid(mapping, to(200, 9));
  REQUIRE(mappings.permit(mapping, to(201, 1), true, kStart));
  CHECK(mappings.permit(mapping, to(201, 9), true, kStart));
  mappings.forbid(mapping, to(201, 9));
  CHECK(mappings.size() == 2);
  for (std::uint16_t port = 1; port < 5; ++port) mappings.forbid(mapping, to(200, port));
  CHECK(!lets_in(200));
  // The place in the mapping is free again; that of another address may be counted in both.
  REQUIRE(mappings.permit(mapping, to(201, 2), true, kStart));
  CHECK(mappings.size() == 2);
  mappings.forbid(mapping, to(201, 1));
  CHECK(lets_in(201));
  mappings.forbid(mapping, to(201, 2));
  CHECK(!lets_in(201));
  CHECK(mappings.size() == 1);
}

TEMPLATE_TEST_CASE("who was spoken to may speak first, from any port, and nobody else", "", FiveTuple4, FiveTuple6) {
  Box<TestType> box(100);
  auto& mappings = box.mappings;
  const auto original = between<TestType>(kPhone, kServer);
  const FlowSlot mapping = mappings.begin(original, between<TestType>(kServer, kOutside), kStart);
  CHECK(!mappings.permitted(mapping, between<TestType>(kServer, kOutside)));
  REQUIRE(mappings.permit(mapping, original, true, kStart));
  REQUIRE(mappings.permit(mapping, between<TestType>(kPhone, {200, 53}), true, kStart));
  CHECK(mappings.permitted(mapping, between<TestType>({200, 9999}, kOutside)));
  CHECK(!mappings.permitted(mapping, between<TestType>({201, 5060}, kOutside)));
  mappings.forbid(mapping, original);
  CHECK(mappings.permitted(mapping, between<TestType>(kServer, kOutside)));
  mappings.forbid(mapping, between<TestType>(kPhone, {200, 53}));
  CHECK(!mappings.permitted(mapping, between<TestType>(kServer, kOutside)));
  CHECK(mappings.release(mapping));
  CHECK(mappings.size() == 0);
}

TEMPLATE_TEST_CASE("when there is no room a mapping is refused, and the others stay", "", FiveTuple4, FiveTuple6) {
  Box<TestType> box(8);
  std::set<FlowSlot> known;
  std::uint16_t port = 1;
  for (; port < 2000; ++port) {
    const FlowSlot mapping =
        box.mappings.begin(between<TestType>({2, port}, kServer), between<TestType>(kServer, {100, port}), kStart);
    if (mapping == kNoFlow) break;
    CHECK(known.insert(mapping).second);
  }
  CHECK(known.size() >= 8);
  REQUIRE(port < 2000);
  for (std::uint16_t other = 1; other < port; ++other) {
    CHECK(known.contains(box.mappings.of_outside(between<TestType>(kServer, {100, other}))));
  }
}

TEMPLATE_TEST_CASE("in any history, mappings and permits are those of the sessions", "", FiveTuple4, FiveTuple6) {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::uint64_t random = seed;
  const auto chance = [&random](std::uint32_t below) { return fast_range(splitmix64(random), below); };
  Box<TestType> box(2000);
  auto& mappings = box.mappings;
  std::set<std::pair<Endpoint, Endpoint>> sessions;  // inside, remote
  std::map<Endpoint, std::size_t> users;
  std::map<std::pair<Endpoint, std::uint32_t>, std::size_t> spoken;
  const auto outside = [](Endpoint inside) {
    return Endpoint{100, static_cast<std::uint16_t>(inside.host * 100 + inside.port)};
  };
  for (int step = 0; step < 20'000; ++step) {
    const Endpoint inside{chance(20), static_cast<std::uint16_t>(chance(5))};
    const Endpoint remote{200 + chance(5), static_cast<std::uint16_t>(chance(3))};
    const auto original = between<TestType>(inside, remote);
    const auto reply = between<TestType>(remote, outside(inside));
    if (sessions.insert({inside, remote}).second) {
      FlowSlot mapping = of_inside(mappings, original);
      REQUIRE((mapping != kNoFlow) == (users[inside] > 0));
      if (mapping != kNoFlow) {
        mappings.hold(mapping);
      } else {
        mapping = mappings.begin(original, reply, kStart);
        REQUIRE(mapping != kNoFlow);
      }
      REQUIRE(mappings.permit(mapping, original, true, kStart));
      ++users[inside];
      ++spoken[{inside, remote.host}];
    } else {
      sessions.erase({inside, remote});
      const FlowSlot mapping = mappings.of_outside(reply);
      mappings.forbid(mapping, original);
      REQUIRE(mappings.release(mapping) == (--users[inside] == 0));
      --spoken[{inside, remote.host}];
    }
    const Endpoint asked{chance(20), static_cast<std::uint16_t>(chance(5))};
    const Endpoint stranger{200 + chance(5), static_cast<std::uint16_t>(chance(3))};
    const auto packet = between<TestType>(stranger, outside(asked));
    const FlowSlot mapping = mappings.of_outside(packet);
    REQUIRE((mapping != kNoFlow) == (users[asked] > 0));
    if (mapping == kNoFlow) continue;
    REQUIRE(mappings.sessions(mapping) == users[asked]);
    REQUIRE(mappings.permitted(mapping, packet) == (spoken[{asked, stranger.host}] > 0));
  }
}
