// SPDX-License-Identifier: Apache-2.0
// Addresses as the wire has them: arrays of bytes with alignment 1, so that wire headers hold them directly.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/endian.h"

namespace culvert {

struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  constexpr bool is_group() const noexcept { return (bytes[0] & 1) != 0; }
  /// The six bytes in one register, the first one lowest: how the packet path carries an address, since bytes that are
  /// written one by one and read as a word stall the processor.
  std::uint64_t bits() const noexcept {
    std::uint32_t first;
    std::uint16_t last;
    std::memcpy(&first, bytes.data(), sizeof(first));
    std::memcpy(&last, bytes.data() + sizeof(first), sizeof(last));
    return first | std::uint64_t{last} << 32;
  }
  static MacAddress of_bits(std::uint64_t bits) noexcept {
    MacAddress address;
    std::memcpy(address.bytes.data(), &bits, address.bytes.size());
    return address;
  }
  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) noexcept = default;
};

struct Ipv4Address {
  Be32 value;

  constexpr bool is_multicast() const noexcept { return (value.host() >> 28) == 0xe; }
  constexpr bool is_broadcast() const noexcept { return value.host() == 0xffffffff; }
  constexpr bool is_loopback() const noexcept { return (value.host() >> 24) == 127; }
  constexpr bool is_link_local() const noexcept { return (value.host() >> 16) == 0xa9fe; }
  constexpr bool is_unspecified() const noexcept { return value.host() == 0; }
  friend constexpr bool operator==(const Ipv4Address&, const Ipv4Address&) noexcept = default;
  friend constexpr auto operator<=>(const Ipv4Address& a, const Ipv4Address& b) noexcept {
    return a.value.host() <=> b.value.host();
  }
};

struct Ipv6Address {
  std::array<std::uint8_t, 16> bytes{};

  constexpr bool is_multicast() const noexcept { return bytes[0] == 0xff; }
  constexpr bool is_link_local() const noexcept { return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }
  bool is_unspecified() const noexcept { return high() == 0 && low() == 0; }
  bool is_loopback() const noexcept { return high() == 0 && low() == byte_swap(std::uint64_t{1}); }
  /// The halves as they lie in memory; for keys, hashes and comparisons with equality.
  std::uint64_t high() const noexcept { return half(0); }
  std::uint64_t low() const noexcept { return half(8); }
  friend constexpr auto operator<=>(const Ipv6Address&, const Ipv6Address&) noexcept = default;

 private:
  std::uint64_t half(std::size_t offset) const noexcept {
    std::uint64_t value;
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
    return value;
  }
};

static_assert(std::endian::native == std::endian::little, "MacAddress::bits() has the first byte lowest");
static_assert(alignof(Ipv6Address) == 1 && sizeof(Ipv6Address) == 16);
static_assert(alignof(Ipv4Address) == 1 && sizeof(MacAddress) == 6);

}  // namespace culvert
