// SPDX-License-Identifier: Apache-2.0
// Between which zones the source of sessions may be translated. It is what source NAT (nat/source_nat.h) says when the
// rules' addresses are left out, so that a packet of either direction finds out by two zones that its session may be
// one of those:
//
//   office to internet, to 192.0.2.0/24   keep          nothing
//   office to internet                    pool 0        office -> internet
//   guests to internet and office         interface     guests -> internet, guests -> office
//
// Each family has its own.
#pragma once

#include <array>
#include <span>

#include "nat/source_nat.h"
#include "policy/policy_key.h"

namespace culvert {

struct TranslatedZones {
  std::array<NatZones, kMaxZones> to{};  ///< bit b of to[a]: some rule translates sessions from a to b
  NatZones inside = 0;                   ///< zones from where some are
  NatZones outside = 0;                  ///< zones to where some are

  bool any() const noexcept { return inside != 0; }
  bool takes_part(Zone zone) const noexcept { return ((inside | outside) >> zone & 1) != 0; }
  /// Answers to translated sessions don't come from there.
  bool is_only_inside(Zone zone) const noexcept { return ((inside & ~outside) >> zone & 1) != 0; }
  bool translates(Zone from, Zone zone) const noexcept { return (to[from] >> zone & 1) != 0; }
};

/// By family, IPv4 first.
std::array<TranslatedZones, 2> translated_zones(std::span<const SourceRule> rules) noexcept;

}  // namespace culvert
