// SPDX-License-Identifier: Apache-2.0
// What a person says against floods and scans: screens, by name, for zones; and limits of a zone.
//
//   zones:
//     internet: {screen: strict, limits: {sessions_per_source: 200, new_sessions_per_source: 50/s}}
//   screens:
//     strict: {udp_flood: 10k/s, port_scan: 30, alarm_only: [port_scan]}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "packet/screen.h"

namespace culvert {

/// Nothing: off.
struct ScreenConfig {
  std::string description;
  bool land = true;
  bool winnuke = true;
  bool syn_fin = true;
  bool no_flags = true;
  bool fin_no_ack = true;
  bool source_route = true;
  bool tiny_fragment = true;
  std::optional<std::uint32_t> icmp_flood;     ///< packets a second
  std::optional<std::uint32_t> udp_flood;      ///< packets a second
  std::optional<std::uint32_t> syn_flood;      ///< connections a second
  std::optional<std::uint32_t> port_scan;      ///< ports in ten seconds
  std::optional<std::uint32_t> address_sweep;  ///< addresses in ten seconds
  std::vector<Screen> alarm_only;

  friend bool operator==(const ScreenConfig&, const ScreenConfig&) = default;
};

/// Whether a screen looks for anything; whether it drops what it finds or only counts, `alarm_only` says.
bool is_on(const ScreenConfig& screens, Screen which) noexcept;

/// Nothing: none.
struct ZoneLimitsConfig {
  std::optional<std::uint32_t> sessions_per_source;
  std::optional<std::uint32_t> new_sessions_per_source;  ///< a second
  std::optional<std::uint32_t> new_sessions;             ///< a second

  friend bool operator==(const ZoneLimitsConfig&, const ZoneLimitsConfig&) = default;
};

}  // namespace culvert
