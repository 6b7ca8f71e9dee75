// SPDX-License-Identifier: Apache-2.0
// What becomes of sessions when the routes or the policy change under them.
#include "test/pipeline/firewall.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr InterfaceIndex kOther = 2;
constexpr Zone kZoneOther = 3;

RigConfig three_interfaces() {
  RigConfig config;
  config.interfaces = 3;
  return config;
}

const char* network_of_server(const Family& family) {
  return family.ipv4 ? "198.18.1.0/24" : "2001:db8:1::/64";
}
PacketBuilder there(const Family& family) {
  return from_client(family).udp(1024, 53);
}
PacketBuilder back(const Family& family) {
  return from_server(family).udp(53, 1024);
}

}  // namespace

TEST_CASE("a session's packets take the new next hop as soon as the route has one") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    REQUIRE(firewall.fate(there(family)) == "passed");
    REQUIRE(firewall.fate(back(family), kInternet) == "passed");
    firewall.forward(network_of_server(family), kInternet, test_mac(0xb1));
    CHECK(firewall.fate(there(family)) == "passed");
    CHECK(get8(firewall.sent(kInternet)[1], 5) == 0xb1);
    CHECK(firewall.fate(there(family)) == "passed");
    CHECK(get8(firewall.sent(kInternet)[2], 5) == 0xb1);
    CHECK(firewall.fate(back(family), kInternet) == "passed");
    CHECK(firewall.evaluations() == 1);
    // Two at the beginning, one for each direction after the change.
    CHECK(firewall.sum(&PipelineCells::route_lookups) == 4);
  }
}

TEST_CASE("a neighbour that gets another address needs no look-up") {
  Firewall firewall;
  const NextHopIndex gateway = firewall.forward("198.18.1.0/24", kInternet, test_mac(0xb1));
  REQUIRE(firewall.fate(there(kFamilies[0])) == "passed");
  firewall.resolve(gateway, test_mac(0xb2));
  REQUIRE(firewall.fate(there(kFamilies[0])) == "passed");
  CHECK(get8(firewall.sent(kInternet)[1], 5) == 0xb2);
}

TEST_CASE("a session whose neighbour is not known waits for it, and is one session") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    const NextHopIndex gateway = firewall.unresolved(network_of_server(family), kInternet);
    CHECK(firewall.fate(there(family)) == "held");
    CHECK(firewall.fate(there(family)) == "held");
    firewall.resolve(gateway, test_mac(0xb1));
    firewall.turns(2);
    CHECK(firewall.sent(kInternet).size() == 2);
    CHECK(firewall.fate(back(family), kInternet) == "passed");
    CHECK(firewall.count() == 1);
    CHECK(firewall.evaluations() == 1);
  }
}

TEST_CASE("when the route of a session vanishes, its packets meet what routes say then") {
  Firewall firewall;
  REQUIRE(firewall.fate(there(kFamilies[0])) == "passed");
  firewall.remove("198.18.1.0/24");
  CHECK(firewall.fate(there(kFamilies[0])) == "no_route");
  firewall.special("198.18.1.0/24", NextHopKind::kLocal);
  CHECK(firewall.fate(there(kFamilies[0])) == "punted");
  firewall.forward("198.18.1.0/24", kInternet, test_mac(0xb1));
  CHECK(firewall.fate(there(kFamilies[0])) == "passed");
  CHECK(firewall.count() == 1);
}

TEST_CASE("a session that would leave by another zone asks the policy about it: denied") {
  for (const Family& family : kFamilies) {
    Firewall firewall(trust_goes_out(), three_interfaces());
    REQUIRE(firewall.fate(there(family)) == "passed");
    firewall.forward(network_of_server(family), kOther, test_mac(0xc1));
    CHECK(firewall.fate(there(family)) == "policy_deny");
    CHECK(firewall.fate(there(family)) == "policy_deny");
    CHECK(firewall.sent(kOther).size() == 0);
    CHECK(firewall.fate(back(family), kInternet) == "passed");
    firewall.forward(network_of_server(family), kInternet, test_mac(0xc1));
    CHECK(firewall.fate(there(family)) == "passed");
    CHECK(firewall.count() == 1);
  }
}

