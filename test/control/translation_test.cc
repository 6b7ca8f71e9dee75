// SPDX-License-Identifier: Apache-2.0
// From the configuration's words to what workers look up.
#include "control/nat/translation.h"

#include <algorithm>

#include "config/check.h"
#include "control/nat/nat_explain.h"
#include "control/nat/translations.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

constexpr const char* kHead = R"(
interfaces: {lan0: {zone: lan}, wan0: {zone: wan}, wan1: {zone: wan}}
zones: {lan: {}, wan: {}}
policy:
  addresses: {partners: [192.0.2.0/25, 192.0.2.128/25, 2001:db8:7::/48], all: [partners, 203.0.113.7]}
  rules: [{name: out, from: lan, to: wan, action: permit}]
)";

Config config_of(const std::string& nat) {
  const CheckResult checked = check_text(kHead + nat, "translation_test.yaml");
  INFO(checked.to_text());
  REQUIRE(checked.config.has_value());
  return *checked.config;
}

IpAddress v4(const char* text) {
  return IpAddress::from(load<Ipv4Address>(parse_address(text).value().bytes.data()));
}
IpAddress v6(const char* text) {
  return IpAddress::from(Ipv6Address{parse_address(text).value().bytes});
}
FiveTuple4 tuple(const char* source, const char* destination) {
  FiveTuple4 key{};
  key.source = v4(source).ipv4();
  key.destination = v4(destination).ipv4();
  key.protocol = 17;
  return key;
}

struct Desk {
  explicit Desk(const std::string& nat)
      : config(config_of(nat)),
        zones(config),
        rules(nat_rules(config, zones)),
        lan(zones.of("lan")),
        wan(zones.of("wan")) {
    facts.interfaces = {{0, lan, {v4("198.18.0.1"), v6("2001:db8::1")}},
                        {1, wan, {v4("198.18.1.1"), v6("2001:db8:1::1")}},
                        {2, wan, {std::nullopt, std::nullopt}}};
    facts.local = {v4("198.18.0.1"), v4("198.18.1.1")};
  }

  void make(std::size_t slots = 8) {
    translations.emplace(slots, HashKey::from_seed(1));
    translation = translations->make(rules, facts, [](std::size_t) { return false; });
  }
  const SourceRule* find(const char* source, const char* destination) const {
    return translation->source_nat().find(tuple(source, destination), lan, wan);
  }

  Config config;
  ZoneNumbers zones;
  std::shared_ptr<const NatRules> rules;
  Zone lan, wan;
  Translations::Facts facts;
  std::optional<Translations> translations;
  std::shared_ptr<const Translation> translation;
};

}  // namespace

TEST_CASE("rules keep their order, sets become ranges, and each family has its own") {
  Desk desk(R"(
nat:
  pools: {office: {addresses: [198.18.2.1-198.18.2.3, 2001:db8:9::1], ports: 2000-3000, keep_port: true}}
  source:
    - {name: partners, from: lan, to: wan, destination: all, translate: none}
    - {name: off, translate: none, enabled: false}
    - {name: office, from: lan, to: wan, family: both, source: 198.18.0.0/16, translate: office}
)");
  desk.make();
  CHECK(desk.rules->names == std::vector<std::string>{"partners", "office", "office"});
  const SourceRule* partner = desk.find("198.18.0.2", "192.0.2.200");
  REQUIRE(partner != nullptr);
  CHECK(partner->action == SourceAction::kKeep);
  CHECK(partner->destinations.size() == 3);
  CHECK(desk.find("198.18.0.2", "203.0.113.7") == partner);
  const SourceRule* office = desk.find("198.18.0.2", "203.0.113.8");
  REQUIRE(office != nullptr);
  CHECK(office->action == SourceAction::kPool);
  const NatPool& pool = desk.translation->source_nat().pools[office->pool];
  CHECK(pool.slots.size() == 3);
  CHECK(pool.keep_port);
  CHECK(!pool.ipv6);
  CHECK(desk.find("192.0.2.1", "203.0.113.8") == nullptr);
  CHECK(desk.translation->source_nat().find(tuple("198.18.0.2", "203.0.113.8"), desk.wan, desk.lan) == nullptr);
  for (const std::uint16_t slot : pool.slots) {
    CHECK(desk.translation->addresses()[slot].range == PoolRange{2000, 3000});
    CHECK(desk.translation->addresses().find(desk.translation->addresses()[slot].address) == slot);
  }
}

