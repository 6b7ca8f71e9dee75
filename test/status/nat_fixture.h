// SPDX-License-Identifier: Apache-2.0
// What a culvertd with NAT says of its rules, addresses and mappings; for every output.
#pragma once

#include "status/nat.h"
#include "test/status/firewall_fixture.h"

namespace culvert::test {

/// The firewall's fixture with a rule of each kind, two of one name.
inline StatusSnapshot nat_fixture() {
  StatusSnapshot status = firewall_fixture();
  status.nat = NatStatus{3, {{"destination", "web", 12}, {"static", "lab", 0}, {"source", "web", 3456}}};
  return status;
}

inline NatRulePage nat_rules_fixture() {
  NatRuleRow web;
  web.kind = "destination";
  web.position = 1;
  web.rule = "web";
  web.description = "The shop.";
  web.from = {"internet"};
  web.destination = {"interface"};
  web.service = {"tcp/8080"};
  web.translate = "198.18.0.10";
  web.port = "80";
  web.family = "ipv4";
  web.hits = 12;
  NatRuleRow lab;
  lab.kind = "static";
  lab.position = 1;
  lab.rule = "lab";
  lab.to = {"internet"};
  lab.source = {"fd01:203:405::/48"};
  lab.translate = "2001:db8:1::/48";
  lab.family = "ipv6";
  lab.checksum_neutral = true;
  NatRuleRow office;
  office.kind = "source";
  office.position = 1;
  office.rule = "web";
  office.from = {"trust", "guests"};
  office.to = {"internet"};
  office.translate = "office";
  office.family = "both";
  office.mapping = "endpoint_independent";
  office.filtering = "address_dependent";
  office.log = "mappings";
  office.enabled = false;
  office.hits = 3456;
  return {{web, lab, office}, 3, std::nullopt};
}

inline NatPools nat_pools_fixture() {
  NatAddressRow office;
  office.pool = "office";
  office.address = "198.18.1.16";
  office.state = "used";
  office.first_port = 1024;
  office.last_port = 65535;
  office.excluded = 2;
  office.tcp = {64510, 100, 200, 0};
  office.udp = {64510, 64510, 64510, 7};
  office.icmp = {64510, 0, 1, 0};
  office.sctp = {64510, 0, 0, 0};
  NatAddressRow retired;
  retired.pool = "interface wan0";
  retired.address = "2001:db8:1::1";
  retired.state = "retired";
  retired.tcp.used = 3;
  return {{office, retired}, 2, 64, {"198.18.1.17"}, std::nullopt};
}

inline NatMappingPage nat_mappings_fixture() {
  NatMappingRow phone{0, "udp", "198.18.0.2", 5060, "198.18.1.16", 40512, 3, 2, 125};
  NatMappingRow other{1, "tcp", "2001:db8::2", 7000, "2001:db8:1::1", 7001, 1, 0, 9};
  return {{phone, other}, 5, std::nullopt};
}

}  // namespace culvert::test
