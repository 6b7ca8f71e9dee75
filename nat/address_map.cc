// SPDX-License-Identifier: Apache-2.0
#include "nat/address_map.h"

namespace culvert {
namespace {

constexpr std::uint16_t kAllOnes = 0xffff;

/// The n-th of the eight words of an IPv6 address.
std::uint16_t word(const AddressNumber& address, unsigned n) noexcept {
  const std::uint64_t half = n < 4 ? address.high : address.low;
  return static_cast<std::uint16_t>(half >> (48 - 16 * (n % 4)));
}

void set_word(AddressNumber& address, unsigned n, std::uint16_t value) noexcept {
  std::uint64_t& half = n < 4 ? address.high : address.low;
  const unsigned shift = 48 - 16 * (n % 4);
  half = (half & ~(std::uint64_t{kAllOnes} << shift)) | std::uint64_t{value} << shift;
}

/// RFC 1071: ones' complement.
std::uint16_t sum(std::uint16_t a, std::uint16_t b) noexcept {
  const std::uint32_t both = std::uint32_t{a} + b;
  return static_cast<std::uint16_t>((both & kAllOnes) + (both >> 16));
}

std::uint16_t sum_of_prefix(const AddressNumber& address) noexcept {
  std::uint16_t total = 0;
  for (unsigned n = 0; n < 4; ++n) total = sum(total, word(address, n));
  return total;
}

/// address - from + to, of 128 bits.
AddressNumber moved(const AddressNumber& address, const AddressNumber& from, const AddressNumber& to) noexcept {
  const std::uint64_t low = address.low - from.low;
  const std::uint64_t high = address.high - from.high - (address.low < from.low ? 1 : 0);
  AddressNumber out{high + to.high, low + to.low};
  if (out.low < low) ++out.high;
  return out;
}

}  // namespace

AddressMap AddressMap::neutral(const NatRange& outside, const NatRange& inside, unsigned length) noexcept {
  const std::uint16_t minus = static_cast<std::uint16_t>(~sum_of_prefix(outside.first));
  AddressMap map(outside, inside, AddressMapping::kNeutral, sum(sum_of_prefix(inside.first), minus));
  map.in_subnet_ = length <= 48;
  return map;
}

std::optional<AddressNumber> AddressMap::neutral_of(const AddressNumber& address, const NatRange& from,
                                                    const NatRange& to, std::uint16_t adjustment) const noexcept {
  AddressNumber out = moved(address, from.first, to.first);
  unsigned n = 3;
  if (!in_subnet_) {
    n = 4;
    while (n < 8 && word(address, n) == kAllOnes) ++n;
  }
  if (n == 8 || word(address, n) == kAllOnes) return std::nullopt;
  const std::uint16_t changed = sum(word(address, n), adjustment);
  set_word(out, n, changed == kAllOnes ? std::uint16_t{0} : changed);
  return out;
}

std::optional<AddressNumber> AddressMap::to_inside(const AddressNumber& address) const noexcept {
  switch (mapping_) {
    case AddressMapping::kAllToOne:
      return inside_.first;
    case AddressMapping::kInOrder:
      return moved(address, outside_.first, inside_.first);
    case AddressMapping::kNeutral:
      return neutral_of(address, outside_, inside_, static_cast<std::uint16_t>(~adjustment_));
  }
  return std::nullopt;
}

std::optional<AddressNumber> AddressMap::to_outside(const AddressNumber& address) const noexcept {
  if (mapping_ == AddressMapping::kNeutral) return neutral_of(address, inside_, outside_, adjustment_);
  return moved(address, inside_.first, outside_.first);
}

}  // namespace culvert