TEST_CASE(
    "a session that would leave by another zone asks the policy about it: permitted, its answers come from there") {
  for (const Family& family : kFamilies) {
    Firewall firewall(rules({rule(kZoneTrust, kZoneInternet, RuleAction::kPermit),
                             rule(kZoneTrust, kZoneOther, RuleAction::kPermit)}),
                      three_interfaces());
    REQUIRE(firewall.fate(there(family)) == "passed");
    firewall.forward(network_of_server(family), kOther, test_mac(0xc1));
    firewall.pass(there(family).build());
    CHECK(firewall.sent(kOther).size() == 1);
    firewall.pass(there(family).build());
    CHECK(firewall.sent(kOther).size() == 2);
    CHECK(firewall.evaluations() == 2);
    CHECK(firewall.fate(back(family), kInternet) == "session_zone");
    firewall.pass(back(family).build(), kOther);
    CHECK(firewall.sent(kTrust).size() == 1);
    CHECK(firewall.count() == 1);
  }
}

TEST_CASE("answers that would leave by another zone than requests come from ask the policy, too") {
  for (const Family& family : kFamilies) {
    const char* const clients = family.ipv4 ? "198.18.0.0/24" : "2001:db8::/64";
    for (const bool permitted : {false, true}) {
      RuleSet set = trust_goes_out();
      if (permitted) set.rules.push_back(rule(kZoneOther, kZoneInternet, RuleAction::kPermit));
      Firewall firewall(set, three_interfaces());
      REQUIRE(firewall.fate(there(family)) == "passed");
      firewall.forward(clients, kOther, test_mac(0xc1));
      for (int i = 0; i < 2; ++i) firewall.pass(back(family).build(), kInternet);
      CHECK(firewall.sent(kOther).size() == (permitted ? 2 : 0));
      CHECK(firewall.drops(DropReason::kPolicyDeny) == (permitted ? 0 : 2));
      // Requests come in where they did.
      CHECK(firewall.fate(there(family)) == "passed");
      CHECK(firewall.count() == 1);
    }
  }
}

TEST_CASE("a changed policy is asked again about answers that leave by another zone") {
  for (const Family& family : kFamilies) {
    RuleSet set = trust_goes_out();
    set.rules.push_back(rule(kZoneOther, kZoneInternet, RuleAction::kPermit));
    Firewall firewall(set, three_interfaces());
    REQUIRE(firewall.fate(there(family)) == "passed");
    firewall.forward(family.ipv4 ? "198.18.0.0/24" : "2001:db8::/64", kOther, test_mac(0xc1));
    firewall.pass(back(family).build(), kInternet);
    REQUIRE(firewall.sent(kOther).size() == 1);
    firewall.use(trust_goes_out());
    CHECK(firewall.fate(back(family), kInternet) == "policy_deny");
    CHECK(firewall.fate(there(family)) == "passed");
    CHECK(firewall.sent(kOther).size() == 1);
  }
}

TEST_CASE("members of a multipath route in two zones: the policy is asked about the one that is taken") {
  for (const Family& family : kFamilies) {
    Firewall firewall(trust_goes_out(), three_interfaces());
    const char* const first = family.ipv4 ? "203.0.113.1/32" : "2001:db8:77::1/128";
    const char* const second = family.ipv4 ? "203.0.113.2/32" : "2001:db8:77::2/128";
    const MultipathMember members[] = {{firewall.forward(first, kInternet, test_mac(1)), 1},
                                       {firewall.forward(second, kOther, test_mac(2)), 1}};
    firewall.multipath(network_of_server(family), members);
    int passed = 0;
    for (std::uint16_t port = 1; port <= 100; ++port) {
      const std::string fate = firewall.fate(from_client(family).udp(port, 53));
      CHECK((fate == "passed" || fate == "policy_deny"));
      passed += fate == "passed" ? 1 : 0;
    }
    CHECK(firewall.sent(kOther).size() == 0);
    CHECK(passed > 20);
    CHECK(passed < 80);
  }
}

