// SPDX-License-Identifier: Apache-2.0
#include "control/server/session_query.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "config/service.h"
#include "control/server/request.h"

namespace culvert {
namespace {

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::uint8_t kSctp = 132;

/// Longer than any name that a configuration may give.
constexpr std::size_t kMostNameBytes = 256;

using Request = boost::json::object;
using Keys = std::initializer_list<std::string_view>;

constexpr std::array<std::string_view, 12> kFilterKeys = {
    "source",    "destination", "protocol", "port",      "family",   "zone",
    "interface", "state",       "policy",   "min_age_s", "external", "external_port",
};

Error wrong(const std::string& name, const std::string& what, std::string hint = "docs/json.md says what is expected") {
  return {"\"" + name + "\" " + what, EINVAL, std::move(hint)};
}

/// Every key of the request is "command", one of a filter's when it `has_filters`, or one of these.
Result<void> check_keys(const Request& request, bool has_filters, Keys others) {
  for (const auto& field : request) {
    const std::string_view key(field.key().data(), field.key().size());
    const auto is_key = [key](std::string_view known) { return known == key; };
    if (key == "command" || std::any_of(others.begin(), others.end(), is_key)) continue;
    if (has_filters && std::any_of(kFilterKeys.begin(), kFilterKeys.end(), is_key)) continue;
    return wrong(std::string(key.substr(0, 64)), "is not understood here");
  }
  return {};
}

Error with_name(const char* name, const Error& error) {
  return {"\"" + std::string(name) + "\": " + error.what, error.code != 0 ? error.code : EINVAL, error.hint};
}

Result<void> read_name(const Request& request, const char* key, std::string& name) {
  auto text = text_in(request, key, "");
  if (text.has_error()) return text.error();
  if (text->empty() && request.contains(key)) return wrong(key, "must not be empty");
  if (text->size() > kMostNameBytes) return wrong(key, "is too long");
  name = std::move(*text);
  return {};
}

Result<void> read_prefix(const Request& request, const char* key, std::optional<ConfigPrefix>& prefix) {
  if (!request.contains(key)) return {};
  const auto text = text_in(request, key, std::nullopt);
  if (text.has_error()) return text.error();
  const auto parsed = parse_prefix(*text);
  if (parsed.has_error()) return with_name(key, parsed.error());
  prefix = *parsed;
  return {};
}

Result<void> read_port(const Request& request, const char* key, std::optional<std::uint16_t>& port) {
  if (!request.contains(key)) return {};
  const auto number = number_in(request, key, 0);
  if (number.has_error()) return number.error();
  if (*number == 0 || *number > 0xffff) return wrong(key, "must be a port, 1 to 65535");
  port = static_cast<std::uint16_t>(*number);
  return {};
}

/// "tcp", "gre", "protocol/89": without ports.
Result<void> read_protocol(const Request& request, std::optional<std::uint8_t>& protocol) {
  if (!request.contains("protocol")) return {};
  const auto text = text_in(request, "protocol", std::nullopt);
  if (text.has_error()) return text.error();
  const auto service = parse_service(*text);
  if (service.has_error()) return with_name("protocol", service.error());
  if (service->source != PortRange{} || service->destination != PortRange{}) {
    return wrong("protocol", "is a protocol alone", "ports have keys of their own");
  }
  protocol = service->protocol;
  return {};
}

Result<void> read_family(const Request& request, std::optional<bool>& ipv6) {
  const auto family = text_in(request, "family", "");
  if (family.has_error()) return family.error();
  if (!request.contains("family")) return {};
  if (*family != "ipv4" && *family != "ipv6") return wrong("family", "must be \"ipv4\" or \"ipv6\"");
  ipv6 = *family == "ipv6";
  return {};
}

/// Families that no session can fit.
Result<void> check_families(const SessionQuery& query) {
  std::optional<bool> ipv6 = query.ipv6;
  for (const auto& prefix : {query.source, query.destination, query.external}) {
    if (!prefix) continue;
    if (ipv6 && *ipv6 != prefix->address.is_ipv6) {
      return Error{"IPv4 and IPv6 are asked for together: no session is both", EINVAL, ""};
    }
    ipv6 = prefix->address.is_ipv6;
  }
  return {};
}

Result<std::size_t> read_limit(const Request& request, std::size_t otherwise, std::size_t most) {
  const auto limit = number_in(request, "limit", otherwise);
  if (limit.has_error()) return limit.error();
  if (*limit == 0) return wrong("limit", "must be 1 or more");
  return static_cast<std::size_t>(std::min<std::uint64_t>(*limit, most));
}

Result<SessionQuery> filters_in(const Request& request) {
  SessionQuery query;
  for (const auto& read :
       {read_prefix(request, "source", query.source), read_prefix(request, "destination", query.destination),
        read_protocol(request, query.protocol), read_port(request, "port", query.port),
        read_family(request, query.ipv6), read_name(request, "zone", query.zone),
        read_name(request, "interface", query.interface), read_name(request, "state", query.state),
        read_name(request, "policy", query.policy), read_prefix(request, "external", query.external),
        read_port(request, "external_port", query.external_port)}) {
    if (read.has_error()) return read.error();
  }
  if (const auto checked = check_families(query); checked.has_error()) return checked.error();
  const auto age = number_in(request, "min_age_s", 0);
  if (age.has_error()) return age.error();
  query.min_age_s = *age;
  return query;
}

/// Of mappings; `port` is that inside.
Result<SessionQuery> mapping_filters_in(const Request& request) {
  SessionQuery query;
  query.mapped = true;
  for (const auto& read :
       {read_prefix(request, "inside", query.source), read_prefix(request, "external", query.external),
        read_protocol(request, query.protocol), read_port(request, "port", query.inside_port),
        read_port(request, "external_port", query.external_port), read_family(request, query.ipv6)}) {
    if (read.has_error()) return read.error();
  }
  if (const auto checked = check_families(query); checked.has_error()) return checked.error();
  return query;
}

/// A filter, or "all": which of both was meant is never guessed.
Result<void> check_all(const Request& request, const SessionQuery& which, const char* what) {
  const auto all = flag_in(request, "all");
  if (all.has_error()) return all.error();
  if (which.is_any() && !*all) {
    return Error{fmt::format("nothing says which {}: that would be all of them", what), EINVAL,
                 "give a filter, or --all"};
  }
  if (!which.is_any() && *all) {
    return Error{fmt::format("all {}, and a filter: which of both?", what), EINVAL, "leave one out"};
  }
  return {};
}

Result<SessionPageQuery> page_of(const Request& request, SessionQuery which) {
  const auto limit = read_limit(request, 1000, kMostSessionRows);
  if (limit.has_error()) return limit.error();
  const auto after = text_in(request, "after", "");
  if (after.has_error()) return after.error();
  return SessionPageQuery{std::move(which), *limit, *after};
}

Result<ConfigAddress> address_in(const Request& request, const char* key) {
  const auto text = text_in(request, key, std::nullopt);
  if (text.has_error()) return text.error();
  const auto address = parse_address(*text);
  if (address.has_error()) return with_name(key, address.error());
  return *address;
}

/// Ports as the protocol has them: a destination's that must be there, a source's that need not; or none at all.
Result<void> read_test_ports(const Request& request, PolicyTestQuery& query) {
  std::optional<std::uint16_t> source, destination;
  if (const auto read = read_port(request, "source_port", source); read.has_error()) return read.error();
  if (const auto read = read_port(request, "destination_port", destination); read.has_error()) return read.error();
  if (!has_ports(query.protocol)) {
    if (source || destination) return Error{"this protocol has no ports", EINVAL, "leave them out"};
    return {};
  }
  if (!destination) return wrong("destination_port", "must be there: tcp, udp and sctp have ports");
  query.source_port = source.value_or(kTestedSourcePort);
  query.destination_port = *destination;
  return {};
}

}  // namespace

bool has_ports(std::uint8_t protocol) noexcept {
  return protocol == kTcp || protocol == kUdp || protocol == kSctp;
}

bool is_icmp(std::uint8_t protocol) noexcept {
  return protocol == kIcmp || protocol == kIcmpv6;
}

Result<SessionPageQuery> session_page_query_in(const Request& request) {
  if (const auto keys = check_keys(request, true, {"limit", "after"}); keys.has_error()) return keys.error();
  auto which = filters_in(request);
  if (which.has_error()) return which.error();
  return page_of(request, std::move(which).value());
}

Result<SessionPageQuery> nat_mapping_page_query_in(const Request& request) {
  const auto keys = check_keys(request, false,
                               {"inside", "external", "protocol", "port", "external_port", "family", "limit", "after"});
  if (keys.has_error()) return keys.error();
  auto which = mapping_filters_in(request);
  if (which.has_error()) return which.error();
  return page_of(request, std::move(which).value());
}

Result<SessionQuery> nat_mapping_clear_query_in(const Request& request) {
  const auto keys =
      check_keys(request, false, {"inside", "external", "protocol", "port", "external_port", "family", "all"});
  if (keys.has_error()) return keys.error();
  auto which = mapping_filters_in(request);
  if (which.has_error()) return which;
  if (const auto checked = check_all(request, which.value(), "mappings"); checked.has_error()) return checked.error();
  return which;
}

Result<SessionQuery> session_query_in(const Request& request) {
  if (const auto keys = check_keys(request, true, {}); keys.has_error()) return keys.error();
  return filters_in(request);
}

Result<SessionTopQuery> session_top_query_in(const Request& request) {
  if (const auto keys = check_keys(request, true, {"of", "by", "limit"}); keys.has_error()) return keys.error();
  const auto which = filters_in(request);
  if (which.has_error()) return which.error();
  const auto of = text_in(request, "of", "sources");
  if (of.has_error()) return of.error();
  if (*of != "sources" && *of != "destinations") return wrong("of", "must be \"sources\" or \"destinations\"");
  const auto by = text_in(request, "by", "sessions");
  if (by.has_error()) return by.error();
  if (*by != "sessions" && *by != "bytes") return wrong("by", "must be \"sessions\" or \"bytes\"");
  const auto limit = read_limit(request, 10, kMostTopRows);
  if (limit.has_error()) return limit.error();
  return SessionTopQuery{*which, *of == "destinations", *by == "bytes", *limit};
}

Result<SessionQuery> session_clear_query_in(const Request& request) {
  if (const auto keys = check_keys(request, true, {"all"}); keys.has_error()) return keys.error();
  auto which = filters_in(request);
  if (which.has_error()) return which;
  if (const auto checked = check_all(request, which.value(), "sessions"); checked.has_error()) return checked.error();
  return which;
}

Result<PolicyTestQuery> policy_test_query_in(const Request& request) {
  const auto keys = check_keys(
      request, false, {"from", "to", "source", "destination", "protocol", "source_port", "destination_port", "limit"});
  if (keys.has_error()) return keys.error();
  PolicyTestQuery query;
  for (const auto& [key, name] : {std::pair{"from", &query.from}, std::pair{"to", &query.to}}) {
    if (!request.contains(key)) return wrong(key, "must be a zone");
    if (const auto read = read_name(request, key, *name); read.has_error()) return read.error();
  }
  const auto source = address_in(request, "source");
  if (source.has_error()) return source.error();
  const auto destination = address_in(request, "destination");
  if (destination.has_error()) return destination.error();
  if (source->is_ipv6 != destination->is_ipv6) return Error{"one address is IPv4, the other IPv6", EINVAL, ""};
  query.source = *source;
  query.destination = *destination;
  std::optional<std::uint8_t> protocol;
  if (const auto read = read_protocol(request, protocol); read.has_error()) return read.error();
  if (!protocol) return wrong("protocol", "must be there", "tcp, udp, icmp, ... or protocol/N");
  query.protocol = *protocol;
  if (is_icmp(*protocol) && (*protocol == kIcmpv6) != source->is_ipv6) {
    return Error{"IPv4 has icmp, IPv6 has icmpv6", EINVAL, ""};
  }
  if (const auto ports = read_test_ports(request, query); ports.has_error()) return ports.error();
  const auto limit = number_in(request, "limit", query.limit);
  if (limit.has_error()) return limit.error();
  query.limit = static_cast<std::size_t>(*limit);
  return query;
}

}  // namespace culvert
