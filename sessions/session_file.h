// SPDX-License-Identifier: Apache-2.0
// What one worker's sessions look like in memory that outlives the process: a header, then the tables of both families.
// All of it is offsets and numbers, so a successor maps it anywhere.
//
//   | header: what it is, for whom, the hash's secret | IPv4 flows | IPv4 infos | IPv6 flows | IPv6 infos |
//     one page                                          each begins on a page
//
// A successor takes the sessions over when everything that gives them their meaning is the same: the layout's version,
// the sizes, the kind of hash, how many workers there were, and the boot (dates are of CLOCK_MONOTONIC). Otherwise it
// says what differs and begins with empty tables. The secret is readable by whoever can read the file: mode 0600.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "sessions/session_shard.h"

namespace culvert {

/// Grows with every change of FlowHead, FlowInfo, FlowShift, FlowTags, of how a bucket and its places are found, or of
/// TcpSide's meaning.
inline constexpr std::uint32_t kSessionLayoutVersion = 5;

/// Whose sessions they are.
struct SessionOwner {
  std::uint32_t worker = 0;
  std::uint32_t workers = 1;
  std::uint32_t sessions = 0;  ///< the most that the shard holds
  std::array<std::uint8_t, 16> boot_id{};
  std::uint64_t meaning = 0;  ///< of the numbers of zones and interfaces: a hash of their names

  friend bool operator==(const SessionOwner&, const SessionOwner&) = default;
};

enum class SessionFileState : std::uint8_t {
  kFresh,       ///< zeros: never used
  kUsable,      ///< sessions of an earlier run, to be recovered
  kForeign,     ///< not such a file
  kVersion,     ///< of a binary with another layout
  kSize,        ///< for another number of sessions, or truncated
  kWorkers,     ///< for another worker, or another number of them
  kOtherBoot,   ///< of before the machine started
  kMeaning,     ///< other zones or interfaces have its numbers, or it was shared out by another hash
  kShares,      ///< its sessions may be other workers' now (only its user knows)
  kElsewhere,   ///< the one that runs has it in another folder (only its user knows)
  kUnfinished,  ///< its making was interrupted
};

/// A sentence for people, about what is not usable and why.
std::string_view session_file_text(SessionFileState state) noexcept;

class SessionFile {
 public:
  /// Bytes of memory (without the wheels) for so many sessions of either family.
  static std::size_t bytes_for(std::uint32_t sessions) noexcept;

  /// What `memory` holds.
  static SessionFileState check(std::span<const std::byte> memory, const SessionOwner& owner) noexcept;

  /// Makes the memory, zeroed, an empty file with these secrets: of its tables, and by which all workers share sessions
  /// out.
  static void begin(std::span<std::byte> memory, const SessionOwner& owner, const HashKey& key,
                    const HashKey& shares = {}) noexcept;

  /// The secrets and the tables of memory that is usable.
  static HashKey key(std::span<const std::byte> memory) noexcept;
  static HashKey shares(std::span<const std::byte> memory) noexcept;
  /// Without wheels.
  static SessionShard::Memory tables(std::span<std::byte> memory, std::uint32_t sessions) noexcept;
};

}  // namespace culvert