TEST_CASE("an interface lends its address where a rule says so, without what is the host's own") {
  Desk desk("nat: {interface_ports: 1024-2047, source: [{name: out, to: wan, translate: interface}]}\n");
  const std::vector<BoundPort> bound = {{PortKind::kTcp, {}, 1500},
                                        {PortKind::kUdp, v4("198.18.1.1"), 1600},
                                        {PortKind::kUdp, v4("198.18.0.1"), 1700},
                                        {PortKind::kTcp, {}, 8080}};
  const DestinationRules nothing({}, {});
  const auto wanted =
      wanted_addresses(*desk.rules, desk.facts.interfaces, desk.facts.local, bound, {1024, 2047}, nothing);
  REQUIRE(wanted.size() == 1);
  CHECK(wanted[0].address == v4("198.18.1.1"));
  CHECK(wanted[0].excluded == std::vector<HostPort>{{PortKind::kTcp, 1500}, {PortKind::kUdp, 1600}});
  desk.make();
  const auto& pools = desk.translation->source_nat().interface_pool;
  CHECK(pools[0][0] == kNoNatPool);
  REQUIRE(pools[0][1] < desk.translation->source_nat().pools.size());
  CHECK(desk.translation->source_nat().pools[pools[0][1]].slots.size() == 1);
  CHECK(pools[0][2] == kNoNatPool);
  CHECK(pools[1][1] == kNoNatPool);
  CHECK(desk.translations->is_external(v4("198.18.1.1")));
  CHECK(!desk.translations->is_external(v4("198.18.0.1")));
}

TEST_CASE("a lost address is noticed, a new one is none") {
  Desk desk("nat: {source: [{name: out, to: wan, translate: interface}]}\n");
  desk.make();
  CHECK(!desk.translations->would_lose(*desk.rules, desk.facts));
  desk.facts.interfaces[2].address[0] = v4("198.18.3.1");
  CHECK(!desk.translations->would_lose(*desk.rules, desk.facts));
  CHECK(!desk.translations->is_up_to_date(*desk.rules, desk.facts));
  desk.translation = desk.translations->make(desk.rules, desk.facts, [](std::size_t) { return false; });
  CHECK(desk.translations->is_up_to_date(*desk.rules, desk.facts));
  // It moves from one interface to another, or goes.
  std::swap(desk.facts.interfaces[1].address[0], desk.facts.interfaces[2].address[0]);
  CHECK(desk.translations->would_lose(*desk.rules, desk.facts));
  desk.facts.interfaces[1].address[0] = v4("198.18.1.7");
  CHECK(desk.translations->would_lose(*desk.rules, desk.facts));
}

TEST_CASE("addresses without a slot are named, and nobody is translated to them") {
  Desk desk(R"(
nat:
  addresses_max: 4
  pools: {office: {addresses: [198.18.2.1-198.18.2.4]}}
  source: [{name: a, from: lan, translate: office}, {name: b, to: wan, translate: interface}]
)");
  desk.make(4);
  CHECK(desk.translations->without_slot() == std::vector{v4("198.18.1.1")});
  CHECK(desk.translation->source_nat().interface_pool[0][1] == kNoNatPool);
}

TEST_CASE("ports beside the kernel's are the larger part that it leaves") {
  CHECK(ports_beside(32768, 60999) == PoolRange{1024, 32767});
  CHECK(ports_beside(1024, 60999) == PoolRange{61000, 65535});
  CHECK(ports_beside(1, 60999) == PoolRange{61000, 65535});
  CHECK(ports_beside(1024, 65535) == kNoPorts);
  CHECK(ports_beside(10, 900) == PoolRange{1024, 65535});
}

TEST_CASE("where packets to an external address come in: the interface that lends it, or by which its rule leads") {
  Desk desk(R"(
nat:
  pools:
    out: {addresses: [198.18.9.1, "2001:db8:9::1"]}
    anywhere: {addresses: [198.18.9.2]}
    nobody: {addresses: [198.18.9.3]}
  source:
    - {name: a, from: lan, source: 198.18.0.9, translate: anywhere}
    - {name: b, from: lan, to: wan, source: 198.18.0.0/30, family: both, translate: out}
    - {name: c, from: lan, to: wan, translate: interface}
    - {name: d, from: lan, to: wan, translate: none}
)");
  desk.make();
  const auto home = [&](const IpAddress& address) {
    const ExternalAddresses& all = desk.translation->addresses();
    const auto slot = all.find(address.ipv6());
    REQUIRE(slot.has_value());
    return all[*slot].home;
  };
  CHECK(home(v4("198.18.9.1")) == 1);
  CHECK(home(v6("2001:db8:9::1")) == 1);
  CHECK(home(v4("198.18.1.1")) == 1);
  CHECK(home(v4("198.18.9.2")) == kNoInterface);
  CHECK(home(v4("198.18.9.3")) == kNoInterface);
}

