// SPDX-License-Identifier: Apache-2.0
// The rank of an address beside a search of the plain list of ranges, in crowds that real rules seldom make.
#include "policy/address_index.h"

#include <algorithm>
#include <random>
#include <set>

#include "policy/place_ranges.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

template <typename Address>
PlaceRanges<Address> ranges_at(std::set<Address> begins) {
  begins.insert(0);
  PlaceRanges<Address> ranges;
  ranges.begins.assign(begins.begin(), begins.end());
  for (std::uint32_t i = 0; i < begins.size(); ++i) ranges.places.push_back({i, 2 * i});
  return ranges;
}

PolicyKey::Address key_address(std::uint32_t address) {
  return {0, address};
}
PolicyKey::Address key_address(Address6 address) {
  return {static_cast<std::uint64_t>(address >> 64), static_cast<std::uint64_t>(address)};
}

/// At beginnings (of very many at some), beside them and far from them.
template <typename Index, typename Address>
void check(const Index& index, const PlaceRanges<Address>& ranges) {
  std::mt19937_64 random(1);
  std::size_t wrong = 0;
  const auto try_address = [&](Address address) {
    const auto behind = std::upper_bound(ranges.begins.begin(), ranges.begins.end(), address);
    const auto expected = static_cast<std::uint32_t>(behind - ranges.begins.begin() - 1);
    wrong += index.place(index.rank(key_address(address))) == AddressPlace{expected, 2 * expected} ? 0U : 1U;
  };
  const std::size_t stride = 1 + ranges.begins.size() / 3000;
  for (std::size_t i = 0; i < ranges.begins.size(); i += stride) {
    const Address begin = ranges.begins[i];
    try_address(begin);
    try_address(begin + 1);
    try_address(begin - 1);  // the last address of all, for the first
    try_address(begin ^ static_cast<Address>(random()));
  }
  CHECK(wrong == 0);
}

void check4(std::set<std::uint32_t> begins) {
  const auto ranges = ranges_at(std::move(begins));
  const IndexArrays4 arrays(ranges);
  check(AddressIndex4({arrays.buckets, arrays.begins, arrays.lows, arrays.places}), ranges);
}

std::size_t check6(std::set<Address6> begins) {
  const auto ranges = ranges_at(std::move(begins));
  const IndexArrays6 arrays(ranges);
  check(AddressIndex6({arrays.keys, arrays.levels, arrays.level_count, arrays.firsts, arrays.lows, arrays.places}),
        ranges);
  return arrays.level_count;
}

}  // namespace

TEST_CASE("IPv4 ranks, from one range to every address of a bucket a range of its own") {
  check4({});
  check4({0xffffffff});
  check4({1, 0xffff, 0x10000, 0xfffffffe, 0xffffffff});
  for (const std::uint32_t count : {15U, 16U, 17U, 31U, 32U, 33U, 1000U, 65536U}) {
    std::set<std::uint32_t> begins;
    for (std::uint32_t i = 0; i < count; ++i) begins.insert(0xc6120000U + (65536 / count) * i);
    check4(begins);
    begins.insert({0xc611ffff, 0xc6130000});
    check4(begins);
  }
}

TEST_CASE("IPv6 ranks, with search trees of every height and crowds below one upper half") {
  const Address6 high = Address6{0x20010db800000000ULL} << 64;
  CHECK(check6({}) == 1);
  CHECK(check6({~Address6{0}}) == 1);
  CHECK(check6({high + 1, high + 2, (high << 1) + 5, ~Address6{0} << 64}) == 1);
  for (const std::uint32_t count : {15U, 16U, 255U, 256U, 5000U, 70'000U}) {
    std::set<Address6> begins;
    for (std::uint32_t i = 1; i <= count; ++i) begins.insert(high + (Address6{i} << 64));
    const std::size_t levels = check6(begins);
    CHECK(levels == (count < 16 ? 1U : count < 256 ? 2U : count < 4096 ? 3U : count < 65536 ? 4U : 5U));
    for (std::uint32_t i = 1; i <= count && i <= 1000; ++i) begins.insert(high + i);
    check6(begins);
  }
}
