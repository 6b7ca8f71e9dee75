// SPDX-License-Identifier: Apache-2.0
// What a session's packets touch, once for each direction: 48 bytes behind the key, in the same cache line for IPv4.
//
// One worker writes; culvertd's reader looks at any time (session_reader.h). A slot's `sequence` is odd while its entry
// is being made or taken apart, and grows with each: a reader that finds it even and the same before and after has a
// whole entry, and a recovery after a crash drops what is odd. The counts and the dates of a session that goes on
// change without it: each is one word, stored at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "base/time.h"
#include "sessions/tcp_state.h"

namespace culvert {

/// Place of a flow in its table: 32 for each bucket, the first of which is not one. It never moves while it lives.
using FlowSlot = std::uint32_t;
inline constexpr FlowSlot kNoFlow = 0;

/// Dates in sessions: units of 2^24 ns (17 ms) of CLOCK_MONOTONIC, 32 bits of them (2.2 years; compared by
/// difference).
using FlowDate = std::uint32_t;
inline constexpr unsigned kFlowDateShift = 24;
constexpr FlowDate flow_date(Now now) noexcept {
  return static_cast<FlowDate>(now >> kFlowDateShift);
}
/// A duration, rounded up; at most 2^30 - 1 units (208 days), so that dates before and behind it compare.
constexpr std::uint32_t flow_date_span(std::uint64_t ns) noexcept {
  const std::uint64_t part = ns & ((std::uint64_t{1} << kFlowDateShift) - 1);
  const std::uint64_t units = (ns >> kFlowDateShift) + (part != 0 ? 1 : 0);
  return units < 0x3fffffff ? static_cast<std::uint32_t>(units) : 0x3fffffff;
}

/// Which timeout a session has.
enum class FlowKind : std::uint8_t { kOther, kIcmp, kUdp, kTcp };

/// Bits of FlowHead::flags.
inline constexpr std::uint8_t kFlowReply = 1 << 0;     ///< the direction that answers
inline constexpr std::uint8_t kFlowLogClose = 1 << 1;  ///< an event is wanted when the session ends
inline constexpr std::uint8_t kFlowCounted = 1 << 2;   ///< it is one of its source's sessions (source_limits.h)
inline constexpr std::uint8_t kFlowShifted = 1 << 3;   ///< the ends count differently: the reply's info is a FlowShift
inline constexpr std::uint8_t kFlowTranslated = 1 << 4;  ///< leaves with the other direction's key, reversed
inline constexpr std::uint8_t kFlowHoldsPort = 1 << 5;   ///< translated, and so is its port: it or its mapping has it
inline constexpr unsigned kFlowKindShift = 6;

/// Bits of FlowInfo::nat, of sessions with kFlowHoldsPort.
inline constexpr std::uint8_t kNatMapped = 1 << 0;   ///< its port is a mapping's (nat_mappings.h), else it is its alone
inline constexpr std::uint8_t kNatOpens = 1 << 1;    ///< mapped, and its inside endpoint has sent packets of it
inline constexpr std::uint8_t kNatPermits = 1 << 2;  ///< mapped, and it holds a permit for its destination's address
inline constexpr std::uint8_t kNatFromOutside = 1 << 3;  ///< mapped, and its first packet came from outside
inline constexpr std::uint8_t kNatLogged = 1 << 4;       ///< the log has that its port, or its mapping's, was taken

struct FlowHead {
  std::uint32_t sequence = 0;          ///< odd: not whole
  FlowSlot peer = kNoFlow;             ///< the other direction, in the same table
  FlowDate seen = 0;                   ///< when the last packet of this direction passed
  std::uint32_t route_generation = 0;  ///< of the routes when `next_hop` was found
  std::uint64_t packets_and_policy = 0;
  std::uint64_t bytes = 0;  ///< of IP
  std::uint16_t next_hop = 0;
  std::uint8_t zone = 0;  ///< of the interface where this direction comes in
  std::uint8_t kind_and_flags = 0;
  TcpSide tcp;

  std::uint64_t packets() const noexcept { return packets_and_policy & kPacketBits; }
  /// Generation of the policy that allowed this session, its low 16 bits.
  std::uint16_t policy() const noexcept { return static_cast<std::uint16_t>(packets_and_policy >> 48); }
  FlowKind kind() const noexcept { return static_cast<FlowKind>(kind_and_flags >> kFlowKindShift); }
  bool has(std::uint8_t flag) const noexcept { return (kind_and_flags & flag) != 0; }
  /// Not being made or taken apart, and not of memory that was never used.
  bool whole() const noexcept { return (sequence & 1) == 0 && sequence != 0; }

  static constexpr std::uint64_t kPacketBits = (std::uint64_t{1} << 48) - 1;
};

static_assert(sizeof(FlowHead) == 48 && sizeof(TcpSide) == 12);

/// What a session's packets don't touch. Of the original direction; the reply's says only where it comes in, or is a
/// FlowShift (flow_shift.h).
struct alignas(8) FlowInfo {
  std::uint32_t wheel_record = 0;  ///< where the expiry wheel has it
  std::uint32_t created_s = 0;     ///< seconds of CLOCK_MONOTONIC
  std::uint32_t tcp_again = 0;     ///< of a segment of another connection, see tcp_track()
  std::uint16_t rule = 0;          ///< which rule let it in
  std::uint8_t ingress = 0;        ///< interface of this direction's packets
  std::uint8_t nat = 0;            ///< kNat bits
};

static_assert(sizeof(FlowInfo) == 16);

/// Stores and loads of fields that another thread may look at: one word, no order.
template <typename T>
void put(T& field, std::type_identity_t<T> value) noexcept {
  std::atomic_ref<T>(field).store(value, std::memory_order_relaxed);
}
template <typename T>
T peek(T& field) noexcept {
  return std::atomic_ref<T>(field).load(std::memory_order_relaxed);
}

inline void set_log_close(FlowHead& head, bool wanted) noexcept {
  const unsigned bits = head.kind_and_flags;
  put(head.kind_and_flags, static_cast<std::uint8_t>(wanted ? bits | kFlowLogClose : bits & ~unsigned{kFlowLogClose}));
}

}  // namespace culvert
