// SPDX-License-Identifier: Apache-2.0
// Source NAT's configuration: what its text means, and what is said about a wrong one.
#include "config/nat.h"

#include <string>
#include <vector>

#include "config/changes.h"
#include "config/config.h"
#include "config/schema.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

/// Two zones and a policy in lines 1 to 3; nat begins in line 4.
constexpr const char* kFirewall =
    "interfaces: {lan0: {zone: trust}, wan0: {zone: internet}}\nzones: {trust: , internet: }\n"
    "policy: {addresses: {lan: 198.18.0.0/24, far: \"2001:db8::/32\"}}\n";

std::string said_of(const std::string& nat) {
  return check_text(kFirewall + nat, "f").to_text();
}

struct Row {
  std::string nat;
  std::string said;
};

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    INFO(row.nat);
    CHECK(said_of(row.nat) == (row.said.empty() ? "" : row.said + "\n"));
  }
}

/// Pool p of one address, with its rule, in lines 4 to 7; further pools and rules are behind them.
std::string with(const std::string& pools, const std::string& rules = "") {
  return "nat:\n  pools:\n    p: {addresses: [192.0.2.1]}\n" + pools +
         "  source:\n    - {name: p, to: internet, translate: p}\n" + rules;
}

AddressSpan span(const std::string& text) {
  return parse_address_span(text).value();
}

}  // namespace

TEST_CASE("what nat says lands where it belongs") {
  const CheckResult result = check_text(
      std::string(kFirewall) +
          "nat:\n"
          "  addresses_max: 100\n"
          "  interface_ports: 2000-3000\n"
          "  pools:\n"
          "    office:\n"
          "      {addresses: [198.18.1.16-198.18.1.31, 198.18.2.0/28, \"2001:db8:9::1\"], ports: 4096-8191,\n"
          "       keep_port: true, description: Ours.}\n"
          "    bare: {addresses: [192.0.2.1]}\n"
          "  source:\n"
          "    - {name: lab, description: Near., from: trust, to: [internet, trust], source: lan,\n"
          "       destination: [192.0.2.0/24, far], family: both, translate: none, log: mappings, enabled: false}\n"
          "    - {name: office, from: trust, family: both, translate: office}\n"
          "    - {name: guests, to: internet, family: ipv6, translate: interface,\n"
          "       mapping: address_and_port_dependent, filtering: endpoint_independent}\n"
          "    - {name: rest, to: internet, translate: bare}\n",
      "f");
  CHECK(result.to_text().empty());
  REQUIRE(result.ok());
  REQUIRE(result.config->nat.has_value());
  const NatConfig& nat = *result.config->nat;
  CHECK(nat.addresses_max == 100);
  CHECK(nat.interface_ports == PortRange{2000, 3000});
  REQUIRE(nat.pools.size() == 2);
  CHECK(nat.pools.at("office") ==
        NatPoolConfig{"Ours.",
                      {span("198.18.1.16-198.18.1.31"), span("198.18.2.0-198.18.2.15"), span("2001:db8:9::1")},
                      {4096, 8191},
                      true});
  CHECK(nat.pools.at("bare") == NatPoolConfig{"", {span("192.0.2.1")}, {1024, 65535}, false});
  REQUIRE(nat.source.size() == 4);
  const ConfigPrefix near{{false, {192, 0, 2}}, 24};
  CHECK(nat.source[0] == SourceNatRuleConfig{"lab",
                                             "Near.",
                                             {"trust"},
                                             {"internet", "trust"},
                                             {{}, {"lan"}},
                                             {{near}, {"far"}},
                                             NatFamily::kBoth,
                                             {SourceAction::kKeep, ""},
                                             NatMapping::kEndpointIndependent,
                                             NatFiltering::kAddressDependent,
                                             NatLog::kMappings,
                                             false});
  CHECK(nat.source[1].translate == TranslateChoice{SourceAction::kPool, "office"});
  CHECK(nat.source[1].mapping == NatMapping::kEndpointIndependent);
  CHECK(nat.source[1].filtering == NatFiltering::kAddressDependent);
  CHECK(nat.source[2].family == NatFamily::kIpv6);
  CHECK(nat.source[2].mapping == NatMapping::kAddressAndPortDependent);
  CHECK(nat.source[2].filtering == NatFiltering::kEndpointIndependent);
  CHECK(nat.source[2].translate == TranslateChoice{SourceAction::kInterface, ""});
  CHECK(nat.source[3].family == NatFamily::kIpv4);
  CHECK(nat.source[3].enabled);
}