TEST_CASE("a rule says how its sessions are mapped, and who is let in") {
  Desk desk(R"(
nat:
  source:
    - {name: a, from: lan, to: wan, source: 198.18.0.1, translate: interface, mapping: address_and_port_dependent}
    - {name: b, from: lan, to: wan, source: 198.18.0.2, translate: interface, filtering: endpoint_independent}
    - {name: c, from: lan, to: wan, translate: interface}
)");
  desk.make();
  CHECK(desk.find("198.18.0.1", "192.0.2.1")->mapping == NatMapping::kAddressAndPortDependent);
  CHECK(desk.find("198.18.0.2", "192.0.2.1")->mapping == NatMapping::kEndpointIndependent);
  CHECK(desk.find("198.18.0.2", "192.0.2.1")->filtering == NatFiltering::kEndpointIndependent);
  CHECK(desk.find("198.18.0.3", "192.0.2.1")->mapping == NatMapping::kEndpointIndependent);
  CHECK(desk.find("198.18.0.3", "192.0.2.1")->filtering == NatFiltering::kAddressDependent);
}

TEST_CASE("what a policy test says of NAT is the rule that would translate the session") {
  Desk desk(R"(
nat:
  pools:
    out: {addresses: [198.18.9.1, "2001:db8:9::1"]}
  source:
    - {name: near, from: lan, to: wan, destination: 192.0.2.0/24, translate: none}
    - {name: one, from: lan, to: wan, source: 198.18.0.1, translate: out, filtering: endpoint_independent}
    - {name: rest, from: lan, to: wan, translate: interface, mapping: address_and_port_dependent}
)");
  desk.make();
  const auto said = [&](const char* source, const char* destination, std::uint8_t protocol) {
    PolicyTestQuery query;
    query.source = parse_address(source).value();
    query.destination = parse_address(destination).value();
    query.protocol = protocol;
    PolicyTest test;
    const MeantQuery meant = meant_query(*desk.translation, query, desk.lan);
    explain_translation(*desk.translation, query, meant, desk.lan, desk.wan, test);
    std::string text = test.nat_translate.value();
    for (const auto& part : {test.nat_rule, test.nat_mapping, test.nat_filtering}) text += " " + part.value_or("-");
    return text;
  };
  CHECK(said("198.18.0.1", "203.0.113.1", 17) == "out one endpoint_independent endpoint_independent");
  CHECK(said("198.18.0.1", "203.0.113.1", 1) == "out one - -");
  CHECK(said("198.18.0.1", "192.0.2.1", 6) == "none near - -");
  CHECK(said("198.18.0.2", "203.0.113.1", 6) == "interface rest address_and_port_dependent -");
  CHECK(said("2001:db8::1", "2001:db8:2::1", 6) == "none - - -");
}

namespace {

constexpr const char* kForwarded = R"(
nat:
  interface_ports: 1024-65535
  pools:
    out: {addresses: [198.18.9.1], ports: 5000-5009}
  source:
    - {name: out, from: lan, to: wan, translate: out}
    - {name: lent, from: lan, to: wan, source: 198.18.0.99, translate: interface}
  destination:
    - {name: web, from: wan, destination: interface, service: [tcp/8080, tcp/9000-9001], translate: 198.18.0.2}
    - {name: pool, from: wan, destination: 198.18.9.1, service: udp/5003-5004, translate: 198.18.0.3, port: 53}
    - {name: off, from: wan, destination: 198.18.7.1, translate: 198.18.0.2, enabled: false}
  static:
    - {name: own, outside: wan, external: 198.18.8.0/30, internal: 198.18.0.8/30}
)";

FiveTuple4 tcp(const char* source, const char* destination, std::uint16_t port) {
  FiveTuple4 key = tuple(source, destination);
  key.protocol = 6;
  key.destination_port = Be16(port);
  return key;
}

}  // namespace

