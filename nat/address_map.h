// SPDX-License-Identifier: Apache-2.0
// How the addresses of one range become those of another, and back:
//
//   all to one      198.18.1.16/28  ->  198.18.0.10                    a service
//   in order        198.18.1.16/28  <-> 198.18.0.16/28                 198.18.1.17 <-> 198.18.0.17
//   neutral         2001:db8:1::/48 <-> fd01:203:405::/48              2001:db8:1:d550::1 <-> fd01:203:405:1::1
//
// Neutral is NPTv6 (RFC 6296): one more word of the address changes so that the sum of its words, as checksums make it,
// stays. So no checksum changes, of whatever protocol. Of a prefix of 48 bits or less that word is the fourth (3.4); of
// a longer one it is the first of the interface identifier that is not 0xffff (3.5).
#pragma once

#include <cstdint>
#include <optional>

#include "nat/nat_range.h"
#include "packet/address.h"

namespace culvert {

enum class AddressMapping : std::uint8_t { kAllToOne, kInOrder, kNeutral };

class AddressMap {
 public:
  constexpr AddressMap() noexcept = default;

  static constexpr AddressMap all_to_one(const NatRange& outside, const AddressNumber& inside) noexcept {
    return {outside, {inside, inside}, AddressMapping::kAllToOne, 0};
  }
  /// Both have as many addresses.
  static constexpr AddressMap in_order(const NatRange& outside, const NatRange& inside) noexcept {
    return {outside, inside, AddressMapping::kInOrder, 0};
  }
  /// Both are IPv6 prefixes of this length, 64 at most.
  static AddressMap neutral(const NatRange& outside, const NatRange& inside, unsigned length) noexcept;

  const NatRange& outside() const noexcept { return outside_; }
  const NatRange& inside() const noexcept { return inside_; }

  // Of an address of the other range. Nothing: RFC 6296 has none for it.

  std::optional<AddressNumber> to_inside(const AddressNumber& address) const noexcept;
  /// Not of kAllToOne, but for a range of one address.
  std::optional<AddressNumber> to_outside(const AddressNumber& address) const noexcept;

 private:
  constexpr AddressMap(const NatRange& outside, const NatRange& inside, AddressMapping mapping,
                       std::uint16_t adjustment) noexcept
      : outside_(outside), inside_(inside), mapping_(mapping), adjustment_(adjustment) {}

  std::optional<AddressNumber> neutral_of(const AddressNumber& address, const NatRange& from, const NatRange& to,
                                          std::uint16_t adjustment) const noexcept;

  NatRange outside_, inside_;
  AddressMapping mapping_ = AddressMapping::kInOrder;
  bool in_subnet_ = false;        ///< the word that changes is the fourth
  std::uint16_t adjustment_ = 0;  ///< what the word of an inside address grows by, in ones' complement
};

}  // namespace culvert