TEST_CASE("nat without anything below it is there, with its defaults") {
  const CheckResult result = check_text(std::string(kFirewall) + "nat:\n", "f");
  CHECK(result.to_text().empty());
  REQUIRE(result.ok());
  CHECK(result.config->nat == NatConfig{});
  CHECK_FALSE(check_text(kFirewall, "f").config->nat.has_value());
}

TEST_CASE("nat without a policy is refused, and nothing else of it is hidden by that") {
  const std::string said =
      "f:2:6: nat: what is translated are sessions, and there are none without a policy; write policy: with rules for "
      "what may pass, or policy: {default: permit}\n";
  CHECK(check_text("interfaces: {lan0: {}}\nnat: {}\n", "f").to_text() == said);
  CHECK(check_text("interfaces: {lan0: {}}\nnat: {source: [{name: a, source: lan, translate: p}]}\n", "f").to_text() ==
        said +
            "f:2:34: nat.source[0].source: there is no address set lan; write it below policy.addresses\n"
            "f:2:50: nat.source[0].translate: there is no pool p; write it below nat.pools\n");
  CHECK(check_text("interfaces: {lan0: {}}\npolicy: {default: permit}\nnat: {}\n", "f").ok());
}

TEST_CASE("keys of NAT that is not built are refused by name") {
  const std::string tail = " is not built yet in this version; remove the key";
  const std::string blocks = "a block of ports for each inside host (deterministic NAT)" + tail;
  check_rows({
      {"nat: {nat64: {prefix: \"64:ff9b::/96\"}}\n",
       "f:4:7: nat.nat64: translation between IPv6 and IPv4 (NAT64)" + tail},
      {"nat: {alg: [ftp]}\n",
       "f:4:7: nat.alg: help for protocols that write addresses into their payload (ALG: FTP)" + tail},
      {"nat: {pcp: true}\n", "f:4:7: nat.pcp: the Port Control Protocol (PCP)" + tail},
      {"nat: {port_blocks: 256}\n", "f:4:7: nat.port_blocks: " + blocks},
      {with("    q: {addresses: [192.0.2.2], port_blocks: 256}\n", "    - {name: q, to: trust, translate: q}\n"),
       "f:7:33: nat.pools.q.port_blocks: " + blocks},
      {with("", "    - {name: q, to: trust, translate: p, mapping: address_dependent}\n"),
       "f:9:51: nat.source[1].mapping: 'address_dependent' is not a mapping; use one of endpoint_independent, "
       "address_and_port_dependent"},
  });
}

TEST_CASE("names that are nobody's are told with the ones that were probably meant") {
  check_rows({
      {with("", "    - {name: a, from: trsut, translate: p}\n"),
       "f:9:23: nat.source[1].from: there is no zone trsut; did you mean trust?"},
      {with("", "    - {name: a, to: [trust, dmz], translate: p}\n"),
       "f:9:29: nat.source[1].to[1]: there is no zone dmz; the zones are trust, internet"},
      {with("", "    - {name: a, from: trust, source: [192.0.2.0/24, lam], translate: p}\n"),
       "f:9:53: nat.source[1].source[1]: there is no address set lam; did you mean lan?"},
      {with("", "    - {name: a, from: trust, destination: servers, translate: p}\n"),
       "f:9:43: nat.source[1].destination: there is no address set servers; the sets are lan, far"},
      {with("", "    - {name: a, from: trust, translate: offcie}\n"),
       "f:9:41: nat.source[1].translate: there is no pool offcie; the pools are p"},
      {with("    office: {addresses: [192.0.2.2]}\n", "    - {name: a, from: trust, translate: offcie}\n"),
       "f:10:41: nat.source[1].translate: there is no pool offcie; did you mean office?"},
      {with("", "    - {name: a, from: trust, translate: interfaces}\n"),
       "f:9:41: nat.source[1].translate: there is no pool interfaces; did you mean interface?"},
      {with("", "    - {name: a, from: trust, translate: non}\n"),
       "f:9:41: nat.source[1].translate: there is no pool non; did you mean none?"},
      {with("", "    - {name: p, from: trust, translate: none}\n"),
       "f:9:14: nat.source[1].name: there is a rule p already; it is in line 8; give this one another name"},
  });
}