TEST_CASE("a forwarded port of an interface is that of the address which it has") {
  Desk desk(kForwarded);
  desk.make();
  const DestinationNat& nat = desk.translation->destinations().nat();
  const DestinationRule* rule = nat.find(tcp("192.0.2.1", "198.18.1.1", 8080), desk.wan);
  REQUIRE(rule != nullptr);
  CHECK(rule->home == 1);
  CHECK(desk.translation->destinations().configured(*rule).name == "web");
  CHECK(nat.find(tcp("192.0.2.1", "198.18.1.1", 9001), desk.wan) == rule + 1);
  CHECK(nat.find(tcp("192.0.2.1", "198.18.0.1", 8080), desk.wan) == nullptr);  // of another zone's interface
  CHECK(nat.find(tcp("192.0.2.1", "198.18.7.1", 80), desk.wan) == nullptr);
  CHECK(desk.translations->is_up_to_date(*desk.rules, desk.facts));
  desk.facts.interfaces[1].address[0] = v4("198.18.1.77");
  desk.facts.interfaces[2].address[0] = v4("198.18.2.1");
  CHECK(!desk.translations->is_up_to_date(*desk.rules, desk.facts));
  CHECK(desk.translations->would_lose(*desk.rules, desk.facts));
  desk.make();
  const DestinationNat& now = desk.translation->destinations().nat();
  CHECK(now.find(tcp("192.0.2.1", "198.18.1.1", 8080), desk.wan) == nullptr);
  CHECK(now.find(tcp("192.0.2.1", "198.18.1.77", 8080), desk.wan)->home == 1);
  CHECK(now.find(tcp("192.0.2.1", "198.18.2.1", 8080), desk.wan)->home == 2);
}

TEST_CASE("addresses that sessions leave with give no port that is forwarded") {
  Desk desk(kForwarded);
  desk.make();
  std::size_t looked_at = 0;
  for (const ExternalSlots::Slot& slot : desk.translations->slots()) {
    if (slot.state != ExternalSlots::State::kWanted) continue;
    ++looked_at;
    const auto has = [&slot](PortKind kind, std::uint16_t port) {
      return std::binary_search(slot.excluded.begin(), slot.excluded.end(), HostPort{kind, port});
    };
    const bool pool = slot.address == v4("198.18.9.1");
    CHECK(has(PortKind::kUdp, 5003) == pool);
    CHECK(has(PortKind::kUdp, 5004) == pool);
    CHECK(!has(PortKind::kUdp, 5005));
    CHECK(!has(PortKind::kTcp, 5003));
    CHECK(has(PortKind::kTcp, 8080) == !pool);
    CHECK(has(PortKind::kTcp, 9001) == !pool);
  }
  CHECK(looked_at == 2);
  CHECK(desk.translations->is_external(v4("198.18.8.3")));
  CHECK(!desk.translations->is_external(v4("198.18.8.4")));
}

TEST_CASE("a policy test says where a session goes, and what a host has for itself") {
  Desk desk(kForwarded);
  desk.make();
  PolicyTestQuery query;
  query.source = parse_address("192.0.2.1").value();
  query.destination = parse_address("198.18.9.1").value();
  query.protocol = 17;
  query.destination_port = 5004;
  const MeantQuery meant = meant_query(*desk.translation, query, desk.wan);
  CHECK(meant.rule == "pool");
  CHECK(to_text(meant.query.destination) == "198.18.0.3");
  CHECK(meant.query.destination_port == 53);
  CHECK(!meant_query(*desk.translation, query, desk.lan).rule.has_value());
  PolicyTest test;
  test.destination = "198.18.0.3";
  test.destination_port = 53;
  explain_translation(*desk.translation, query, meant, desk.wan, desk.lan, test);
  CHECK(test.nat_destination_rule == "pool");
  CHECK(test.nat_destination == "198.18.0.3");
  CHECK(*test.nat_destination_port == 53);
  CHECK(test.destination == "198.18.9.1");
  CHECK(*test.destination_port == 5004);
  query.source = parse_address("198.18.0.9").value();
  query.destination = parse_address("192.0.2.1").value();
  test = {};
  explain_translation(*desk.translation, query, meant_query(*desk.translation, query, desk.lan), desk.lan, desk.wan,
                      test);
  CHECK(test.nat_translate == "static");
  CHECK(test.nat_rule == "own");
  CHECK(test.nat_source == "198.18.8.1");
}
