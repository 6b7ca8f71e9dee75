// SPDX-License-Identifier: Apache-2.0
// One dimension of a rule after the other, at its boundaries.
#include "test/policy/policies.h"

using namespace culvert;
using namespace culvert::test;

namespace {

PolicyKey web() {
  return key("198.18.0.9", "192.0.2.1");
}

/// 100 and more prefixes make a list a set whose members are looked up.
PrefixSet many_prefixes() {
  PrefixSet set;
  for (std::uint32_t i = 0; i < 300; ++i) {
    set.ipv4.emplace_back(0xc6120000U + i * 512, 24U);  // every other /24 from 198.18.0.0 on
    set.ipv6.emplace_back(0x20010db800000000ULL + std::uint64_t{i} * 0x20000, 0ULL, 48U);
  }
  return set;
}

}  // namespace

TEST_CASE("without rules the default decides") {
  PolicyWriter policy;
  CHECK(policy.outcome(web()) == RuleOutcome{kDefaultRule, RuleAction::kDeny, false, false});
  policy.rules().default_action = RuleAction::kReject;
  policy.rules().log_default = true;
  CHECK(policy.outcome(web()) == RuleOutcome{kDefaultRule, RuleAction::kReject, true, false});
  CHECK(policy.decide(key("2001:db8::1", "2001:db8::2")) == kDefaultRule);
}

TEST_CASE("a rule says what it was told, and the first that matches decides") {
  PolicyWriter policy;
  policy.rule({.services = {tcp(443)}, .action = RuleAction::kPermit, .log_open = true, .log_close = true});
  policy.rule({.services = {tcp(80)}, .action = RuleAction::kReject, .log_close = true});
  policy.rule({.action = RuleAction::kPermit, .log_open = true});
  policy.rule({.services = {tcp(80)}, .action = RuleAction::kDeny});
  CHECK(policy.outcome(key("198.18.0.9", "192.0.2.1", 6, 1, 443)) == RuleOutcome{0, RuleAction::kPermit, true, true});
  CHECK(policy.outcome(web()) == RuleOutcome{1, RuleAction::kReject, false, true});
  CHECK(policy.outcome(key("198.18.0.9", "192.0.2.1", 17, 1, 80)) == RuleOutcome{2, RuleAction::kPermit, true, false});
}

TEST_CASE("a prefix holds its first and last address and not its neighbours") {
  PolicyWriter policy;
  const auto ten = policy.set({"198.18.4.0/22", "2001:db8:4::/46"});
  SECTION("as source") {
    policy.rule({.sources = {ten}});
  }
  SECTION("as destination") {
    policy.rule({.destinations = {ten}});
  }
  SECTION("as both") {
    policy.rule({.sources = {ten}, .destinations = {ten}});
  }
  const bool by_source = !policy.rules().rules[0].sources.empty();
  const bool by_destination = !policy.rules().rules[0].destinations.empty();
  const auto decide = [&](const std::string& address) {
    const bool is_4 = address.find(':') == std::string::npos;
    const std::string inside = is_4 ? "198.18.5.1" : "2001:db8:5::1";
    const std::string outside = is_4 ? "192.0.2.1" : "2001:db8:ffff::1";
    if (by_source && by_destination) {
      CHECK(policy.decide(key(address, outside)) == kDefaultRule);
      CHECK(policy.decide(key(outside, address)) == kDefaultRule);
      CHECK(policy.decide(key(inside, address)) == policy.decide(key(address, inside)));
    }
    return policy.decide(key(by_source ? address : inside, by_destination ? address : inside));
  };
  CHECK(decide("198.18.3.255") == kDefaultRule);
  CHECK(decide("198.18.4.0") == 0);
  CHECK(decide("198.18.7.255") == 0);
  CHECK(decide("198.18.8.0") == kDefaultRule);
  CHECK(decide("2001:db8:3:ffff:ffff:ffff:ffff:ffff") == kDefaultRule);
  CHECK(decide("2001:db8:4::") == 0);
  CHECK(decide("2001:db8:7:ffff:ffff:ffff:ffff:ffff") == 0);
  CHECK(decide("2001:db8:8::") == kDefaultRule);
}

