// SPDX-License-Identifier: Apache-2.0
// The firewall of endpoint_nat.h with destination NAT beside its source NAT: ports of its external address are
// forwarded, and hosts have addresses outside for themselves.
#pragma once

#include <arpa/inet.h>
#include <memory>
#include <vector>

#include "nat/destination_table.h"
#include "test/pipeline/endpoint_nat.h"

namespace culvert::test {

inline constexpr WorkerIndex kWorkerCounts[] = {1, 2, 5};
inline constexpr std::uint16_t kOutsidePort = 8080, kInsidePort = 80;

inline AddressNumber number(const Family& family, const char* ipv4, const char* ipv6) {
  std::array<std::uint8_t, 16> bytes{};
  REQUIRE(::inet_pton(family.ipv4 ? AF_INET : AF_INET6, family.ipv4 ? ipv4 : ipv6, bytes.data()) == 1);
  return family.ipv4 ? AddressNumber::of(load<Ipv4Address>(bytes.data())) : AddressNumber::of(Ipv6Address{bytes});
}

/// TCP, UDP or SCTP to 8080 of the external address goes to 80 of the client.
inline DestinationRule forwarded(const Family& family, std::uint8_t protocol) {
  const AddressNumber outside = number(family, "198.18.1.100", "2001:db8:1::100");
  DestinationRule rule;
  rule.from = NatZones{1} << kZoneInternet;
  rule.ipv6 = !family.ipv4;
  rule.any_protocol = false;
  rule.protocol = protocol;
  rule.any_port = false;
  rule.ports = {kOutsidePort, kOutsidePort};
  rule.first_inside_port = kInsidePort;
  rule.one_inside_port = true;
  rule.addresses = AddressMap::all_to_one({outside, outside}, number(family, "198.18.0.2", "2001:db8::2"));
  rule.home = kInternet;
  return rule;
}

/// The client has an address outside for itself.
inline const char* fixed(const Family& family) {
  return family.ipv4 ? "198.18.1.120" : "2001:db8:1::120";
}
inline DestinationRule of_the_client(const Family& family) {
  const AddressNumber outside = number(family, "198.18.1.120", "2001:db8:1::120");
  const AddressNumber inside = number(family, "198.18.0.2", "2001:db8::2");
  DestinationRule rule;
  rule.from = NatZones{1} << kZoneInternet;
  rule.ipv6 = !family.ipv4;
  rule.both_ways = true;
  rule.addresses = AddressMap::in_order({outside, outside}, {inside, inside});
  rule.home = kInternet;
  return rule;
}

/// Who comes from the internet gets to port 80 inside, and everybody out.
inline RuleSet to_port_80() {
  return rules({rule(kZoneTrust, kZoneInternet, RuleAction::kPermit),
                rule(kZoneInternet, kZoneTrust, RuleAction::kPermit,
                     {service(kProtocolTcp, kInsidePort), service(kProtocolUdp, kInsidePort),
                      service(kProtocolSctp, kInsidePort)})});
}
inline RuleSet everywhere() {
  return rules(
      {rule(kZoneTrust, kZoneInternet, RuleAction::kPermit), rule(kZoneInternet, kZoneTrust, RuleAction::kPermit)});
}

struct Redirecting : EndpointNat {
  explicit Redirecting(std::vector<DestinationRule> list, WorkerIndex count = 1, const RuleSet& policy = to_port_80())
      : EndpointNat(NatFiltering::kAddressDependent, {}, with_workers(count)) {
    for (ExternalAddress& address : addresses) {
      address.home = kInternet;
      address.excluded = taken;
    }
    redirect(std::move(list), policy);
  }

  /// Another generation of the policy, with these rules.
  void redirect(std::vector<DestinationRule> list, const RuleSet& policy = to_port_80()) {
    before = std::move(table);
    table = std::make_unique<DestinationTable>(std::move(list));
    settings.destination_nat = &table->nat();
    apply();
    use(policy);
  }

  std::vector<HostPort> taken{
      {PortKind::kTcp, kOutsidePort}, {PortKind::kUdp, kOutsidePort}, {PortKind::kSctp, kOutsidePort}};
  std::unique_ptr<DestinationTable> table, before;
};

}  // namespace culvert::test
