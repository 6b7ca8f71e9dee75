// SPDX-License-Identifier: Apache-2.0
// Every key of nat at both ends of its bounds, numbers of things, and the sentences about wrong values.
#include <algorithm>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/schema.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

constexpr const char* kFirewall =
    "interfaces: {lan0: {zone: trust}}\nzones: {trust: {}}\npolicy: {addresses: {a: 192.0.2.1}}\n";

std::string repeated(const std::string& text, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) result += text;
  return result;
}

/// "[10.0.0.0, 10.0.0.2, ...]": addresses that do not follow each other.
std::string numbered(int count) {
  std::string result = "[";
  for (int i = 0; i < count; ++i) result += fmt::format("{}10.0.{}.{}", i == 0 ? "" : ", ", i / 128, i % 128 * 2);
  return result + "]";
}

/// A configuration with one key set: that of nat itself, of pool x, or of the only rule.
std::string with_value(const std::string& path, const std::string& value) {
  const std::string name = path.substr(path.rfind('.') + 1);
  const std::string pair = name + ": " + value;
  const auto other = [&](const char* key, const char* text) {
    return name == key ? std::string() : fmt::format("{}: {}, ", key, text);
  };
  std::string nat = kFirewall;
  if (path.starts_with("nat.pools.")) {
    nat += "nat: {addresses_max: 4096, pools: {x: {" + other("addresses", "[192.0.2.1]") + pair + "}}}\n";
  } else if (path.starts_with("nat.source")) {
    nat += "nat: {pools: {x: {addresses: [192.0.2.1, \"2001:db8::1\"]}}, source: [{" + other("name", "r") +
           other("translate", "x") + pair + "}]}\n";
  } else if (path.starts_with("nat.destination")) {
    nat += "nat: {destination: [{" + other("name", "r") + other("destination", "192.0.2.1") +
           other("translate", "198.18.0.1") + (name == "port" ? "service: tcp/8080-8089, " : "") + pair + "}]}\n";
  } else if (path.starts_with("nat.static")) {
    const bool prefixes = name == "checksum_neutral";
    nat += "nat: {static: [{" + other("name", "r") + other("external", prefixes ? "\"2001:db8:1::/48\"" : "192.0.2.1") +
           other("internal", prefixes ? "\"2001:db8:2::/48\"" : "198.18.0.1") + pair + "}]}\n";
  } else if (path.starts_with("nat.timeouts.")) {
    nat += "nat: {timeouts: {" + pair + "}}\n";
  } else {
    nat += "nat: {" + pair + "}\n";
  }
  return nat;
}

struct Bounds {
  std::string path;
  std::vector<std::string> good;
  std::vector<std::string> bad;
};

/// Of rules that change the destination.
std::vector<Bounds> destination_bounds() {
  const std::vector<std::string> text_good = {"\"\"", repeated("x", 255)};
  const std::vector<std::string> text_bad = {repeated("x", 256), "[a]"};
  const std::vector<std::string> zones_good = {"any", "trust", "[trust]"};
  const std::vector<std::string> zones_bad = {"none", "[any]", "[]", "[trust, trust]", "x"};
  const std::vector<std::string> addresses_good = {"any", "a", "192.0.2.1", "[a, ::/0]", numbered(1024)};
  const std::vector<std::string> addresses_bad = {"none", "[]", "[any]", "b", "192.0.2.1-192.0.2.9", numbered(1025)};
  return {
      {"nat.destination[].name", {"a", "interface", repeated("x", 63)}, {"1", "none", repeated("x", 64)}},
      {"nat.destination[].description", text_good, text_bad},
      {"nat.destination[].from", zones_good, zones_bad},
      {"nat.destination[].source", addresses_good, addresses_bad},
      {"nat.destination[].destination",
       {"interface", "192.0.2.1", "192.0.2.0/24", "10.0.0.0/8", "192.0.2.1-192.0.2.2"},
       {"any", "none", "x", "[192.0.2.1]", "127.0.0.1", "224.0.0.1", "\"2001:db8::1\""}},
      {"nat.destination[].service",
       {"any", "tcp", "tcp/80", "[tcp/80, udp/1-65535]", "icmp", "gre", "protocol/89"},
       {"none", "[]", "tcp/0", "80", "icmp/8", "udp/123 from 123", "nobody"}},
      {"nat.destination[].translate", {"198.18.0.1"}, {"none", "interface", "198.18.0.1-198.18.0.2", "::1", "x"}},
      {"nat.destination[].port", {"same", "80", "1", "65535", "80-89"}, {"0", "65536", "80-81", "80-90", "any"}},
      {"nat.destination[].enabled", {"true", "false"}, {"no"}},
      {"nat.static[].name", {"a", "interface", repeated("x", 63)}, {"1", "none", repeated("x", 64)}},
      {"nat.static[].description", text_good, text_bad},
      {"nat.static[].outside", zones_good, zones_bad},
      {"nat.static[].external",
       {"192.0.2.1", "192.0.2.1-192.0.2.1", "192.0.2.1/32"},
       {"192.0.2.1-192.0.2.2", "\"2001:db8::1\"", "interface", "198.18.0.1", "ff02::1"}},
      {"nat.static[].internal", {"198.18.0.1"}, {"198.18.0.0/31", "192.0.2.1", "127.0.0.1", "x"}},
      {"nat.static[].checksum_neutral", {"true", "false"}, {"yes", "rfc6296"}},
      {"nat.static[].enabled", {"true", "false"}, {"no"}},
  };
}

