// SPDX-License-Identifier: Apache-2.0
#include "config/destination_schema.h"

#include <array>

#include "config/named_list.h"
#include "config/policy_schema.h"
#include "config/service.h"

namespace culvert {
namespace {

constexpr std::string_view kInterface = "interface";
constexpr std::string_view kSame = "same";
constexpr std::string_view kSpan = "an address, FIRST-LAST, or a prefix with all of its addresses";

/// Addresses that no answer finds.
struct Unfit {
  std::string_view span;
  std::string_view what;
};
constexpr std::array kUnfit = {
    Unfit{"0.0.0.0", "unspecified"},   Unfit{"127.0.0.0/8", "loopback"},      Unfit{"169.254.0.0/16", "link-local"},
    Unfit{"224.0.0.0/4", "multicast"}, Unfit{"255.255.255.255", "broadcast"}, Unfit{"::", "unspecified"},
    Unfit{"::1", "loopback"},          Unfit{"::ffff:0:0/96", "IPv4-mapped"}, Unfit{"fe80::/10", "link-local"},
    Unfit{"ff00::/8", "multicast"},
};

/// `role`: "external"; `hint`: what would be right.
Result<AddressSpan> parse_span(std::string_view text, std::string_view role, const char* hint) {
  const Result<AddressSpan> parsed = parse_address_span(text);
  if (!parsed) return parsed;
  const AddressSpan& span = parsed.value();
  for (const Unfit& row : kUnfit) {
    const AddressSpan unfit = parse_address_span(row.span).value();
    if (span.last < unfit.first || unfit.last < span.first) continue;
    return Error{fmt::format("{} cannot be {}: {} is {}", shown(text, 100), role, row.span, row.what), 0, hint};
  }
  return parsed;
}

Result<AddressSpan> parse_inside_span(std::string_view text) {
  return parse_span(text, "inside", "use addresses of hosts behind this one");
}

ValueRule<AddressSpan> span_rule(Result<AddressSpan> (*parse)(std::string_view)) {
  return scalar_rule<AddressSpan>(std::string(kSpan), parse, [](const AddressSpan& span) { return to_text(span); });
}

ValueRule<OutsideChoice> outside_rule() {
  const auto parse = [](std::string_view text) -> Result<OutsideChoice> {
    if (text == kInterface) return OutsideChoice{true, {}};
    const auto span = parse_external_span(text);
    if (!span) return span.error();
    return OutsideChoice{false, span.value()};
  };
  return scalar_rule<OutsideChoice>(fmt::format("{}, or {}", kInterface, kSpan), parse,
                                    [](const OutsideChoice& choice) {
                                      return choice.interface ? std::string(kInterface) : to_text(choice.addresses);
                                    });
}

ValueRule<std::optional<PortRange>> port_rule() {
  const auto parse = [](std::string_view text) -> Result<std::optional<PortRange>> {
    if (text == kSame) return std::optional<PortRange>();
    if (const auto ports = parse_ports(text)) return std::optional<PortRange>(*ports);
    return Error{fmt::format("'{}' is no port", shown(text)), 0, "write same, a port of 1 to 65535, or FIRST-LAST"};
  };
  return scalar_rule<std::optional<PortRange>>("same, a port, or FIRST-LAST, of 1 to 65535", parse,
                                               [](const std::optional<PortRange>& ports) {
                                                 return ports.has_value() ? ports_text(*ports) : std::string(kSame);
                                               });
}

}  // namespace

Result<AddressSpan> parse_external_span(std::string_view text) {
  return parse_span(text, "external", "use addresses whose packets come to this host");
}

Section<DestinationNatRuleConfig> destination_rule_section() {
  using R = DestinationNatRuleConfig;
  return Section<R>()
      .key("name", &R::name, name_rule("a rule"), Reload::kLive,
           "What explanations call the rule; no two of `destination` have the same.")
      .required()
      .key("description", &R::description, sentence_rule(kDescriptionBytes), Reload::kLive,
           "What the rule is for, to whoever reads the file.", "The name may say it all.")
      .key("from", &R::from, zones_rule(kMostZones), Reload::kLive, "Zones in which a session's first packet comes in.",
           "any, interfaces without a zone included.")
      .key("source", &R::source, addresses_rule(WhenEmpty::kAny, kMostInRule), Reload::kLive,
           "Addresses that the packet comes from; sets are those of `policy.addresses`.",
           "A rule limits what it names.")
      .key(
          "destination", &R::destination, outside_rule(), Reload::kLive,
          "Addresses that the packet goes to, which are routed to this host; interface: those of the interfaces in the "
          "zones of `from`, whatever they are.")
      .required()
      .key("service", &R::service, services_rule(WhenEmpty::kAny, kMostInRule), Reload::kLive,
           "Protocols, those with ports also with the destination's port or ports; names are those of "
           "`policy.services`.",
           "any protocol and port; answers to the host itself, if the address is its own, are among them.")
      .key(
          "translate", &R::translate, span_rule(parse_inside_span), Reload::kLive,
          "What the destination becomes: one address, or as many as `destination` has, the n-th for the n-th. They are "
          "behind this host, not its own.")
      .required()
      .key("port", &R::port, port_rule(), Reload::kLive,
           "What the destination's port becomes: one port, or as many as `service` has, in order.",
           "same: the port stays.")
      .key("enabled", &R::enabled, flag_rule(), Reload::kLive,
           "Whether the rule is there at all; one that is not keeps its place and its name.", "It was written.");
}

Section<StaticNatRuleConfig> static_rule_section() {
  using R = StaticNatRuleConfig;
  return Section<R>()
      .key("name", &R::name, name_rule("a rule"), Reload::kLive,
           "What explanations call the rule; no two of `static` have the same.")
      .required()
      .key("description", &R::description, sentence_rule(kDescriptionBytes), Reload::kLive,
           "What the rule is for, to whoever reads the file.", "The name may say it all.")
      .key("outside", &R::outside, zones_rule(kMostZones), Reload::kLive,
           "Zones where the hosts have their external addresses: sessions that come in there, or leave for them, are "
           "translated.",
           "any, interfaces without a zone included: also between hosts inside.")
      .key("external", &R::external, span_rule(parse_external_span), Reload::kLive,
           "Their addresses outside, which are routed to this host and nobody else's: of no pool, no rule of "
           "`destination` for all protocols, no other static rule.")
      .required()
      .key("internal", &R::internal, span_rule(parse_inside_span), Reload::kLive,
           "Their addresses inside, as many as `external` has: the n-th has the n-th.")
      .required()
      .key("checksum_neutral", &R::checksum_neutral, flag_rule(), Reload::kLive,
           "Prefixes of IPv6 are translated as RFC 6296 says (NPTv6): 16 more bits of the address change, so that no "
           "checksum does. `external` and `internal` are prefixes of one length, 64 at most.",
           "false: only the prefix changes, and checksums follow.")
      .key("enabled", &R::enabled, flag_rule(), Reload::kLive,
           "Whether the rule is there at all; one that is not keeps its place and its name.", "It was written.");
}

}  // namespace culvert
