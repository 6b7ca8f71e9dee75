// SPDX-License-Identifier: Apache-2.0
#include "bench/support/prefixes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

#include "base/hash.h"

namespace culvert::bench {
namespace {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t operator()() { return splitmix64(state_); }
  std::uint64_t below(std::uint64_t range) { return (*this)() % range; }
  double unit() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

struct LengthShare {
  unsigned length;
  double share;
};

/// IPv4, counts of a full table (about 950,000 prefixes); longer than /24 are a router's own.
constexpr std::array<LengthShare, 25> kLengths4 = {{
    {8, 16},      {9, 13},      {10, 37},     {11, 100},   {12, 290},   {13, 570},   {14, 1200},
    {15, 2000},   {16, 13500},  {17, 8200},   {18, 13900}, {19, 25000}, {20, 44000}, {21, 52000},
    {22, 111000}, {23, 100000}, {24, 600000}, {25, 300},   {26, 300},   {27, 300},   {28, 400},
    {29, 400},    {30, 500},    {31, 100},    {32, 2000},
}};

/// IPv6, shares of a full table (about 220,000 prefixes).
constexpr std::array<LengthShare, 25> kLengths6 = {{
    {19, 2},     {20, 12},   {22, 8},    {24, 30},     {26, 12},    {28, 140},  {29, 5200},  {30, 600},  {31, 350},
    {32, 25000}, {33, 3500}, {34, 2800}, {35, 2000},   {36, 12000}, {38, 2500}, {40, 20000}, {42, 5500}, {44, 21000},
    {45, 2500},  {46, 5500}, {47, 4500}, {48, 103000}, {52, 300},   {56, 1200}, {64, 1500},
}};

template <std::size_t kCount>
unsigned draw_length(const std::array<LengthShare, kCount>& lengths, Random& random) {
  double sum = 0;
  for (const auto& entry : lengths) sum += entry.share;
  double left = random.unit() * sum;
  for (const auto& entry : lengths) {
    left -= entry.share;
    if (left < 0) return entry.length;
  }
  return lengths.back().length;
}

/// Seven in ten follow their block, the others are anybody's.
NextHopIndex next_hop_of(std::uint64_t block, Random& random) {
  std::uint64_t state = block;
  const std::uint64_t spread = random.below(10) < 7 ? splitmix64(state) : random();
  return static_cast<NextHopIndex>(1 + spread % 255);
}

/// Keeps the first of equal prefixes, in the order they were drawn.
template <typename Route, typename Draw>
std::vector<Route> distinct(std::size_t count, Draw draw) {
  std::vector<Route> routes;
  std::set<decltype(Route::prefix)> seen;
  while (routes.size() < count) {
    const Route route = draw();
    if (seen.insert(route.prefix).second) routes.push_back(route);
  }
  return routes;
}

/// Index 0 to count - 1, i drawn in proportion to 1 / (i + 1).
std::size_t zipf_index(std::size_t count, Random& random) {
  const double rank = std::exp(random.unit() * std::log(static_cast<double>(count) + 1)) - 1;
  return std::min(static_cast<std::size_t>(rank), count - 1);
}

std::uint32_t inside(const Prefix4& prefix, Random& random) {
  return prefix.bits | (static_cast<std::uint32_t>(random()) & ~Prefix4::mask(prefix.length));
}

Ipv6Address inside(const Prefix6& prefix, Random& random) {
  const std::uint64_t low_mask = prefix.length > 64 ? Prefix6::mask(prefix.length - 64U) : 0;
  const std::uint64_t high = prefix.high | (random() & ~Prefix6::mask(prefix.length));
  return Prefix6(high, prefix.low | (random() & ~low_mask), 128).address();
}

template <typename Address, typename Routes, typename Index>
std::vector<Address> addresses_below(const Routes& routes, std::size_t count, std::uint64_t seed, Index index) {
  Random random(seed);
  std::vector<Address> addresses(count);
  for (auto& address : addresses) address = inside(routes[index(routes.size(), random)].prefix, random);
  return addresses;
}

std::size_t uniform_index(std::size_t count, Random& random) {
  return random.below(count);
}

}  // namespace

std::vector<Route4> internet4(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::uint32_t> blocks(40'000);
  for (auto& block : blocks)
    block = static_cast<std::uint32_t>((1 + random.below(223)) << 24 | (random() & 0x00ff0000));
  return distinct<Route4>(count, [&] {
    const unsigned length = draw_length(kLengths4, random);
    const auto anywhere = static_cast<std::uint32_t>((1 + random.below(223)) << 24 | (random() & 0xffffff));
    const auto in_block = blocks[random.below(blocks.size())] | static_cast<std::uint32_t>(random() & 0xffff);
    const Prefix4 prefix(length <= 16 ? anywhere : in_block, length);
    return Route4{prefix, next_hop_of(prefix.bits >> 20, random)};
  });
}

std::vector<Route6> internet6(std::size_t count, std::uint64_t seed) {
  // The registries' /12s and the older /23s of 2001::/16.
  constexpr std::array<std::uint64_t, 8> kRanges = {0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2a10, 0x2c00, 0x2620};
  Random random(seed);
  std::vector<std::uint64_t> blocks(count / 5 + 1);
  for (auto& block : blocks) {
    const std::uint64_t range = kRanges[random.below(kRanges.size())];
    const std::uint64_t within = range == 0x2001 ? random.below(1 << 16) : random.below(1 << 19) << 1;
    block = (range << 16 | within) << 32;
  }
  return distinct<Route6>(count, [&] {
    const unsigned length = draw_length(kLengths6, random);
    // Few holders announce most of the more specific ones, and number them from the bottom.
    std::uint64_t bits = blocks[zipf_index(blocks.size(), random)];
    if (length <= 32) bits = blocks[random.below(blocks.size())];
    if (length > 32) {
      const std::uint64_t subnets = std::uint64_t{1} << std::min(length - 32U, 16U);
      const std::uint64_t number = random.below(2) == 0 ? zipf_index(subnets, random) : random.below(subnets);
      bits |= number << (64 - std::min(length, 48U));
      if (length > 48) bits |= random.below(std::uint64_t{1} << (length - 48)) << (64 - length);
    }
    const Prefix6 prefix(bits, 0, length);
    return Route6{prefix, next_hop_of(bits >> 36, random)};
  });
}

std::vector<Route6> random48(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  return distinct<Route6>(count, [&] {
    const Prefix6 prefix(std::uint64_t{1} << 61 | random() >> 3, 0, 48);
    return Route6{prefix, static_cast<NextHopIndex>(1 + random.below(255))};
  });
}

std::vector<Route6> sites6(std::size_t sites, std::size_t subnets, std::size_t hosts, std::uint64_t seed) {
  Random random(seed);
  std::vector<Route6> routes;
  const auto add = [&](const Prefix6& prefix) {
    routes.push_back({prefix, static_cast<NextHopIndex>(1 + random.below(255))});
  };
  for (std::size_t site = 0; site < sites; ++site) {
    const std::uint64_t site_bits = site % 2 == 0 ? 0xfdULL << 56 | random() >> 8 : 0x2a00ULL << 48 | random() >> 16;
    const Prefix6 own(site_bits, 0, 48);
    add(own);
    for (std::size_t subnet = 0; subnet < subnets; ++subnet) {
      const std::uint64_t high = own.high | (random() & 0xffff);
      add(Prefix6(high, 0, 64));
      // Hosts number themselves at random (RFC 7217) or from the bottom.
      for (std::size_t host = 0; host < hosts; ++host) add(Prefix6(high, host % 4 == 0 ? host + 1 : random(), 128));
    }
  }
  return routes;
}

std::vector<std::uint32_t> uniform4(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::uint32_t> addresses(count);
  for (auto& address : addresses)
    address = static_cast<std::uint32_t>((1 + random.below(223)) << 24 | (random() & 0xffffff));
  return addresses;
}

std::vector<std::uint32_t> below4(const std::vector<Route4>& routes, std::size_t count, std::uint64_t seed) {
  return addresses_below<std::uint32_t>(routes, count, seed, uniform_index);
}
std::vector<std::uint32_t> zipf4(const std::vector<Route4>& routes, std::size_t count, std::uint64_t seed) {
  return addresses_below<std::uint32_t>(routes, count, seed, zipf_index);
}
std::vector<Ipv6Address> below6(const std::vector<Route6>& routes, std::size_t count, std::uint64_t seed) {
  return addresses_below<Ipv6Address>(routes, count, seed, uniform_index);
}
std::vector<Ipv6Address> zipf6(const std::vector<Route6>& routes, std::size_t count, std::uint64_t seed) {
  return addresses_below<Ipv6Address>(routes, count, seed, zipf_index);
}

}  // namespace culvert::bench
