// SPDX-License-Identifier: Apache-2.0
// One address type for both families, so that the mirror is written once: 128 bits in host order, IPv4 as the mapped
// ::ffff:a.b.c.d (RFC 4291 2.5.5.2). An IPv4 prefix of length n is a prefix of 96 + n bits. Maps are kept per family
// all the same: ::/0 must not cover IPv4.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.h"
#include "packet/address.h"

namespace culvert {

struct IpAddress {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  static constexpr std::uint64_t kMapped = std::uint64_t{0xffff} << 32;

  static constexpr IpAddress from(Ipv4Address address) noexcept { return {0, kMapped | address.value.host()}; }
  static IpAddress from(const Ipv6Address& address) noexcept {
    return {byte_swap(address.high()), byte_swap(address.low())};
  }

  constexpr bool is_ipv4() const noexcept { return high == 0 && (low >> 32) == 0xffff; }
  /// Only for an address that is_ipv4().
  constexpr Ipv4Address ipv4() const noexcept { return {Be32(static_cast<std::uint32_t>(low))}; }
  Ipv6Address ipv6() const noexcept {
    Ipv6Address address;
    store(address.bytes.data(), byte_swap(high));
    store(address.bytes.data() + 8, byte_swap(low));
    return address;
  }
  constexpr bool is_unspecified() const noexcept { return high == 0 && (low == 0 || low == kMapped); }
  /// fe80::/10 (RFC 4291 2.5.6). IPv4's 169.254/16 is not meant: the kernel forwards to gateways in it like any other.
  constexpr bool is_ipv6_link_local() const noexcept { return (high >> 54) == 0x3fa; }
  constexpr bool is_ipv6_multicast() const noexcept { return (high >> 56) == 0xff; }
  constexpr bool is_loopback() const noexcept {
    return is_ipv4() ? ((low >> 24) & 0xff) == 127 : high == 0 && low == 1;
  }
  std::string to_string() const;

  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) noexcept = default;
};

inline constexpr std::uint8_t kIpv4PrefixBase = 96;
inline constexpr std::uint8_t kHostLength = 128;

struct IpPrefix {
  IpAddress address;        ///< host bits are zero
  std::uint8_t length = 0;  ///< 0..128; IPv4 prefixes are 96..128

  /// The prefix of that length that holds the address; `length` as above.
  static constexpr IpPrefix of(const IpAddress& address, std::uint8_t length) noexcept {
    return {{address.high & high_mask(length), address.low & low_mask(length)}, length};
  }
  static constexpr IpPrefix host(const IpAddress& address) noexcept { return {address, kHostLength}; }

  constexpr bool is_ipv4() const noexcept { return length >= kIpv4PrefixBase && address.is_ipv4(); }
  constexpr bool is_host() const noexcept { return length == kHostLength; }
  /// The length as people write it: 0..32 or 0..128.
  constexpr std::uint8_t written_length() const noexcept {
    return static_cast<std::uint8_t>(is_ipv4() ? length - kIpv4PrefixBase : length);
  }
  constexpr bool contains(const IpAddress& other) const noexcept { return of(other, length).address == address; }
  constexpr bool contains(const IpPrefix& other) const noexcept {
    return other.length >= length && contains(other.address);
  }
  constexpr IpAddress last() const noexcept {
    return {address.high | ~high_mask(length), address.low | ~low_mask(length)};
  }
  std::string to_string() const;

  friend constexpr auto operator<=>(const IpPrefix&, const IpPrefix&) noexcept = default;

 private:
  static constexpr std::uint64_t high_mask(std::uint8_t length) noexcept {
    if (length == 0) return 0;
    return length >= 64 ? ~std::uint64_t{0} : ~std::uint64_t{0} << (64 - length);
  }
  static constexpr std::uint64_t low_mask(std::uint8_t length) noexcept {
    if (length <= 64) return 0;
    return length >= 128 ? ~std::uint64_t{0} : ~std::uint64_t{0} << (128 - length);
  }
};

}  // namespace culvert
