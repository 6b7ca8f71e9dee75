// SPDX-License-Identifier: Apache-2.0
// Which sessions go to another destination than their first packet says, and which hosts inside have an address outside
// that is theirs alone: what the configuration says of destination NAT, static NAT and prefixes, compiled.
//
//   from internet, to 198.18.1.1 TCP 8080            198.18.0.10 TCP 80       port forwarding
//   from internet, to 198.18.1.1 TCP 9000-9099       198.18.0.11, the same ports
//   internet: 198.18.1.16/28                   <->   198.18.0.16/28           static: sessions begin on both sides
//   internet: 2001:db8:1::/48                  <->   fd01:203:405::/48        a prefix (RFC 6296)
//
// Asked once a session, before the policy, which sees the destination that the session gets (and before source NAT). Of
// rules for one address the first that fits decides.
//
// Where packets have several workers, a packet of either direction must find its worker: `is_target` says of an
// endpoint inside that some rule leads to it (pipeline/session_owner.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "nat/address_map.h"
#include "nat/address_places.h"
#include "nat/external_addresses.h"
#include "packet/five_tuple.h"

namespace culvert {

struct DestinationRule {
  NatZones from = kAnyNatZone;  ///< where the first packet comes in; of static rules also where sessions leave
  bool ipv6 = false;            ///< the family that it is for
  bool both_ways = false;       ///< static: sessions from inside get the address outside; all protocols and ports
  bool any_protocol = true;
  std::uint8_t protocol = 0;  ///< without any_protocol
  bool any_port = true;
  // Without any_port, of TCP, UDP and SCTP:
  PoolRange ports;
  std::uint16_t first_inside_port = 0;  ///< what the first of `ports` becomes; the others follow it
  bool one_inside_port = false;         ///< all become that one
  bool any_source = true;
  std::span<const NatRange> sources;      ///< without any_source
  AddressMap addresses;                   ///< from outside to inside
  InterfaceIndex home = kNoInterface;     ///< where packets to its addresses come in; none: nobody says
  std::uint16_t counter = kNoNatCounter;  ///< of a worker: sessions that it has decided about
};

class DestinationNat {
 public:
  /// Of each family, IPv4 first: where the rules' addresses are, by the rules' numbers, ascending.
  using Places = std::array<AddressPlaces, 2>;

  DestinationNat() noexcept = default;
  /// `rules`: in order; it outlives this.
  DestinationNat(std::span<const DestinationRule> rules, const Places& outside, const Places& inside) noexcept
      : rules_(rules), outside_(outside), inside_(inside) {}

  bool any(bool ipv6) const noexcept { return !outside_[ipv6 ? 1 : 0].empty(); }
  std::span<const DestinationRule> rules() const noexcept { return rules_; }

  /// The first rule for a session whose first packet has this key and comes in at this zone; null: none.
  template <typename Tuple>
  const DestinationRule* find(const Tuple& key, std::uint8_t from) const noexcept;
  /// The same key, with the destination that the session gets. Nothing: RFC 6296 has no address for it.
  template <typename Tuple>
  static std::optional<Tuple> translated(const DestinationRule& rule, const Tuple& key) noexcept;

  /// The static rule for a session that begins inside with this source and leaves for this zone; null: none.
  template <typename Tuple>
  const DestinationRule* find_static(const Tuple& key, std::uint8_t to) const noexcept;
  /// The source that it gets. Nothing: RFC 6296 has none.
  template <typename Address>
  static std::optional<Address> outside_of(const DestinationRule& rule, const Address& source) noexcept;

  /// Whether some rule leads to this endpoint inside, wherever sessions come from.
  template <typename Address>
  bool is_target(const Address& address, std::uint8_t protocol, std::uint16_t port) const noexcept;
  /// The first rule that has this address outside, for whatever port; null: none.
  template <typename Address>
  const DestinationRule* at_outside(const Address& address) const noexcept;

 private:
  std::span<const DestinationRule> rules_;
  Places outside_, inside_;
};

}  // namespace culvert
