// SPDX-License-Identifier: Apache-2.0
// A firewall that gives what leaves for the internet another source: 198.18.1.100 or 2001:db8:1::100.
#pragma once

#include <optional>

#include "test/pipeline/firewall.h"
#include "test/support/address_book.h"

namespace culvert::test {

/// The address outside.
inline const char* external(const Family& family) {
  return family.ipv4 ? "198.18.1.100" : "2001:db8:1::100";
}

inline Ipv6Address external_address(const Family& family, std::uint8_t number = 100) {
  if (family.ipv4) return mapped(Ipv4Address{Be32(0xc6120100U + number)});
  Ipv6Address address{{0x20, 0x01, 0x0d, 0xb8, 0, 1}};
  address.bytes[14] = 1;  // ::100 and so on
  address.bytes[15] = static_cast<std::uint8_t>(number - 100);
  return address;
}

struct Translating : Firewall {
  static RigConfig with_addresses(RigConfig config) {
    config.external_addresses = 8;
    return config;
  }
  explicit Translating(PoolRange range = {}, const RigConfig& config = {})
      : Firewall(trust_goes_out(), with_addresses(config)) {
    addresses = {{external_address(kFamilies[0]), range}, {external_address(kFamilies[1]), range}};
    slots = {{0}, {1}};
    pools = {{.slots = {}, .ipv6 = false}, {.slots = {}, .ipv6 = true}};
    for (const bool ipv6 : {false, true}) {
      SourceRule rule;
      rule.from = NatZones{1} << kZoneTrust;
      rule.to = NatZones{1} << kZoneInternet;
      rule.action = SourceAction::kPool;
      rule.ipv6 = ipv6;
      rule.pool = ipv6 ? 1 : 0;
      nat_rules.push_back(rule);
    }
    nat.pairing_key = HashKey::from_seed(3);
    apply();
  }

  /// Another generation of the policy, with what addresses, pools and rules are now.
  void apply() {
    nat.rules = nat_rules;
    for (std::size_t i = 0; i < pools.size(); ++i) pools[i].slots = slots[i];
    nat.pools = pools;
    settings.source_nat = &nat;
    settings.external_addresses = &book.publish(addresses);
    settings.translated_zones = translated_zones(nat_rules);
    use(trust_goes_out());
  }

  /// The packet that comes out where others leave than come in; none: it was dropped.
  std::optional<Bytes> through(const Bytes& packet, InterfaceIndex from = kTrust) {
    const InterfaceIndex to = from == kTrust ? kInternet : kTrust;
    const std::size_t before = sent(to).size();
    pass(packet, from);
    if (sent(to).size() == before) return std::nullopt;
    return slice(std::span<const std::byte>(sent(to)[before]), 0);
  }
  std::optional<Bytes> through(const PacketBuilder& packet, InterfaceIndex from = kTrust) {
    return through(packet.build(), from);
  }

  /// As the pool has it; control is told the same, or it would give the slot away.
  std::uint32_t ports_used(PortKind kind, std::size_t slot = 0) {
    const std::uint32_t used = external_ports().pool(slot, kind).used();
    CHECK(port_gauges()[slot * kPortKinds + static_cast<std::size_t>(kind)].used.read() == used);
    return used;
  }

  std::vector<ExternalAddress> addresses;
  std::vector<std::vector<std::uint16_t>> slots;  ///< of each pool
  std::vector<NatPool> pools;
  std::vector<SourceRule> nat_rules;
  SourceNat nat;
  AddressBook book;
};

}  // namespace culvert::test
