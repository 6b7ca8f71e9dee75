// SPDX-License-Identifier: Apache-2.0
// Frontends against a list that is read from its start to its end; CULVERT_SEED repeats a run.
#include "lb/frontend_table.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

#include "base/hash.h"
#include "lb/frontend_table_builder.h"
#include "test/support/catch.h"
#include "test/support/seed.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kGre = 47, kSctp = 132;
constexpr auto kAny = FrontendProtocol::kAny;

Ipv4Address v4(std::uint32_t address) {
  return {Be32(address)};
}
Ipv6Address v6(std::uint64_t high, std::uint64_t low) {
  return Prefix6(high, low, 128).address();
}
Ipv4Address last_of(const Prefix4& prefix) {
  return v4(prefix.bits | ~Prefix4::mask(prefix.length));
}
Ipv6Address last_of(const Prefix6& prefix) {
  const std::uint64_t low_mask = prefix.length > 64 ? Prefix6::mask(prefix.length - 64U) : 0;
  return v6(prefix.high | ~Prefix6::mask(prefix.length), prefix.low | ~low_mask);
}

template <typename Prefix, typename Address>
bool holds(const FrontendKey& frontend, const Address& address) {
  const auto* prefix = std::get_if<Prefix>(&frontend.prefix);
  return prefix != nullptr && prefix->contains(address);
}
bool holds(const FrontendKey& frontend, Ipv4Address address) {
  return holds<Prefix4>(frontend, address);
}
bool holds(const FrontendKey& frontend, const Ipv6Address& address) {
  return holds<Prefix6>(frontend, address);
}

bool fits(const FrontendKey& frontend, std::uint8_t protocol, std::uint16_t port) {
  const bool has_ports = protocol == kTcp || protocol == kUdp;
  if (!has_ports) return frontend.protocol == kAny && frontend.first_port == 0 && frontend.last_port == 0xffff;
  if (frontend.protocol == FrontendProtocol::kTcp && protocol != kTcp) return false;
  if (frontend.protocol == FrontendProtocol::kUdp && protocol != kUdp) return false;
  return frontend.first_port <= port && port <= frontend.last_port;
}

/// What find() must say.
template <typename Address>
FrontendIndex plain_find(const std::vector<FrontendKey>& frontends, const Address& address, std::uint8_t protocol,
                         std::uint16_t port) {
  auto best = std::make_tuple(1, 1 << 16, true, kNoFrontend);
  for (std::size_t i = 0; i < frontends.size(); ++i) {
    const FrontendKey& frontend = frontends[i];
    if (!holds(frontend, address) || !fits(frontend, protocol, port)) continue;
    const int length = std::visit([](const auto& prefix) { return int{prefix.length}; }, frontend.prefix);
    best = std::min(best, {-length, frontend.last_port - frontend.first_port, frontend.protocol == kAny,
                           static_cast<FrontendIndex>(i)});
  }
  return std::get<3>(best);
}

/// Few addresses and ports, so that much overlaps.
struct Universe {
  std::uint64_t random;