TEST_CASE("an address is in one place") {
  check_rows({
      {with("    q: {addresses: [192.0.2.0/30]}\n", "    - {name: q, from: trust, translate: q}\n"),
       "f:7:21: nat.pools.q.addresses[0]: 192.0.2.1 is in nat.pools.p.addresses[0] (line 6), too, and an address has "
       "one set of ports; take it out of one of them"},
      {with("    a: {addresses: [192.0.2.7, 198.18.1.0-198.18.1.9, 198.18.1.9/32]}\n",
            "    - {name: a, from: trust, translate: a}\n"),
       "f:7:55: nat.pools.a.addresses[2]: 198.18.1.9 is in nat.pools.a.addresses[1] (line 7), too, and an address has "
       "one set of ports; take it out of one of them"},
      {with("    a: {addresses: [192.0.2.7, 192.0.2.7/32]}\n", "    - {name: a, from: trust, translate: a}\n"),
       "f:7:32: nat.pools.a.addresses[1]: 192.0.2.7 is in the list twice; it is already in line 7; remove one"},
      // A large part, and two within it that do not meet.
      {with("    a: {addresses: [198.18.0.0/24]}\n    b: {addresses: [198.18.0.1, 198.18.0.255]}\n",
            "    - {name: a, from: trust, translate: a}\n    - {name: b, from: internet, translate: b}\n"),
       "f:5:3: nat.addresses_max: the pools have 259 addresses, and 64 can have ports; use 259, or smaller pools\n"
       "f:8:21: nat.pools.b.addresses[0]: 198.18.0.1 is in nat.pools.a.addresses[0] (line 7), too, and an address has "
       "one set of ports; take it out of one of them\n"
       "f:8:33: nat.pools.b.addresses[1]: 198.18.0.255 is in nat.pools.a.addresses[0] (line 7), too, and an address "
       "has one set of ports; take it out of one of them"},
      {with("    a: {addresses: [192.0.2.0, 192.0.2.2, \"2001:db8::1\"]}\n",
            "    - {name: a, from: trust, family: both, translate: a}\n"),
       ""},
  });
}

TEST_CASE("no more addresses have ports than there is memory for") {
  const auto pool = [](const std::string& max, const std::string& addresses, const std::string& rule = "") {
    return "nat: {addresses_max: " + max + ", pools: {p: {addresses: " + addresses +
           "}}, source: [{name: p, from: trust, translate: p}" + rule + "]}\n";
  };
  check_rows({
      {pool("16", "[192.0.2.0/28]"), ""},
      {pool("15", "[192.0.2.0/28]"),
       "f:4:22: nat.addresses_max: the pools have 16 addresses, and 15 can have ports; use 16, or smaller pools"},
      {pool("4096", "[192.0.0.0/20]"), ""},
      {pool("4096", "[192.0.0.0/20, 198.18.0.0]"),
       "f:4:22: nat.addresses_max: the pools have 4097 addresses, and 4096 can have ports; use at most 4096 addresses"},
      {pool("16", "[192.0.2.0/28]", ", {name: i, from: internet, translate: interface}"),
       "f:4:22: warning: nat.addresses_max: the pools' addresses take every place, and interfaces' addresses are left "
       "without ports; use a larger number, or smaller pools"},
      {pool("16", "[192.0.2.0/28]", ", {name: i, from: internet, translate: interface, enabled: false}"), ""},
      {pool("17", "[192.0.2.0/28]", ", {name: i, from: internet, translate: interface}"), ""},
  });
}

TEST_CASE("a rule's pool has an address of each family that the rule is for") {
  const std::string six = "    six: {addresses: [\"2001:db8:9::1\"]}\n";
  const auto lacks = [](const std::string& where, int family, const std::string& pool, const std::string& other) {
    return fmt::format(
        "f:{}.translate: the rule is for IPv{} sessions, and {} has no IPv{} address; add one to the pool, or write "
        "family: {}",
        where, family, pool, family, other);
  };
  check_rows({
      {with("", "    - {name: a, from: trust, family: both, translate: p}\n"),
       lacks("9:55: nat.source[1]", 6, "p", "ipv4")},
      {with("", "    - {name: a, from: trust, family: ipv6, translate: p}\n"),
       lacks("9:55: nat.source[1]", 6, "p", "ipv4")},
      {with(six, "    - {name: a, from: trust, translate: six}\n"), lacks("10:41: nat.source[1]", 4, "six", "ipv6")},
      {with(six, "    - {name: a, from: trust, family: ipv6, translate: six}\n"), ""},
  });
}

TEST_CASE("what is right of nat and probably not meant is a warning") {
  check_rows({
      {with("    q: {addresses: [192.0.2.2]}\n"),
       "f:7:8: warning: nat.pools.q: no rule uses this pool; write translate: q in a rule"},
      {"nat: {source: [{name: a, translate: interface}]}\n",
       "f:4:16: warning: nat.source[0]: translates between all zones, those inside included; write to: and the zones "
       "outside"},
      {"nat: {source: [{name: a, from: trust, translate: interface}, {name: b, translate: none}]}\n", ""},
      {"nat: {source: [{name: a, translate: interface, enabled: false}]}\n", ""},
  });
}

