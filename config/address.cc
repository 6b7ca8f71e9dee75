// SPDX-License-Identifier: Apache-2.0
#include "config/address.h"

#include <arpa/inet.h>
#include <charconv>
#include <fmt/format.h>

#include "config/diagnostics.h"

namespace culvert {
namespace {

template <typename T>
bool parse_number(std::string_view text, T& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end && !text.empty();
}

Error not_a(std::string_view noun, std::string_view text, std::string_view example) {
  return Error{fmt::format("'{}' is not {}", shown(text), noun), 0, fmt::format("write it like {}", example)};
}

}  // namespace

Result<ConfigAddress> parse_address(std::string_view text) {
  ConfigAddress address;
  const std::string terminated(text);
  address.is_ipv6 = text.find(':') != std::string_view::npos;
  const bool whole = terminated.find('\0') == std::string::npos;
  if (whole && ::inet_pton(address.is_ipv6 ? AF_INET6 : AF_INET, terminated.c_str(), address.bytes.data()) == 1) {
    return address;
  }
  return not_a("an IP address", text, "192.0.2.1 or 2001:db8::1");
}

Result<ConfigPrefix> parse_prefix(std::string_view text) {
  const std::size_t slash = text.find('/');
  const Result<ConfigAddress> address = parse_address(text.substr(0, slash));
  if (!address) return not_a("a prefix", text, "192.0.2.0/24 or 2001:db8::/32");
  ConfigPrefix prefix{address.value(), 0};
  prefix.length = static_cast<std::uint8_t>(prefix.address.bits());
  if (slash == std::string_view::npos) return prefix;
  if (!parse_number(text.substr(slash + 1), prefix.length) || prefix.length > prefix.address.bits()) {
    return Error{fmt::format("'{}' has no valid prefix length", shown(text)), 0,
                 fmt::format("write /0 to /{} behind the address", prefix.address.bits())};
  }
  return prefix;
}

Result<SocketAddress> parse_socket_address(std::string_view text) {
  constexpr std::string_view kExample = "127.0.0.1:9642 or [::1]:9642";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return not_a("an address with a port", text, kExample);
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const Result<ConfigAddress> address = parse_address(host);
  if (!address) return not_a("an address with a port", text, kExample);
  SocketAddress result{address.value(), 0};
  if (result.address.is_ipv6 != bracketed) return not_a("an address with a port", text, kExample);
  if (!parse_number(text.substr(colon + 1), result.port) || result.port == 0) {
    return Error{fmt::format("'{}' has no valid port", shown(text)), 0, "the port is 1 to 65535"};
  }
  return result;
}

std::string to_text(const ConfigAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address.is_ipv6 ? AF_INET6 : AF_INET, address.bytes.data(), text.data(), text.size());
  return text.data();
}

std::string to_text(const ConfigPrefix& prefix) {
  return fmt::format("{}/{}", to_text(prefix.address), prefix.length);
}

std::string to_text(const SocketAddress& address) {
  const std::string host = to_text(address.address);
  return address.address.is_ipv6 ? fmt::format("[{}]:{}", host, address.port)
                                 : fmt::format("{}:{}", host, address.port);
}

ConfigPrefix network_of(const ConfigPrefix& prefix) noexcept {
  ConfigPrefix network = prefix;
  for (std::size_t byte = 0; byte < network.address.bytes.size(); ++byte) {
    const unsigned first_bit = static_cast<unsigned>(byte) * 8;
    const unsigned kept = prefix.length <= first_bit ? 0 : prefix.length - first_bit;
    if (kept < 8) network.address.bytes[byte] &= static_cast<std::uint8_t>(0xff00u >> kept);
  }
  return network;
}

}  // namespace culvert
