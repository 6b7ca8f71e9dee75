// SPDX-License-Identifier: Apache-2.0
// Made-up routing tables with the shape of real ones: the mix of prefix lengths of the default-free zone, addresses in
// blocks, next hops that mostly follow the block. Repeatable: everything comes from the seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "packet/prefix.h"
#include "routes/next_hop.h"

namespace culvert::bench {

struct Route4 {
  Prefix4 prefix;
  NextHopIndex next_hop;
};
struct Route6 {
  Prefix6 prefix;
  NextHopIndex next_hop;
};

/// `count` distinct prefixes, /8 to /32, over 255 next hops: 59 % are /24, 0.4 % longer.
std::vector<Route4> internet4(std::size_t count, std::uint64_t seed);

/// `count` distinct prefixes, /19 to /64, over 255 next hops: about half are /48, in blocks of /32 and /29 out of the
/// registries' ranges.
std::vector<Route6> internet6(std::size_t count, std::uint64_t seed);
/// `count` /48s with random bits below 2000::/3: no two near each other, the worst a trie can meet.
std::vector<Route6> random48(std::size_t count, std::uint64_t seed);
/// A site's own: `sites` /48s (half of them unique local ones), each with `subnets` /64s, each with `hosts` /128s.
std::vector<Route6> sites6(std::size_t sites, std::size_t subnets, std::size_t hosts, std::uint64_t seed);

/// Addresses to look up, host order: any unicast ones; ones below random prefixes; ones below prefixes drawn by Zipf's
/// law (exponent 1) from the list's order.
std::vector<std::uint32_t> uniform4(std::size_t count, std::uint64_t seed);
std::vector<std::uint32_t> below4(const std::vector<Route4>& routes, std::size_t count, std::uint64_t seed);
std::vector<std::uint32_t> zipf4(const std::vector<Route4>& routes, std::size_t count, std::uint64_t seed);
std::vector<Ipv6Address> below6(const std::vector<Route6>& routes, std::size_t count, std::uint64_t seed);
std::vector<Ipv6Address> zipf6(const std::vector<Route6>& routes, std::size_t count, std::uint64_t seed);

}  // namespace culvert::bench