TEST_CASE("a rule of nat behind one that matches all of it is a warning") {
  const auto shadowed = [](const std::string& first, const std::string& second) {
    const std::string said = said_of("nat:\n  source:\n    - {name: a, translate: none" + first +
                                     "}\n    - {name: b, translate: none" + second + "}\n");
    if (said.empty()) return false;
    CHECK(said ==
          "f:7:7: warning: nat.source[1]: b can never match: it is shadowed by a (line 6), which matches all of it; "
          "move it up, or remove it\n");
    return true;
  };
  CHECK(shadowed("", ""));
  CHECK(shadowed("", ", from: trust, source: lan, destination: far"));
  CHECK(shadowed(", from: [trust, internet]", ", from: trust"));
  CHECK(shadowed(", source: [lan, 192.0.2.1]", ", source: [192.0.2.1, lan], to: trust"));
  CHECK(shadowed(", family: both", ", family: ipv6"));
  CHECK(shadowed(", family: ipv6", ", family: ipv6"));
  CHECK_FALSE(shadowed("", ", family: ipv6"));
  CHECK_FALSE(shadowed(", family: ipv6", ", family: both"));
  CHECK_FALSE(shadowed(", enabled: false", ""));
  CHECK_FALSE(shadowed("", ", enabled: false"));
  CHECK_FALSE(shadowed(", from: trust", ""));
  CHECK_FALSE(shadowed(", to: trust", ", from: trust"));
  CHECK_FALSE(shadowed(", source: lan", ", source: far"));
  CHECK_FALSE(shadowed(", source: lan", ", destination: lan"));
}

TEST_CASE("a running culvertd takes every change of nat but of its memory") {
  const auto config = [](const std::string& text) { return *check_text(kFirewall + text, "f").config; };
  const auto changes = [&](const std::string& from, const std::string& to) {
    std::string lines;
    const auto list = changes_between(config(from), config(to));
    for (const ConfigChange& change : list) lines += to_text(change) + "\n";
    for (const std::string& reason : restart_reasons(list)) lines += "! " + reason + "\n";
    return lines;
  };
  CHECK(changes("", "nat:\n") == "nat: added\n! nat: added needs a restart of culvertd\n");
  CHECK(changes(with(""), "") == "nat: removed\n! nat: removed needs a restart of culvertd\n");
  CHECK(changes("nat:\n", "nat: {addresses_max: 65, interface_ports: 1024-2047}\n") ==
        "nat.addresses_max: 64 -> 65\nnat.interface_ports: auto -> 1024-2047\n"
        "! nat.addresses_max: 64 -> 65 needs a restart of culvertd\n");
  CHECK(changes(with(""), with("    q: {addresses: [192.0.2.2]}\n", "    - {name: q, to: trust, translate: q}\n")) ==
        "nat.pools.q: added\nnat.source.q: added\n");
  CHECK(changes("nat: {pools: {p: {addresses: [198.18.2.0/28]}}}\n",
                "nat: {pools: {p: {addresses: [198.18.2.0-198.18.2.15], ports: 5000, keep_port: true}}}\n") ==
        "nat.pools.p.ports: 1024-65535 -> 5000\nnat.pools.p.keep_port: false -> true\n");
  CHECK(changes(with(""), with("", "    - {name: q, to: trust, translate: none}\n")) == "nat.source.q: added\n");
  for (const KeyInfo& info : schema_keys()) {
    INFO(info.path);
    if (!info.path.starts_with("nat.") || info.kind == KeyInfo::Kind::kNotBuilt) continue;
    CHECK((info.reload == Reload::kRestart) == (info.path == "nat.addresses_max"));
  }
}

TEST_CASE("what is printed of nat reads back") {
  const Config config =
      *check_text(std::string(kFirewall) +
                      with("    q: {addresses: [198.18.1.1-198.18.1.9, \"2001:db8::/124\"], ports: 9}\n",
                           "    - {name: q, from: trust, family: both, source: [lan, 192.0.2.0/24], translate: q}\n"),
                  "f")
           .config;
  std::string pools, rules, element;
  for (const KeyValue& value : key_values(config)) {
    std::string& text = value.path.starts_with("nat.pools.") ? pools : rules;
    if (!value.path.starts_with("nat.pools.") && !value.path.starts_with("nat.source.")) continue;
    const std::string name = value.path.substr(value.path.rfind('.') + 1);
    if (value.is_element) {
      text += (&text == &pools ? "    " + name + ":\n" : "    -\n");
    } else {
      text += "      " + name + ": " + value.text + "\n";
    }
  }
  const CheckResult again = check_text(kFirewall + ("nat:\n  pools:\n" + pools + "  source:\n" + rules), "f");
  INFO(again.to_text());
  REQUIRE(again.ok());
  CHECK(*again.config == config);
}