TEST_CASE("a policy that denies a session closes it with its next packet, of either direction") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    REQUIRE(firewall.fate(there(family)) == "passed");
    REQUIRE(firewall.fate(from_client(family).udp(1025, 53)) == "passed");
    firewall.use(rules({}));
    CHECK(firewall.fate(back(family), kInternet) == "policy_changed");
    CHECK(firewall.count() == 1);
    CHECK(firewall.fate(from_client(family).udp(1025, 53)) == "policy_changed");
    CHECK(firewall.count() == 0);
    CHECK(firewall.session_cells().cleared.read() == 2);
    CHECK(firewall.fate(back(family), kInternet) == "policy_deny");
  }
}

TEST_CASE("a policy that rejects what a session does closes it too") {
  Firewall firewall;
  REQUIRE(firewall.fate(there(kFamilies[0])) == "passed");
  firewall.use(rules({rule(kZoneTrust, kZoneInternet, RuleAction::kReject)}));
  CHECK(firewall.fate(there(kFamilies[0])) == "policy_changed");
  CHECK(firewall.count() == 0);
}

TEST_CASE("when sessions are to be kept, a policy that denies them only refuses new ones") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    REQUIRE(firewall.fate(there(family)) == "passed");
    firewall.settings.close_on_change = false;
    firewall.use(rules({}));
    CHECK(firewall.fate(there(family)) == "passed");
    CHECK(firewall.fate(back(family), kInternet) == "passed");
    CHECK(firewall.fate(from_client(family).udp(1025, 53)) == "policy_deny");
    CHECK(firewall.count() == 1);
    CHECK(firewall.evaluations() == 3);
  }
}

TEST_CASE("a policy that still permits a session is asked once, and its rule is the one of now") {
  for (const Family& family : kFamilies) {
    Firewall firewall;
    REQUIRE(firewall.fate(there(family)) == "passed");
    firewall.use(rules(
        {rule(kZoneInternet, kZoneTrust, RuleAction::kDeny), rule(kZoneTrust, kZoneInternet, RuleAction::kPermit)}));
    for (int i = 0; i < 5; ++i) {
      CHECK(firewall.fate(back(family), kInternet) == "passed");
      CHECK(firewall.fate(there(family)) == "passed");
    }
    CHECK(firewall.evaluations() == 2);
    CHECK(firewall.rule_hits(1) == 1);
    if (family.ipv4) {
      REQUIRE(firewall.sessions<FiveTuple4>().size() == 1);
      CHECK(firewall.sessions<FiveTuple4>()[0].original.info.rule == 1);
      CHECK(firewall.sessions<FiveTuple4>()[0].original.head.packets() == 6);
    }
  }
}

TEST_CASE("an interface that moves to another zone takes no session along") {
  Firewall firewall;
  REQUIRE(firewall.fate(there(kFamilies[0])) == "passed");
  firewall.settings.zone[kInternet] = kZoneOther;
  firewall.use(trust_goes_out());
  CHECK(firewall.fate(back(kFamilies[0]), kInternet) == "session_zone");
}

TEST_CASE("changed timeouts count for the sessions that there are") {
  Firewall firewall;
  REQUIRE(firewall.fate(there(kFamilies[0])) == "passed");
  firewall.settings.timeouts.udp = SessionTimeouts::seconds(200);
  firewall.use(trust_goes_out());
  firewall.wait(190'000);
  CHECK(firewall.count() == 1);
  firewall.wait(12'000);
  CHECK(firewall.count() == 0);
}
