// SPDX-License-Identifier: Apache-2.0
// Which sessions get another source address, and from which pool: what the configuration says of source NAT, compiled.
// The first rule that fits decides, as with policy. Asked once a session, after the policy has let it in.
//
//   office to internet, to 192.0.2.0/24      keep
//   office to internet                       pool 0       198.18.1.16 to 198.18.1.31
//   guests to internet                       interface    the address of the interface where the session leaves
//
// A host has all its sessions of a pool behind one address as long as that has ports (paired pooling, RFC 4787 REQ-2):
// a keyed hash of the inside address chooses it, so nobody needs to remember it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/hash.h"
#include "nat/external_addresses.h"
#include "nat/nat_range.h"
#include "packet/five_tuple.h"

namespace culvert {

using NatPoolIndex = std::uint16_t;
inline constexpr NatPoolIndex kNoNatPool = 0xffff;

/// Addresses of one family, and how their ports are given.
struct NatPool {
  std::span<const std::uint16_t> slots;  ///< of ExternalPorts, ascending
  bool ipv6 = false;
  bool keep_port = false;  ///< the inside port when it is free, else another one

  bool has(std::size_t slot) const noexcept;
};

enum class SourceAction : std::uint8_t {
  kKeep,       ///< the source stays
  kPool,       ///< it becomes an address of a pool
  kInterface,  ///< it becomes the address of the interface where the session leaves
};

/// RFC 4787 4.1: what a session's inside endpoint gets outside.
enum class NatMapping : std::uint8_t {
  kEndpointIndependent,      ///< the same port for all of its sessions, whoever their other end is
  kAddressAndPortDependent,  ///< a port for each session
};

/// RFC 4787 5: who outside may send to a mapping first, besides those whom the endpoint has sessions with.
enum class NatFiltering : std::uint8_t {
  kEndpointIndependent,      ///< anybody
  kAddressDependent,         ///< any port of an address that the endpoint has a session with
  kAddressAndPortDependent,  ///< nobody
};

/// What is told of the ports that a rule's sessions get (RFC 6888 4: who had which, and when).
enum class NatLog : std::uint8_t {
  kNone,
  kMappings,  ///< that a mapping begins and ends, or a port that one session has alone
  kSessions,  ///< and sessions that somebody outside begins with such a mapping
};

struct SourceRule {
  NatZones from = kAnyNatZone;
  NatZones to = kAnyNatZone;
  SourceAction action = SourceAction::kKeep;
  bool ipv6 = false;  ///< the family that it is for
  NatMapping mapping = NatMapping::kAddressAndPortDependent;
  NatFiltering filtering = NatFiltering::kAddressAndPortDependent;  ///< of what is mapped kEndpointIndependent
  NatPoolIndex pool = kNoNatPool;                                   ///< with kPool
  NatLog log = NatLog::kNone;
  std::uint16_t counter = kNoNatCounter;  ///< of a worker: sessions that it has decided about
  bool any_source = true;
  bool any_destination = true;
  // Without any_...:
  std::span<const NatRange> sources;
  std::span<const NatRange> destinations;
};

struct SourceNat {
  std::span<const SourceRule> rules;
  std::span<const NatPool> pools;
  /// Pools of one address each, by family (0: IPv4) and interface; kNoNatPool: it has none.
  std::array<std::array<NatPoolIndex, kMaxInterfaces>, 2> interface_pool{};
  HashKey pairing_key;  ///< of all workers, and of all culvertds that follow each other

  /// The first rule for a session with this original key, between two zones; null: its source stays.
  template <typename Tuple>
  const SourceRule* find(const Tuple& key, std::uint8_t from, std::uint8_t to) const noexcept;
};

/// Slots of a pool in the order in which a host asks them: its own first.
class PairedSlots {
 public:
  /// More than that many are not asked: a host whose own address is used up mostly finds ports behind the next one.
  static constexpr std::size_t kMostTries = 8;

  PairedSlots(const NatPool& pool, std::uint64_t host_hash) noexcept
      : slots_(pool.slots),
        next_(pool.slots.empty() ? 0 : fast_range(host_hash, static_cast<std::uint32_t>(pool.slots.size()))) {}

  std::size_t tries() const noexcept { return slots_.size() < kMostTries ? slots_.size() : kMostTries; }
  /// There are tries().
  std::size_t next() noexcept {
    const std::size_t slot = slots_[next_];
    next_ = next_ + 1 == slots_.size() ? 0 : next_ + 1;
    return slot;
  }

 private:
  std::span<const std::uint16_t> slots_;
  std::size_t next_;
};

}  // namespace culvert
