// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace culvert {

/// An IPv4 or IPv6 address as a person typed it. Configuration only: tables and packets have types per family.
struct ConfigAddress {
  bool is_ipv6 = false;
  /// Wire order; IPv4 uses the first four bytes and the rest are zero, so that comparison works on the whole.
  std::array<std::uint8_t, 16> bytes{};

  constexpr unsigned bits() const noexcept { return is_ipv6 ? 128 : 32; }
  friend constexpr auto operator<=>(const ConfigAddress&, const ConfigAddress&) noexcept = default;
};

/// An address and how many of its leading bits count: a network when the other bits are zero, else an address on one.
struct ConfigPrefix {
  ConfigAddress address;
  std::uint8_t length = 0;  ///< 0..address.bits()

  friend constexpr auto operator<=>(const ConfigPrefix&, const ConfigPrefix&) noexcept = default;
};

/// Where a server listens, or a peer is: "127.0.0.1:9642", "[::1]:9642".
struct SocketAddress {
  ConfigAddress address;
  std::uint16_t port = 0;

  friend constexpr auto operator<=>(const SocketAddress&, const SocketAddress&) noexcept = default;
};

/// Reads "192.0.2.1" or "2001:db8::1" (inet_pton(3): no octal, no missing parts, no zone).
Result<ConfigAddress> parse_address(std::string_view text);
/// Reads "10.0.0.0/8"; an address without a length is a host (/32, /128). Bits behind the length may be set.
Result<ConfigPrefix> parse_prefix(std::string_view text);
/// Reads "127.0.0.1:9642" or "[::1]:9642"; the port is 1..65535.
Result<SocketAddress> parse_socket_address(std::string_view text);

/// The canonical text (RFC 5952 for IPv6).
std::string to_text(const ConfigAddress& address);
std::string to_text(const ConfigPrefix& prefix);
std::string to_text(const SocketAddress& address);

/// The prefix with every bit behind its length cleared.
ConfigPrefix network_of(const ConfigPrefix& prefix) noexcept;

}  // namespace culvert
