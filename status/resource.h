// SPDX-License-Identifier: Apache-2.0
// Every bounded thing in Culvert is a resource of some kind, and every kind stands in one table with three texts: a
// stable name (JSON, metrics), what it is, and what happens when it is full. docs/resources.md is made from this table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace culvert {

enum class ResourceKind : std::uint8_t {
  kFrames,
  kReceiveRing,
  kFillRing,
  kTransmitRing,
  kCompletionRing,
  kHandoffRing,
  kHandoffFrames,
  kPuntQueue,
  kPendingNeighbors,
  kRequestQueue,
  kCommandQueue,
  kInterfaces,
  kIpv4Routes,
  kIpv6Routes,
  kIpv4LpmGroups,
  kIpv6LpmGroups,
  kNextHops,
  kMultipathGroups,
  kNeighbors,
  kManagedNeighbors,
  kDenyList,
  kLocalAddresses,
  kFailsafePorts,
  kFurtherStations,
  kControlConnections,
  kWatcherBacklog,
  kEventHistory,
  kPublishedStatus,
  kAgentConnections,
  kSessions,
  kHalfOpenSessions,
  kFragments,
  kSessionLog,
  kPolicyRules,
  kZones,
  kNamedScreens,
  kAddressSets,
  kPolicyPrefixes,
  kServices,
  kSchedules,
  kSessionWork,
  kSources,
  kScans,
  kNatRules,
  kNatPrefixes,
  kExternalAddresses,
  kNatPorts,
  kNatMappings,
  kCount,
};

inline constexpr std::size_t kResourceKinds = static_cast<std::size_t>(ResourceKind::kCount);

struct ResourceText {
  std::string_view name;       ///< snake_case, stable
  std::string_view sentence;   ///< what it is and what its numbers count
  std::string_view when_full;  ///< what happens then
  /// What the parts of its scope are: "interface/queue", "worker", "culvertd".
  std::string_view scope;
  /// A history that is meant to be full: it makes room by forgetting the oldest. Its row never warns.
  bool full_is_normal = false;
};

/// The one table, in enum order.
const ResourceText& resource_text(ResourceKind kind) noexcept;

/// docs/resources.md as it must be; a test keeps the file in step.
std::string resources_document();

}  // namespace culvert
