// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

#include "base/bytes.h"
#include "packet/address.h"

namespace culvert {

/// An IPv4 prefix: the bits beyond `length` are zero. Lengths above 32 are kept as they are, so that the writer can
/// refuse them.
struct Prefix4 {
  std::uint32_t bits = 0;  ///< host order
  std::uint8_t length = 0;

  constexpr Prefix4() noexcept = default;
  constexpr Prefix4(Ipv4Address address, unsigned prefix_length) noexcept
      : Prefix4(address.value.host(), prefix_length) {}
  constexpr Prefix4(std::uint32_t host_order, unsigned prefix_length) noexcept
      : bits(host_order & mask(prefix_length)), length(static_cast<std::uint8_t>(prefix_length)) {}

  /// The leading `length` bits set.
  static constexpr std::uint32_t mask(unsigned length) noexcept {
    return length == 0 ? 0 : length >= 32 ? ~std::uint32_t{0} : ~(~std::uint32_t{0} >> length);
  }
  constexpr bool valid() const noexcept { return length <= 32; }
  constexpr bool contains(Ipv4Address address) const noexcept { return contains(address.value.host()); }
  constexpr bool contains(std::uint32_t host_order) const noexcept { return (host_order & mask(length)) == bits; }
  constexpr Ipv4Address address() const noexcept { return {Be32(bits)}; }

  friend constexpr auto operator<=>(const Prefix4&, const Prefix4&) noexcept = default;
};

/// An IPv6 prefix as two host-order halves: the bits beyond `length` are zero. Lengths above 128 are kept as they are.
struct Prefix6 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint8_t length = 0;

  constexpr Prefix6() noexcept = default;
  Prefix6(const Ipv6Address& address, unsigned prefix_length) noexcept
      : Prefix6(byte_swap(address.high()), byte_swap(address.low()), prefix_length) {}
  constexpr Prefix6(std::uint64_t high_half, std::uint64_t low_half, unsigned prefix_length) noexcept
      : high(high_half & mask(prefix_length)),
        low(low_half & (prefix_length > 64 ? mask(prefix_length - 64) : 0)),
        length(static_cast<std::uint8_t>(prefix_length)) {}

  /// The leading `length` bits of one half set; all of them from 64 on.
  static constexpr std::uint64_t mask(unsigned length) noexcept {
    return length == 0 ? 0 : length >= 64 ? ~std::uint64_t{0} : ~(~std::uint64_t{0} >> length);
  }
  constexpr bool valid() const noexcept { return length <= 128; }
  constexpr bool contains(std::uint64_t high_half, std::uint64_t low_half) const noexcept {
    return Prefix6(high_half, low_half, length) == *this;
  }
  bool contains(const Ipv6Address& address) const noexcept {
    return contains(byte_swap(address.high()), byte_swap(address.low()));
  }
  Ipv6Address address() const noexcept {
    Ipv6Address result;
    store(result.bytes.data(), byte_swap(high));
    store(result.bytes.data() + 8, byte_swap(low));
    return result;
  }

  friend constexpr auto operator<=>(const Prefix6&, const Prefix6&) noexcept = default;
};

}  // namespace culvert