TEST_CASE("prefixes of every length, the whole family and single addresses") {
  PolicyWriter policy;
  policy.rule({.sources = {policy.set({"192.0.2.7/32", "2001:db8::7/128"})}});
  policy.rule({.destinations = {policy.set({"192.0.2.7/32", "2001:db8::7/128"})}});
  policy.rule({.sources = {policy.set({"0.0.0.0/32", "255.255.255.255/32", "::/128"})}});
  policy.rule({.sources = {policy.set({"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"})}});
  policy.rule({.sources = {policy.set({"128.0.0.0/1", "8000::/1"})}, .services = {tcp(80)}});
  policy.rule({.destinations = {policy.set({"0.0.0.0/0", "::/0"})}, .services = {tcp(80)}});
  CHECK(policy.decide(key("192.0.2.7", "192.0.2.7")) == 0);
  CHECK(policy.decide(key("192.0.2.8", "192.0.2.7")) == 1);
  CHECK(policy.decide(key("192.0.2.8", "192.0.2.6")) == 4);
  CHECK(policy.decide(key("2001:db8::7", "::1")) == 0);
  CHECK(policy.decide(key("2001:db8::6", "2001:db8::7")) == 1);
  CHECK(policy.decide(key("2001:db8::8", "2001:db8::8")) == 5);
  CHECK(policy.decide(key("0.0.0.0", "192.0.2.6")) == 2);
  CHECK(policy.decide(key("0.0.0.1", "192.0.2.6")) == 5);
  CHECK(policy.decide(key("255.255.255.255", "192.0.2.6")) == 2);
  CHECK(policy.decide(key("255.255.255.254", "192.0.2.6")) == 4);
  CHECK(policy.decide(key("::", "::1")) == 2);
  CHECK(policy.decide(key("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1")) == 3);
  CHECK(policy.decide(key("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "::1")) == 4);
  CHECK(policy.decide(key("127.255.255.255", "255.255.255.255", 17)) == kDefaultRule);
}

TEST_CASE("a rule of one family does not match the other") {
  PolicyWriter policy;
  policy.rule({.sources = {policy.set({"0.0.0.0/0"})}});
  policy.rule({.destinations = {policy.set({"::/0"})}});
  policy.rule({});
  CHECK(policy.decide(web()) == 0);
  CHECK(policy.decide(key("2001:db8::1", "2001:db8::2")) == 1);
}

TEST_CASE("an empty set matches nothing, no set matches everything") {
  PolicyWriter policy;
  const auto empty = policy.set({});
  policy.rule({.sources = {empty}});
  policy.rule({.destinations = {empty}});
  policy.rule({.sources = {empty, policy.set({"198.18.0.0/16"})}, .services = {tcp(80)}});
  policy.rule({});
  CHECK(policy.decide(web()) == 2);
  CHECK(policy.decide(key("192.0.2.1", "198.18.0.9")) == 3);
  CHECK(policy.decide(key("2001:db8::1", "2001:db8::2")) == 3);
}

TEST_CASE("ports at their ends") {
  PolicyWriter policy;
  policy.rule({.services = {tcp(0)}});
  policy.rule({.services = {tcp(65535)}});
  policy.rule({.services = {service(kProtocolTcp, {100, 200}, {1024, 65535})}});
  policy.rule({.services = {service(kProtocolTcp, {}, {0, 0})}});
  policy.rule({.services = {service(kProtocolUdp, {0, 65534})}});
  const auto decide = [&](std::uint8_t protocol, std::uint16_t source, std::uint16_t destination) {
    return policy.decide(key("198.18.0.9", "192.0.2.1", protocol, source, destination));
  };
  CHECK(decide(kProtocolTcp, 5, 0) == 0);
  CHECK(decide(kProtocolTcp, 5, 1) == kDefaultRule);
  CHECK(decide(kProtocolTcp, 5, 65534) == kDefaultRule);
  CHECK(decide(kProtocolTcp, 5, 65535) == 1);
  CHECK(decide(kProtocolTcp, 1024, 99) == kDefaultRule);
  CHECK(decide(kProtocolTcp, 1024, 100) == 2);
  CHECK(decide(kProtocolTcp, 65535, 200) == 2);
  CHECK(decide(kProtocolTcp, 65535, 201) == kDefaultRule);
  CHECK(decide(kProtocolTcp, 1023, 100) == kDefaultRule);
  CHECK(decide(kProtocolTcp, 0, 100) == 3);
  CHECK(decide(kProtocolTcp, 1, 300) == kDefaultRule);
  CHECK(decide(kProtocolUdp, 0, 65534) == 4);
  CHECK(decide(kProtocolUdp, 0, 65535) == kDefaultRule);
}

TEST_CASE("ICMP types and codes, and protocols without ports") {
  PolicyWriter policy;
  const auto type = [](unsigned kind, unsigned code) { return static_cast<std::uint16_t>(kind << 8 | code); };
  policy.rule({.services = {service(kProtocolIcmp, {type(8, 0), type(8, 0)})}});
  policy.rule({.services = {service(kProtocolIcmp, {type(3, 0), type(3, 255)})}});
  policy.rule({.services = {service(kProtocolIcmpv6, {type(128, 0), type(129, 255)})}});
  policy.rule({.services = {service(47), service(0), service(255)}});
  const auto icmp = [&](unsigned kind, unsigned code) {
    return policy.decide(key("198.18.0.9", "192.0.2.1", kProtocolIcmp, 0, type(kind, code)));
  };
  CHECK(icmp(8, 0) == 0);
  CHECK(icmp(8, 1) == kDefaultRule);
  CHECK(icmp(7, 255) == kDefaultRule);
  CHECK(icmp(3, 0) == 1);
  CHECK(icmp(3, 255) == 1);
  CHECK(icmp(4, 0) == kDefaultRule);
  CHECK(icmp(2, 255) == kDefaultRule);
  CHECK(policy.decide(key("2001:db8::1", "2001:db8::2", kProtocolIcmpv6, 0, type(129, 255))) == 2);
  CHECK(policy.decide(key("2001:db8::1", "2001:db8::2", kProtocolIcmpv6, 0, type(130, 0))) == kDefaultRule);
  for (const std::uint8_t protocol : {std::uint8_t{47}, std::uint8_t{0}, std::uint8_t{255}})
    CHECK(policy.decide(key("2001:db8::1", "2001:db8::2", protocol, 0, 0)) == 3);
  CHECK(policy.decide(key("2001:db8::1", "2001:db8::2", 46, 0, 0)) == kDefaultRule);
}

TEST_CASE("any protocol means any ports too, whatever the other fields hold") {
  PolicyWriter policy;
  policy.rule({.services = {{.any_protocol = true, .protocol = 6, .source = {9, 9}, .destination = {9, 9}}}});
  CHECK(policy.decide(web()) == 0);
  CHECK(policy.decide(key("2001:db8::1", "2001:db8::2", 255, 65535, 0)) == 0);
}

TEST_CASE("zones from the first to the last") {
  PolicyWriter policy;
  policy.rule({.from = 1, .to = ZoneMask{1} << 63});
  policy.rule({.from = ZoneMask{1} << 63, .to = 1});
  policy.rule({.from = ZoneMask{6}, .to = ~ZoneMask{6}});
  CHECK(policy.decide(between_zones(web(), 0, 63)) == 0);
  CHECK(policy.decide(between_zones(web(), 63, 0)) == 1);
  CHECK(policy.decide(between_zones(web(), 0, 0)) == kDefaultRule);
  CHECK(policy.decide(between_zones(web(), 63, 63)) == kDefaultRule);
  CHECK(policy.decide(between_zones(web(), 1, 0)) == 2);
  CHECK(policy.decide(between_zones(web(), 2, 63)) == 2);
  CHECK(policy.decide(between_zones(web(), 2, 1)) == kDefaultRule);
  CHECK(policy.decide(between_zones(web(), 3, 0)) == kDefaultRule);
}

TEST_CASE("a disabled rule keeps its position and matches nothing") {
  PolicyWriter policy;
  policy.rule({.enabled = false, .sources = {policy.set({"198.18.0.0/15"})}});
  policy.rule({.enabled = false});
  policy.rule({.action = RuleAction::kPermit});
  CHECK(policy.decide(web()) == 2);
  policy.rules().rules[1].enabled = true;
  CHECK(policy.decide(web()) == 1);
  policy.rules().rules[0].enabled = true;
  CHECK(policy.decide(web()) == 0);
}

TEST_CASE("sets of many prefixes, alone, together and beside small ones") {
  PolicyWriter policy;
  const auto many = policy.add(many_prefixes());
  PrefixSet shifted = many_prefixes();
  for (Prefix4& prefix : shifted.ipv4) prefix = Prefix4(prefix.bits + 512, 23);
  const auto other = policy.add(std::move(shifted));
  const auto host = policy.set({"198.18.1.9/32", "2001:db8:1::9/128"});
  policy.rule({.sources = {many}, .destinations = {many}});
  policy.rule({.sources = {host}, .destinations = {many}});
  policy.rule({.sources = {many, host}, .services = {tcp(25)}});
  policy.rule({.sources = {other}, .services = {tcp(80)}});
  policy.rule({.destinations = {many, other}});
  CHECK(policy.decide(key("198.18.0.255", "198.18.2.0")) == 0);
  CHECK(policy.decide(key("198.18.1.9", "198.20.86.255")) == 1);
  CHECK(policy.decide(key("198.18.1.9", "198.20.88.0")) == 4);
  CHECK(policy.decide(key("198.18.3.9", "198.18.2.9")) == 3);
  CHECK(policy.decide(key("198.18.1.0", "198.18.2.9")) == 4);
  CHECK(policy.decide(key("198.18.0.9", "192.0.2.1", 6, 1, 25)) == 2);
  CHECK(policy.decide(key("198.18.1.9", "192.0.2.1", 6, 1, 25)) == 2);
  CHECK(policy.decide(key("198.18.1.8", "192.0.2.1", 6, 1, 25)) == kDefaultRule);
  CHECK(policy.decide(key("192.0.2.1", "198.18.1.255", 17)) == kDefaultRule);
  CHECK(policy.decide(key("192.0.2.1", "198.18.3.255", 17)) == 4);
  CHECK(policy.decide(key("2001:db8:2::9", "2001:db8:4:1::")) == 0);
  CHECK(policy.decide(key("2001:db8:1::9", "2001:db8:4:1::")) == 1);
  CHECK(policy.decide(key("2001:db8:3::9", "2001:db8:4:1::")) == 4);
  CHECK(policy.decide(key("2001:db8:3::9", "2001:db8:5:1::")) == kDefaultRule);
}

TEST_CASE("overlapping and repeated prefixes are as one") {
  PolicyWriter policy;
  const auto nested = policy.set({"198.18.0.0/15", "198.18.7.0/24", "198.18.7.0/24", "198.18.7.9/32"});
  const auto inner = policy.set({"198.18.7.9/32", "198.18.7.8/32"});
  policy.rule({.sources = {inner, inner}, .destinations = {policy.set({"192.0.2.0/25"})}});
  policy.rule({.sources = {nested, inner}, .destinations = {policy.set({"192.0.2.0/24", "192.0.2.0/25"})}});
  CHECK(policy.decide(key("198.18.7.9", "192.0.2.1")) == 0);
  CHECK(policy.decide(key("198.18.7.8", "192.0.2.127")) == 0);
  CHECK(policy.decide(key("198.18.7.8", "192.0.2.128")) == 1);
  CHECK(policy.decide(key("198.18.7.7", "192.0.2.1")) == 1);
  CHECK(policy.decide(key("198.19.255.255", "192.0.2.255")) == 1);
  CHECK(policy.decide(key("198.20.0.0", "192.0.2.255")) == kDefaultRule);
}