std::vector<Bounds> all_bounds() {
  const std::vector<std::string> text_good = {"\"\"", repeated("x", 255)};
  const std::vector<std::string> text_bad = {repeated("x", 256), "[a]"};
  const std::vector<std::string> ports_good = {"1-65535", "65535", "1", "1024-32767"};
  const std::vector<std::string> ports_bad = {"0-1", "1-65536", "2-1", "-1", "1-", "1-2-3", "[1-2]", "1k-2k", "none"};
  const std::vector<std::string> zones_good = {"any", "trust", "[trust]"};
  const std::vector<std::string> zones_bad = {"none", "[any]", "[]", "[trust, trust]", "x"};
  const std::vector<std::string> addresses_good = {"any", "a", "192.0.2.1", "[a, ::/0]", numbered(1024)};
  const std::vector<std::string> addresses_bad = {"none", "[]", "[any]", "b", "192.0.2.1-192.0.2.9", numbered(1025)};
  const std::vector<std::string> timeout_good = {"1s", "168h", "90m"};
  const std::vector<std::string> timeout_bad = {"999ms", "169h", "60", "never"};
  std::vector<std::string> interface_ports = ports_good;
  interface_ports.push_back("auto");
  std::vector<std::string> pool_ports_bad = ports_bad;
  pool_ports_bad.push_back("auto");
  return {
      {"nat.addresses_max", {"1", "4096", "4k"}, {"0", "4097", "auto"}},
      {"nat.interface_ports", interface_ports, ports_bad},
      {"nat.pools.NAME.description", text_good, text_bad},
      {"nat.pools.NAME.addresses",
       {"[192.0.2.1]", "[192.0.0.0/20]", "[192.0.0.0-192.0.15.255]", "[\"2001:db8::/116\"]", "[0.0.0.1]",
        "[255.255.255.254]", "[126.255.255.255, 128.0.0.0]", numbered(4096)},
       {"[]", "192.0.2.1", "[192.0.2.0/19]", "[192.0.0.0/19]", "[192.0.0.0-192.0.16.0]", "[\"2001:db8::/115\"]", "[a]",
        "[192.0.2.1/33]", "[192.0.2.0/30-192.0.2.9]", "[192.0.2.9-192.0.2.1]", numbered(4097)}},
      {"nat.pools.NAME.ports", ports_good, pool_ports_bad},
      {"nat.pools.NAME.keep_port", {"true", "false"}, {"yes"}},
      {"nat.source[].name", {"a", "interface", repeated("x", 63)}, {"1", "none", repeated("x", 64)}},
      {"nat.source[].description", text_good, text_bad},
      {"nat.source[].from", zones_good, zones_bad},
      {"nat.source[].to", zones_good, zones_bad},
      {"nat.source[].source", addresses_good, addresses_bad},
      {"nat.source[].destination", addresses_good, addresses_bad},
      {"nat.source[].family", {"ipv4", "ipv6", "both"}, {"any", "inet6", "[ipv4]"}},
      {"nat.source[].translate", {"none", "interface", "x"}, {"y", "any", "auto", "[x]", "{x: y}", "192.0.2.1"}},
      {"nat.source[].mapping", {"endpoint_independent", "address_and_port_dependent"}, {"address_dependent", "none"}},
      {"nat.source[].filtering",
       {"endpoint_independent", "address_dependent", "address_and_port_dependent"},
       {"none", "any", "[address_dependent]"}},
      {"nat.source[].log", {"none", "mappings", "sessions"}, {"true", "both", "[none]"}},
      {"nat.source[].enabled", {"true", "false"}, {"no"}},
      {"nat.timeouts.tcp_transitory", timeout_good, timeout_bad},
      {"nat.timeouts.tcp_established", timeout_good, timeout_bad},
      {"nat.timeouts.udp", timeout_good, timeout_bad},
      {"nat.timeouts.icmp", timeout_good, timeout_bad},
  };
}