  std::uint64_t below(std::uint64_t end) { return splitmix64(random) % end; }
  Ipv4Address address4() { return v4(static_cast<std::uint32_t>(0xc6120000 + below(3) * 256 + below(8))); }
  Ipv6Address address6() { return v6(0x20010db8'00000000 + below(3), below(2) << 62 | below(8)); }
  std::uint16_t port() {
    constexpr std::array<std::uint16_t, 4> kEdges{0, 80, 1000, 65528};
    return static_cast<std::uint16_t>(kEdges[below(kEdges.size())] + below(8));
  }
  FrontendKey frontend() {
    FrontendKey key;
    constexpr std::array<unsigned, 10> kLengths4{32, 32, 32, 32, 31, 29, 24, 23, 1, 0};
    constexpr std::array<unsigned, 10> kLengths6{128, 128, 128, 127, 125, 64, 65, 63, 1, 0};
    const std::size_t length = below(10);
    if (below(2) == 0)
      key.prefix = Prefix4(address4(), kLengths4[length]);
    else
      key.prefix = Prefix6(address6(), kLengths6[length]);
    key.protocol = static_cast<FrontendProtocol>(below(3));
    if (below(4) == 0) return key;
    const std::uint16_t one = port(), two = below(2) == 0 ? one : port();
    key.first_port = std::min(one, two);
    key.last_port = std::max(one, two);
    return key;
  }
  std::uint8_t protocol() {
    constexpr std::array<std::uint8_t, 8> kProtocols{kTcp, kTcp, kTcp, kUdp, kUdp, kIcmp, kGre, kSctp};
    return kProtocols[below(kProtocols.size())];
  }
};

template <typename Address>
void check_against_list(const FrontendTable& table, const std::vector<FrontendKey>& frontends, const Address& address,
                        std::uint8_t protocol, std::uint16_t port) {
  const FrontendIndex found = table.find(address, protocol, port);
  const FrontendIndex right = plain_find(frontends, address, protocol, port);
  if (found != right) FAIL("protocol " << int{protocol} << " port " << port << ": " << found << ", not " << right);
  const bool claimed = std::any_of(frontends.begin(), frontends.end(),
                                   [&](const FrontendKey& frontend) { return holds(frontend, address); });
  if (table.claims(address) != claimed) FAIL("claims: " << !claimed << ", not " << claimed);
}

}  // namespace

TEST_CASE("the frontends of the header") {
  const Prefix4 one(v4(0xc6120101), 32);
  const std::vector<FrontendKey> frontends{
      {one, FrontendProtocol::kTcp, 443, 443},
      {one, kAny, 80, 89},
      {one},
      {Prefix4(v4(0xc6120100), 24), FrontendProtocol::kUdp, 53, 53},
  };
  const FrontendTableBuilder built(frontends);
  const FrontendTable& table = built.table();
  const Ipv4Address address = v4(0xc6120101), neighbour = v4(0xc6120107);
  CHECK(table.find(address, kTcp, 443) == 0);
  CHECK(table.find(address, kUdp, 443) == 2);
  CHECK(table.find(address, kUdp, 85) == 1);
  CHECK(table.find(address, kTcp, 79) == 2);
  CHECK(table.find(address, kTcp, 90) == 2);
  CHECK(table.find(address, kGre, 0) == 2);
  CHECK(table.find(address, kUdp, 53) == 2);
  CHECK(table.find(neighbour, kUdp, 53) == 3);
  CHECK(table.find(neighbour, kTcp, 53) == kNoFrontend);
  CHECK(table.find(neighbour, kIcmp, 53) == kNoFrontend);
  CHECK(table.claims(address));
  CHECK(table.claims(neighbour));
  CHECK(!table.claims(v4(0xc6120201)));
  CHECK(!table.claims(v6(0, 0xffff'c6120101)));
}

TEST_CASE("an address leaves to shorter prefixes what its own frontends are not for") {
  const std::vector<FrontendKey> frontends{
      {Prefix4(), kAny}, {Prefix4(v4(10), 32), FrontendProtocol::kTcp, 80, 80}, {Prefix6(v6(1, 0), 64), kAny, 0, 0}};
  const FrontendTableBuilder built(frontends);
  CHECK(built.table().find(v4(10), kTcp, 80) == 1);
  CHECK(built.table().find(v4(10), kTcp, 81) == 0);
  CHECK(built.table().find(v4(10), kIcmp, 0) == 0);
  CHECK(built.table().find(v4(0xffffffff), kUdp, 0xffff) == 0);
  CHECK(built.table().find(v6(1, ~std::uint64_t{0}), kUdp, 0) == 2);
  CHECK(built.table().find(v6(1, 5), kUdp, 1) == kNoFrontend);
  CHECK(built.table().find(v6(1, 5), kGre, 0) == kNoFrontend);
}

TEST_CASE("fewer ports come first, then a named protocol, then the order of the configuration") {
  const Prefix4 one(v4(10), 32);
  const std::vector<FrontendKey> frontends{
      {one, kAny},          {one, FrontendProtocol::kTcp},         {one, kAny, 80, 80}, {one, kAny, 70, 90},
      {one, kAny, 80, 100}, {one, FrontendProtocol::kUdp, 80, 80}, {one, kAny, 80, 80},
  };
  const FrontendTableBuilder built(frontends);
  const auto found = [&](std::uint8_t protocol, std::uint16_t port) {
    return built.table().find(v4(10), protocol, port);
  };
  CHECK(found(kTcp, 80) == 2);
  CHECK(found(kUdp, 80) == 5);
  CHECK(found(kTcp, 90) == 3);
  CHECK(found(kTcp, 91) == 4);
  CHECK(found(kTcp, 101) == 1);
  CHECK(found(kUdp, 101) == 0);
  CHECK(found(kSctp, 80) == 0);
}

TEST_CASE("without frontends nothing is found") {
  const FrontendTableBuilder built({});
  for (const FrontendTable* table : {&built.table()}) {
    CHECK(table->find(v4(0), kTcp, 0) == kNoFrontend);
    CHECK(table->find(v6(0, 0), kTcp, 0) == kNoFrontend);
    CHECK(!table->claims(v4(0)));
  }
  CHECK(FrontendTable().find(v4(0), kTcp, 0) == kNoFrontend);
  CHECK(!FrontendTable().claims(v6(0, 0)));
}

TEST_CASE("random frontends agree with the list") {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  Universe universe{seed};
  for (int round = 0; round < 250; ++round) {
    std::vector<FrontendKey> frontends(universe.below(round % 10 == 0 ? 400 : 40));
    std::generate(frontends.begin(), frontends.end(), [&] { return universe.frontend(); });
    const FrontendTableBuilder built(frontends);
    for (int i = 0; i < 200; ++i) {
      check_against_list(built.table(), frontends, universe.address4(), universe.protocol(), universe.port());
      check_against_list(built.table(), frontends, universe.address6(), universe.protocol(), universe.port());
    }
    // The edges of what there is.
    for (const FrontendKey& frontend : frontends) {
      std::visit(
          [&](const auto& prefix) {
            for (const std::uint16_t port : {frontend.first_port, frontend.last_port}) {
              check_against_list(built.table(), frontends, prefix.address(), universe.protocol(), port);
              check_against_list(built.table(), frontends, last_of(prefix), universe.protocol(), port);
            }
          },
          frontend.prefix);
    }
  }
}

TEST_CASE("ten thousand frontends, on addresses of their own and all on one") {
  std::vector<FrontendKey> apart, together;
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    const auto port = static_cast<std::uint16_t>(2 * i);
    apart.push_back({Prefix4(0x0a000000 + i, 32), FrontendProtocol::kTcp, 443, 443});
    together.push_back({Prefix6(v6(1, 2), 128), FrontendProtocol::kTcp, port, port});
  }
  const FrontendTableBuilder on_many(apart), on_one(together);
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    REQUIRE(on_many.table().find(v4(0x0a000000 + i), kTcp, 443) == i);
    const auto port = static_cast<std::uint16_t>(2 * i);
    REQUIRE(on_one.table().find(v6(1, 2), kTcp, port) == i);
    REQUIRE(on_one.table().find(v6(1, 2), kTcp, static_cast<std::uint16_t>(port + 1)) == kNoFrontend);
  }
  CHECK(!on_many.table().claims(v4(0x0a000000 + 10'000)));
}
