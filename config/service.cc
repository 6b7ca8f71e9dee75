// SPDX-License-Identifier: Apache-2.0
#include "config/service.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fmt/format.h>
#include <optional>

#include "config/diagnostics.h"
#include "config/suggest.h"

namespace culvert {
namespace {

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kIcmpv6 = 58;

struct Protocol {
  std::string_view name;
  std::uint8_t number;
  bool has_ports;
};
constexpr std::array kProtocols = {
    Protocol{"tcp", 6, true},       Protocol{"udp", 17, true},          Protocol{"sctp", 132, true},
    Protocol{"icmp", kIcmp, false}, Protocol{"icmpv6", kIcmpv6, false}, Protocol{"gre", 47, false},
    Protocol{"esp", 50, false},     Protocol{"ah", 51, false},          Protocol{"ipip", 4, false},
    Protocol{"ipv6", 41, false},    Protocol{"ospf", 89, false},
};

/// Of IANA's registries of types, those that pass a firewall or are meant to be stopped by one.
struct IcmpType {
  std::uint8_t protocol;
  std::string_view name;
  std::uint8_t type;
};
constexpr std::array kTypes = {
    IcmpType{kIcmp, "echo-reply", 0},         IcmpType{kIcmp, "unreachable", 3},
    IcmpType{kIcmp, "redirect", 5},           IcmpType{kIcmp, "echo-request", 8},
    IcmpType{kIcmp, "time-exceeded", 11},     IcmpType{kIcmp, "parameter-problem", 12},
    IcmpType{kIcmp, "timestamp-request", 13}, IcmpType{kIcmp, "timestamp-reply", 14},
    IcmpType{kIcmpv6, "unreachable", 1},      IcmpType{kIcmpv6, "packet-too-big", 2},
    IcmpType{kIcmpv6, "time-exceeded", 3},    IcmpType{kIcmpv6, "parameter-problem", 4},
    IcmpType{kIcmpv6, "echo-request", 128},   IcmpType{kIcmpv6, "echo-reply", 129},
};

std::optional<unsigned> parse_number(std::string_view text, unsigned most) {
  unsigned value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || text.empty() || value > most) return std::nullopt;
  return value;
}

/// "echo-request", "8", "8/0".
std::optional<PortRange> parse_types(std::uint8_t protocol, std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view word = text.substr(0, slash);
  const auto row = std::find_if(kTypes.begin(), kTypes.end(),
                                [&](const IcmpType& t) { return t.protocol == protocol && t.name == word; });
  const auto type = row != kTypes.end() ? std::optional<unsigned>(row->type) : parse_number(word, 0xff);
  if (!type) return std::nullopt;
  const auto first = static_cast<std::uint16_t>(*type << 8);
  if (slash == std::string_view::npos) return PortRange{first, static_cast<std::uint16_t>(first | 0xff)};
  const auto code = parse_number(text.substr(slash + 1), 0xff);
  if (!code) return std::nullopt;
  const auto one = static_cast<std::uint16_t>(first | *code);
  return PortRange{one, one};
}

std::optional<ServiceMatch> with_ports(const Protocol& protocol, std::string_view rest) {
  constexpr std::string_view kFrom = " from ";
  ServiceMatch service;
  service.protocol = protocol.number;
  const std::size_t from = rest.find(kFrom);
  if (from != std::string_view::npos) {
    const auto source = parse_ports(rest.substr(from + kFrom.size()));
    if (!source) return std::nullopt;
    service.source = *source;
    rest = rest.substr(0, from);
  }
  if (rest.empty()) return service;
  const auto destination = parse_ports(rest.substr(1));
  if (rest.front() != '/' || !destination) return std::nullopt;
  service.destination = *destination;
  return service;
}

std::optional<ServiceMatch> parse_rest(const Protocol& protocol, std::string_view rest) {
  if (protocol.has_ports) return with_ports(protocol, rest);
  ServiceMatch service;
  service.protocol = protocol.number;
  if (rest.empty()) return service;
  const bool has_types = protocol.number == kIcmp || protocol.number == kIcmpv6;
  const auto types = has_types && rest.front() == '/' ? parse_types(protocol.number, rest.substr(1)) : std::nullopt;
  if (!types) return std::nullopt;
  service.destination = *types;
  return service;
}

std::string types_text(std::uint8_t protocol, const PortRange& types) {
  const unsigned type = types.first >> 8;
  const auto row = std::find_if(kTypes.begin(), kTypes.end(),
                                [&](const IcmpType& t) { return t.protocol == protocol && t.type == type; });
  const std::string name = row != kTypes.end() ? std::string(row->name) : fmt::format("{}", type);
  return types.first == types.last ? fmt::format("{}/{}", name, types.first & 0xffU) : name;
}

}  // namespace

bool is_protocol(std::string_view word) {
  return word == "protocol" ||
         std::any_of(kProtocols.begin(), kProtocols.end(), [&](const Protocol& p) { return p.name == word; });
}

std::optional<PortRange> parse_ports(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash), 0xffff);
  const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), 0xffff);
  if (!first || !last || *first == 0 || *last < *first) return std::nullopt;
  return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

Result<ServiceMatch> parse_service(std::string_view text) {
  const std::size_t name_end = std::min(text.find_first_of("/ "), text.size());
  const std::string_view name = text.substr(0, name_end);
  const std::string_view rest = text.substr(name_end);
  std::optional<ServiceMatch> service;
  const auto row =
      std::find_if(kProtocols.begin(), kProtocols.end(), [&](const Protocol& p) { return p.name == name; });
  if (row != kProtocols.end()) {
    service = parse_rest(*row, rest);
  } else if (name == "protocol" && rest.starts_with('/')) {
    const auto number = parse_number(rest.substr(1), 0xff);
    if (number) service = ServiceMatch{false, static_cast<std::uint8_t>(*number), {}, {}};
  }
  if (service) return *service;
  return Error{
      fmt::format("'{}' is not a protocol with ports or types", shown(text)), 0,
      "write it like tcp/80, udp/1024-2047, udp/123 from 123, icmp/echo-request, icmp/3/4, gre or protocol/89"};
}

std::string ports_text(const PortRange& ports) {
  return ports.first == ports.last ? fmt::format("{}", ports.first) : fmt::format("{}-{}", ports.first, ports.last);
}

std::string to_text(const ServiceMatch& service) {
  constexpr PortRange kWhole{};
  const auto row = std::find_if(kProtocols.begin(), kProtocols.end(),
                                [&](const Protocol& p) { return p.number == service.protocol; });
  if (row == kProtocols.end()) return fmt::format("protocol/{}", service.protocol);
  std::string text(row->name);
  if (service.destination != kWhole) {
    text += "/" + (row->has_ports ? ports_text(service.destination) : types_text(row->number, service.destination));
  }
  if (service.source != kWhole) text += " from " + ports_text(service.source);
  return text;
}

}  // namespace culvert
