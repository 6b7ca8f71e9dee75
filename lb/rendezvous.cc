// SPDX-License-Identifier: Apache-2.0
#include "lb/rendezvous.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/hash.h"

namespace culvert {
namespace {

constexpr unsigned kFraction = 32;  ///< bits of a logarithm behind its point
constexpr unsigned kSteps = 256;    ///< of the table; between them it is interpolated, and wrong by less than 3e-6

/// log2(1 + i / kSteps), a bit a squaring.
constexpr std::array<std::uint64_t, kSteps + 1> logarithms() noexcept {
  std::array<std::uint64_t, kSteps + 1> table{};
  for (unsigned i = 0; i < kSteps; ++i) {
    std::uint64_t value = (std::uint64_t{kSteps} + i) << 23;  // 1 to below 2, with 31 bits behind the point
    for (unsigned bit = 0; bit < kFraction; ++bit) {
      value = value * value >> 31;
      const bool is_two = value >> 32 != 0;
      table[i] = table[i] << 1 | (is_two ? 1 : 0);
      value >>= is_two ? 1 : 0;
    }
  }
  table[kSteps] = std::uint64_t{1} << kFraction;
  return table;
}
constexpr auto kLogarithms = logarithms();

/// -log2(hash / 2^64), above 0 and at most 64.
std::uint64_t minus_log2(std::uint64_t hash) noexcept {
  const auto zeros = static_cast<unsigned>(std::countl_zero(hash | 1));
  const std::uint64_t mantissa = (hash | 1) << zeros << 1;  // without its leading one
  const std::uint64_t index = mantissa >> 56, rest = mantissa >> 24 & 0xffff'ffff;
  const std::uint64_t from = kLogarithms[index], to = kLogarithms[index + 1];
  return (std::uint64_t{zeros + 1} << kFraction) - from - ((to - from) * rest >> 32);
}

}  // namespace

std::size_t rendezvous(std::span<const PoolBackend> backends, std::uint64_t hash,
                       std::span<const BackendShare> shares) noexcept {
  std::size_t winner = backends.size();
  std::uint64_t least = 0, weight_of_least = 0;
  for (std::size_t place = 0; place < backends.size(); ++place) {
    const PoolBackend& backend = backends[place];
    const std::uint64_t weight = std::uint64_t{backend.weight} * std::min(shares[backend.number], kWholeShare);
    if (weight == 0) continue;
    std::uint64_t state = hash ^ std::rotl(backend.name, 32);
    const std::uint64_t drawn = minus_log2(splitmix64(state));
    // drawn / weight < least / weight_of_least. 39 bits times 23.
    const std::uint64_t ours = drawn * weight_of_least, theirs = least * weight;
    const bool tie = ours == theirs && winner < backends.size() && backend.name < backends[winner].name;
    if (winner < backends.size() && ours >= theirs && !tie) continue;
    winner = place;
    least = drawn;
    weight_of_least = weight;
  }
  return winner;
}

}  // namespace culvert