std::string said_of(const std::string& nat) {
  return check_text(kFirewall + ("nat: {" + nat + "}\n"), "f").to_text();
}

std::string said_of_address(const std::string& address) {
  return said_of("pools: {p: {addresses: [\"" + address +
                 "\"]}}, source: [{name: r, to: trust, family: both, "
                 "translate: p}]");
}

}  // namespace

TEST_CASE("every key of nat takes both ends of its bounds and nothing beyond") {
  std::vector<Bounds> table = all_bounds();
  const std::vector<Bounds> destinations = destination_bounds();
  table.insert(table.end(), destinations.begin(), destinations.end());
  for (const Bounds& row : table) {
    for (const std::string& value : row.good) {
      INFO(row.path << ": " << value.substr(0, 200));
      const CheckResult result = check_text(with_value(row.path, value), "f");
      INFO(result.to_text());
      CHECK(result.ok());
    }
    for (const std::string& value : row.bad) {
      INFO(row.path << ": " << value.substr(0, 200));
      const CheckResult result = check_text(with_value(row.path, value), "f");
      CHECK_FALSE(result.ok());
      REQUIRE_FALSE(result.diagnostics.empty());
      const std::string list = row.path.substr(0, row.path.find("[]"));
      const std::string place = list == row.path ? "nat." : list + "[0]";
      CHECK(result.diagnostics.front().key.starts_with(place));
    }
  }
  SECTION("the table above has every key") {
    for (const KeyInfo& info : schema_keys()) {
      if (info.kind != KeyInfo::Kind::kValue || !info.path.starts_with("nat.")) continue;
      INFO(info.path);
      CHECK(std::any_of(table.begin(), table.end(), [&](const Bounds& row) { return row.path == info.path; }));
    }
  }
}

TEST_CASE("wrong values of nat say what would be right") {
  struct Row {
    std::string nat;
    std::string said;
  };
  const std::vector<Row> rows = {
      {"pools: {p: {}}",
       "f:4:18: nat.pools.p.addresses: this key is missing; write a list of 1 to 4096 parts, each an address, "
       "FIRST-LAST, or a prefix with all of its addresses"},
      {"pools: {p: {addresses: [192.0.2.9-192.0.2.1]}}",
       "f:4:31: nat.pools.p.addresses[0]: 192.0.2.9 is behind 192.0.2.1; write 192.0.2.1-192.0.2.9"},
      {"pools: {p: {addresses: [192.0.2.9-::1]}}",
       "f:4:31: nat.pools.p.addresses[0]: 192.0.2.9 and ::1 are of two families; write each family by itself"},
      {"pools: {p: {addresses: [192.0.2.1/24]}}",
       "f:4:31: nat.pools.p.addresses[0]: 192.0.2.1/24 has bits behind its length; the network is 192.0.2.0/24"},
      {"pools: {p: {addresses: [office]}}",
       "f:4:31: nat.pools.p.addresses[0]: 'office' is not an IP address; write it like 192.0.2.1 or 2001:db8::1"},
      {"pools: {p: {addresses: [198.18.0.0/15]}}",
       "f:4:31: nat.pools.p.addresses[0]: 198.18.0.0/15 has more than 4096 addresses; use a smaller part of it"},
      {"pools: {p: {addresses: [192.0.2.1], ports: 5000-4000}}",
       "f:4:50: nat.pools.p.ports: '5000-4000' is no range of ports; write FIRST-LAST of 1 to 65535, as 1024-65535"},
      {"pools: {interface: {addresses: [192.0.2.1]}}",
       "f:4:15: nat.pools.interface: 'interface' has a meaning of its own; use another name for a pool"},
      {"pools: {none: {addresses: [192.0.2.1]}}",
       "f:4:15: nat.pools.none: 'none' has a meaning of its own; use another name for a pool"},
      {"interface_ports: atuo",
       "f:4:24: nat.interface_ports: 'atuo' is not auto, or a port, or FIRST-LAST, of 1 to "
       "65535; did you mean auto?"},
      {"source: [{name: a}]",
       "f:4:16: nat.source[0].translate: this key is missing; write none, interface, or the name of a pool"},
      {"source: [{translate: none}]", "f:4:16: nat.source[0].name: this key is missing; write the name of a rule"},
      {"source: [{name: a, translate: 192.0.2.1}]",
       "f:4:37: nat.source[0].translate: '192.0.2.1' cannot be the name of a pool; use at most 63 letters, digits, _ "
       "and -, a letter first"},
      {"source: [{name: a, translate: none, family: ipv5}]",
       "f:4:51: nat.source[0].family: 'ipv5' is not a family; use one of ipv4, ipv6, both (did you mean ipv4?)"},
      {"destinations: []", "f:4:7: nat.destinations: there is no such key; did you mean destination?"},
      {"destination: [{name: a, destination: 192.0.2.1}]",
       "f:4:21: nat.destination[0].translate: this key is missing; write an address, FIRST-LAST, or a prefix with all "
       "of its addresses"},
      {"destination: [{name: a, destination: 192.0.2.1, translate: 127.0.0.1}]",
       "f:4:66: nat.destination[0].translate: 127.0.0.1 cannot be inside: 127.0.0.0/8 is loopback; use addresses of "
       "hosts behind this one"},
  };
  for (const Row& row : rows) {
    INFO(row.nat);
    CHECK(said_of(row.nat) == row.said + "\n");
  }
}

