// SPDX-License-Identifier: Apache-2.0
// From the configuration's words to what workers look up.
#include "control/nat/translation.h"

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
  const auto wanted = wanted_addresses(*desk.rules, desk.facts.interfaces, desk.facts.local, bound, {1024, 2047});
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
  const auto said = [&](const char* source, const char* destination, std::uint8_t protocol) {
    PolicyTestQuery query;
    query.source = parse_address(source).value();
    query.destination = parse_address(destination).value();
    query.protocol = protocol;
    PolicyTest test;
    explain_translation(*desk.rules, query, desk.lan, desk.wan, test);
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
