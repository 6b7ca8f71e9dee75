// SPDX-License-Identifier: Apache-2.0
#include "config/nat_schema.h"

#include "base/time.h"
#include "config/destination_schema.h"
#include "config/named_list.h"
#include "config/policy_schema.h"
#include "config/service.h"
#include "nat/external_ports.h"

namespace culvert {
namespace {

constexpr auto kMostAddresses = static_cast<std::uint32_t>(kMaxExternalAddresses);
constexpr std::string_view kNone = "none";
constexpr std::string_view kInterface = "interface";
constexpr const char* kHostBlocks = "a block of ports for each inside host (deterministic NAT)";

Result<AddressSpan> parse_external(std::string_view text) {
  Result<AddressSpan> parsed = parse_external_span(text);
  if (!parsed || address_count(parsed.value()) <= kMostAddresses) return parsed;
  return Error{fmt::format("{} has more than {} addresses", shown(text, 100), kMostAddresses), 0,
               "use a smaller part of it"};
}

ValueRule<AddressSpan> external_rule() {
  return scalar_rule<AddressSpan>("an address, FIRST-LAST, or a prefix with all of its addresses", parse_external,
                                  [](const AddressSpan& span) { return to_text(span); });
}

ValueRule<PortRange> ports_rule() {
  const auto parse = [](std::string_view text) -> Result<PortRange> {
    if (const auto ports = parse_ports(text)) return *ports;
    return Error{fmt::format("'{}' is no range of ports", shown(text)), 0,
                 "write FIRST-LAST of 1 to 65535, as 1024-65535"};
  };
  return scalar_rule<PortRange>("a port, or FIRST-LAST, of 1 to 65535", parse, ports_text);
}

/// As every name, and no word of `translate`.
ValueRule<std::string> pool_name_rule() {
  ValueRule<std::string> rule = name_rule("a pool");
  rule.read = [name = rule.read](const YamlNode& node, const Place& place, std::string& target) {
    if (!node.is_scalar() || node.text != kInterface) return name(node, place, target);
    place.error(node, fmt::format("'{}' has a meaning of its own", kInterface), "use another name for a pool");
  };
  return rule;
}

ValueRule<TranslateChoice> translate_rule() {
  const ValueRule<std::string> name = name_rule("a pool");
  const std::string accepts = fmt::format("{}, {}, or {}", kNone, kInterface, name.accepts);
  const auto read = [=](const YamlNode& node, const Place& place, TranslateChoice& target) {
    const std::string* text = scalar_text(node, place, accepts);
    if (text == nullptr) return;
    const std::size_t errors_before = place.diagnostics.errors();
    TranslateChoice choice;
    if (*text == kInterface) {
      choice.action = SourceAction::kInterface;
    } else if (*text != kNone) {
      choice.action = SourceAction::kPool;
      name.read(node, place, choice.pool);
    }
    if (place.diagnostics.errors() == errors_before) target = std::move(choice);
  };
  const auto print = [](const TranslateChoice& choice) {
    if (choice.action == SourceAction::kPool) return choice.pool;
    return std::string(choice.action == SourceAction::kInterface ? kInterface : kNone);
  };
  return {accepts, read, print};
}

Section<NatPoolConfig> pool_section() {
  using P = NatPoolConfig;
  return Section<P>()
      .key("description", &P::description, sentence_rule(kDescriptionBytes), Reload::kLive,
           "What the pool is for, to whoever reads the file.", "The name may say it all.")
      .key(
          "addresses", &P::addresses, list_of("parts", external_rule(), 1, kMostAddresses), Reload::kLive,
          "Addresses that the pool gives, of IPv4, of IPv6 or of both, which are routed to this host. No address is in "
          "two places: it has one set of ports.")
      .required()
      .key("ports", &P::ports, ports_rule(), Reload::kLive,
           "Ports that sessions get, of TCP, UDP and SCTP; also identifiers of ICMP queries. Workers share them in "
           "blocks of 64, so that each needs at least one block.",
           "1024-65535: the system ports (RFC 6335 6) are those of this host's own services.")
      .key("keep_port", &P::keep_port, flag_rule(), Reload::kLive,
           "Whether a session gets the inside port if it is free, else another. Parity and class (below 1024 or not) "
           "are those of the inside port in any case where possible (RFC 4787 REQ-3a and REQ-4).",
           "false: a port that nobody can foresee is harder to hit (RFC 6056).")
      .not_built("port_blocks", kHostBlocks, "Ports that each inside host has for itself.");
}

Section<SourceNatRuleConfig>& add_matches(Section<SourceNatRuleConfig>& section) {
  using R = SourceNatRuleConfig;
  return section
      .key("from", &R::from, zones_rule(kMostZones), Reload::kLive, "Zones in which a session's first packet comes in.",
           "any, interfaces without a zone included.")
      .key("to", &R::to, zones_rule(kMostZones), Reload::kLive, "Zones by which it leaves.",
           "any, interfaces without a zone included.")
      .key("source", &R::source, addresses_rule(WhenEmpty::kAny, kMostInRule), Reload::kLive,
           "Addresses that the packet comes from; sets are those of `policy.addresses`.",
           "A rule limits what it names.")
      .key("destination", &R::destination, addresses_rule(WhenEmpty::kAny, kMostInRule), Reload::kLive,
           "Addresses that it goes to.", "A rule limits what it names.");
}

Section<SourceNatRuleConfig> source_rule_section() {
  using R = SourceNatRuleConfig;
  const auto family = word_rule<NatFamily>(
      "a family", {{"ipv4", NatFamily::kIpv4}, {"ipv6", NatFamily::kIpv6}, {"both", NatFamily::kBoth}});
  const auto mapping =
      word_rule<NatMapping>("a mapping", {{"endpoint_independent", NatMapping::kEndpointIndependent},
                                          {"address_and_port_dependent", NatMapping::kAddressAndPortDependent}});
  const auto filtering =
      word_rule<NatFiltering>("a filtering", {{"endpoint_independent", NatFiltering::kEndpointIndependent},
                                              {"address_dependent", NatFiltering::kAddressDependent},
                                              {"address_and_port_dependent", NatFiltering::kAddressAndPortDependent}});
  const auto log = word_rule<NatLog>(
      "what is logged", {{"none", NatLog::kNone}, {"mappings", NatLog::kMappings}, {"sessions", NatLog::kSessions}});
  Section<R> section;
  section
      .key("name", &R::name, name_rule("a rule"), Reload::kLive,
           "What counters and explanations call the rule; no two have the same.")
      .required()
      .key("description", &R::description, sentence_rule(kDescriptionBytes), Reload::kLive,
           "What the rule is for, to whoever reads the file.", "The name may say it all.");
  return add_matches(section)
      .key("family", &R::family, family, Reload::kLive, "Of which family the sessions are that the rule is for.",
           "ipv4: IPv6 has addresses enough. Who wants it translated all the same (NAT66) says so.")
      .key("translate", &R::translate, translate_rule(), Reload::kLive,
           "What the source becomes: none leaves it as it is; interface makes it the address of the interface by which "
           "the session leaves; the name of one of `nat.pools` makes it an address of that pool, the same one for all "
           "sessions of a host as long as it has ports (RFC 4787 REQ-2).")
      .required()
      .key("mapping", &R::mapping, mapping, Reload::kLive,
           "What sessions of TCP, UDP and SCTP from one address and port inside get outside (RFC 4787 4.1): "
           "endpoint_independent gives all of them the same address and port, so that others can be told it; "
           "address_and_port_dependent gives each a port of its own.",
           "RFC 4787 REQ-1 and RFC 5382 REQ-1 ask for it: calls, games and peers need it.")
      .key("filtering", &R::filtering, filtering, Reload::kLive,
           "Who outside may send first to a port that is mapped endpoint_independent (RFC 4787 5): anybody "
           "(endpoint_independent), whoever has an address that the inside endpoint has a session with "
           "(address_dependent), or nobody (address_and_port_dependent). The policy is not asked about them.",
           "address_dependent: strangers stay out (RFC 4787 REQ-8 recommends it where that is wanted).")
      .key("log", &R::log, log, Reload::kLive,
           "What is told of the ports that sessions of the rule get. mappings: an event when an address and port "
           "outside "
           "begins to be somebody's, and one when it ends to be (RFC 6888 4). sessions: the same, and events "
           "session_opened and session_closed of sessions that somebody outside begins with such a mapping; those that "
           "begin inside are logged by rules of the policy.",
           "none: an event a mapping is more than most want to keep.")
      .key("enabled", &R::enabled, flag_rule(), Reload::kLive,
           "Whether the rule is there at all; one that is not keeps its place and its name.", "It was written.");
}

Section<NatTimeoutsConfig> nat_timeouts_section() {
  using T = NatTimeoutsConfig;
  const auto rule = duration_rule(1 * kNanosecondsPerSecond, 168 * 3600 * kNanosecondsPerSecond);
  return Section<T>()
      .key("tcp_transitory", &T::tcp_transitory_ns, rule, Reload::kLive,
           "TCP that is not established: its handshake, its end, and after a RST. Each such session has a port.",
           "Four minutes (RFC 5382 REQ-5, RFC 7857 2). With n new connections a second they hold 240 n ports; who has "
           "few addresses takes less.")
      .key("tcp_established", &T::tcp_established_ns, rule, Reload::kLive, "TCP between its beginning and its end.",
           "Two hours and four minutes: longer than keep-alives are apart (RFC 5382 REQ-5).")
      .key("udp", &T::udp_ns, rule, Reload::kLive, "UDP; only packets from inside prolong one that has a port outside.",
           "Five minutes, and never less than two (RFC 4787 REQ-5, REQ-6).")
      .key("icmp", &T::icmp_ns, rule, Reload::kLive,
           "Queries of ICMP and ICMPv6, as echo; only packets from inside prolong one that has an identifier outside.",
           "A minute (RFC 5508 REQ-2).");
}

}  // namespace

Section<NatConfig> nat_section() {
  using N = NatConfig;
  return Section<N>()
      .key("addresses_max", &N::addresses_max, count_rule<std::uint32_t>(1, kMostAddresses), Reload::kRestart,
           "External addresses, of pools and of interfaces together, that can have ports at a time; each takes about "
           "70 KB of memory from the start.",
           "64 addresses have 4 million ports of each protocol, sixteen times the sessions that there are by default.")
      .key("interface_ports", &N::interface_ports, automatic_or(ports_rule()), Reload::kLive,
           "Ports that `translate: interface` may give; this host's own sockets should have none of them.",
           "auto: those that the kernel does not give its own sockets (ip_local_port_range), so that no answer to "
           "this host is taken for a session's.")
      .map("pools", &N::pools, pool_section(), pool_name_rule(), 0, kMaxExternalAddresses, Reload::kLive,
           "External addresses with their ports, by name, for rules.")
      .named_list("source", &N::source, source_rule_section(), &SourceNatRuleConfig::name, kMostSourceRules,
                  Reload::kLive,
                  "Which sessions get another source, in order: the first rule that matches a session's first packet "
                  "decides for all of the session, and what no rule matches keeps its source. The policy is asked "
                  "before, about the source that the packet comes with.")
      .named_list("destination", &N::destination, destination_rule_section(), &DestinationNatRuleConfig::name,
                  kMostDestinationRules, Reload::kLive,
                  "Which sessions go to another destination than their first packet says (port forwarding), in order: "
                  "the first rule that matches decides for all of the session. The policy is asked about the "
                  "destination that the session gets, and the source that the packet comes with.")
      .named_list("static", &N::static_rules, static_rule_section(), &StaticNatRuleConfig::name, kMostDestinationRules,
                  Reload::kLive,
                  "Addresses inside that have addresses outside for themselves, whichever side begins: one to one, all "
                  "protocols, no port changes. They come before `source`, and behind `destination`.")
      .object("timeouts", &N::timeouts, nat_timeouts_section(),
              "How long a translated session may be silent, in place of `sessions.timeouts`; protocols without a key "
              "here have that of others.")
      .not_built("nat64", "translation between IPv6 and IPv4 (NAT64)", "IPv6 hosts inside that speak to IPv4 outside.")
      .not_built("alg", "help for protocols that write addresses into their payload (ALG: FTP)",
                 "Protocols whose payload is translated.")
      .not_built("pcp", "the Port Control Protocol (PCP)", "Mappings that hosts inside ask for.")
      .not_built("port_blocks", kHostBlocks, "Ports that each inside host has for itself.");
}

}  // namespace culvert
