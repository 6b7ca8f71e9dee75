// SPDX-License-Identifier: Apache-2.0
// Wire integers have types of their own. A BigEndian<T> is an array of bytes: alignment 1, no implicit conversion in
// either direction, so a wire header is a plain struct of them with no padding and no packing attribute.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace culvert {

template <typename T>
constexpr T byte_swap(T value) noexcept {
  static_assert(std::is_unsigned_v<T>);
  if constexpr (sizeof(T) == 1) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(T) == 4) {
    return __builtin_bswap32(value);
  } else {
    static_assert(sizeof(T) == 8);
    return __builtin_bswap64(value);
  }
}

template <typename T>
class BigEndian {
  static_assert(std::is_unsigned_v<T> && std::endian::native == std::endian::little);

 public:
  constexpr BigEndian() noexcept = default;
  constexpr explicit BigEndian(T host_value) noexcept
      : bytes_(std::bit_cast<std::array<std::byte, sizeof(T)>>(byte_swap(host_value))) {}

  /// From an integer that already is in wire order (as the kernel's structures hold them).
  static constexpr BigEndian from_wire(T wire_value) noexcept { return BigEndian(byte_swap(wire_value)); }

  /// The value in host order.
  constexpr T host() const noexcept { return byte_swap(wire()); }
  /// The value as the integer whose memory is the wire's bytes; for keys, hashes and checksums.
  constexpr T wire() const noexcept { return std::bit_cast<T>(bytes_); }

  friend constexpr bool operator==(const BigEndian&, const BigEndian&) noexcept = default;
  friend constexpr auto operator<=>(const BigEndian& a, const BigEndian& b) noexcept { return a.host() <=> b.host(); }

 private:
  std::array<std::byte, sizeof(T)> bytes_{};
};

using Be16 = BigEndian<std::uint16_t>;
using Be32 = BigEndian<std::uint32_t>;
using Be64 = BigEndian<std::uint64_t>;

static_assert(alignof(Be64) == 1 && sizeof(Be64) == 8);

}  // namespace culvert
