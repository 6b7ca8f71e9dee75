// SPDX-License-Identifier: Apache-2.0
// The Ethernet II header (IEEE 802.3, RFC 894) and in-line VLAN tags (IEEE 802.1Q, 802.1ad).
#pragma once

#include <cstdint>

#include "base/endian.h"
#include "packet/address.h"

namespace culvert {

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  Be16 ether_type;
};

/// What stands behind a tag protocol identifier: the tag's own two bytes and the type of what follows.
struct VlanTag {
  Be16 control;  ///< priority (3 bits), drop eligible (1), VLAN identifier (12)
  Be16 ether_type;

  constexpr std::uint16_t id() const noexcept { return control.host() & 0x0fff; }
};

inline constexpr std::uint32_t kEthernetHeaderSize = sizeof(EthernetHeader);
inline constexpr std::uint32_t kVlanTagSize = sizeof(VlanTag);

inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;
inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;         ///< 802.1Q customer tag
inline constexpr std::uint16_t kEtherTypeServiceVlan = 0x88a8;  ///< 802.1ad service tag
inline constexpr std::uint16_t kEtherTypeOldQinq = 0x9100;      ///< outer tag of older equipment
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;

inline constexpr std::uint32_t kMaxVlanTags = 2;

constexpr bool is_vlan_type(std::uint16_t ether_type) noexcept {
  return ether_type == kEtherTypeVlan || ether_type == kEtherTypeServiceVlan || ether_type == kEtherTypeOldQinq;
}

static_assert(sizeof(EthernetHeader) == 14 && alignof(EthernetHeader) == 1);
static_assert(sizeof(VlanTag) == 4 && alignof(VlanTag) == 1);

}  // namespace culvert