TEST_CASE("addresses that no answer finds are not external") {
  struct Row {
    const char* address;
    const char* block;
    const char* what;
  };
  const std::vector<Row> rows = {
      {"0.0.0.0", "0.0.0.0", "unspecified"},
      {"127.0.0.1", "127.0.0.0/8", "loopback"},
      {"126.255.255.255-127.0.0.0", "127.0.0.0/8", "loopback"},
      {"127.255.255.255-128.0.0.0", "127.0.0.0/8", "loopback"},
      {"169.254.1.1", "169.254.0.0/16", "link-local"},
      {"223.255.255.255-224.0.0.0", "224.0.0.0/4", "multicast"},
      {"239.255.255.255", "224.0.0.0/4", "multicast"},
      {"255.255.255.255", "255.255.255.255", "broadcast"},
      {"::", "::", "unspecified"},
      {"::1", "::1", "loopback"},
      {"::ffff:192.0.2.1", "::ffff:0:0/96", "IPv4-mapped"},
      {"fe80::1", "fe80::/10", "link-local"},
      {"febf::1", "fe80::/10", "link-local"},
      {"ff02::1", "ff00::/8", "multicast"},
  };
  for (const Row& row : rows) {
    INFO(row.address);
    CHECK(said_of_address(row.address)
              .starts_with(fmt::format(
                  "f:4:31: nat.pools.p.addresses[0]: {} cannot be external: {} is {}; use addresses whose packets "
                  "come to this host\n",
                  row.address, row.block, row.what)));
  }
}

TEST_CASE("pools, rules and what these name are bounded") {
  const auto pools = [](int count) {
    std::string text = kFirewall + std::string("nat:\n  addresses_max: 4096\n  pools:\n");
    for (int i = 0; i < count; ++i) text += fmt::format("    p{}: {{addresses: [10.0.{}.{}]}}\n", i, i / 256, i % 256);
    return check_text(text, "f");
  };
  CHECK(pools(4096).ok());
  CHECK(pools(4097).to_text() == "f:7:5: nat.pools: there are 4097 pools; use at most 4096\n");
  const auto rules = [](int count, const std::string& rest) {
    std::string text = kFirewall + std::string("nat:\n  source:\n");
    for (int i = 0; i < count; ++i) text += fmt::format("    - {{name: r{}, translate: none{}}}\n", i, rest);
    return text;
  };
  CHECK(check_text(rules(1024, ""), "f").ok());
  CHECK(check_text(rules(1025, ""), "f").to_text() == "f:6:5: nat.source: the list has 1025 items; use 0 to 1024\n");
  // A thousand prefixes by way of another set.
  const std::string sets = "policy: {addresses: {many: " + numbered(1000) + ", more: [many], a: 192.0.2.1}}\n";
  const auto naming = [&](int count) {
    std::string text = rules(count, ", source: more");
    const std::size_t policy = text.find("policy:");
    return check_text(text.replace(policy, text.find('\n', policy) + 1 - policy, sets), "f");
  };
  CHECK(naming(1000).ok());
  CHECK(naming(1001).to_text() ==
        "f:6:5: nat.source: the rules have more than 1000000 prefixes, a set's counted for each rule that names it; "
        "name large sets in one rule\n");
}
