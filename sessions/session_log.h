// SPDX-License-Identifier: Apache-2.0
// What a worker tells control about sessions whose rule asks for it (`log`): that one began, that a first packet was
// denied or rejected, that one has ended and what had passed; and that one of NAT's ports was taken, or is free again.
// Control makes events of the records (control/).
//
//   worker --SessionRecord--> SessionLog (bounded) --every 10 ms--> control --> event session_opened, ...
//
// Writing never waits: a record that finds no room is lost and counted. Always: records = taken + lost + waiting.
// Nobody is woken for a record; what the packet path pays without `log` is a branch when a session begins or ends.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/bytes.h"
#include "base/cell.h"
#include "base/spsc.h"
#include "nat/external_addresses.h"
#include "sessions/session_table.h"

namespace culvert {

enum class SessionRecordKind : std::uint8_t {
  kOpened,
  kDenied,
  kRejected,
  kClosed,
  kPortTaken,  ///< by the mapping of an inside endpoint, or by one session: its source and translated source
  kPortFree,   ///< the same, afterwards
};

/// Why a session was taken apart.
enum class SessionEnd : std::uint8_t {
  kExpired,
  kEvicted,
  kCleared,        ///< by the operator
  kPolicyChanged,  ///< counted with kCleared
  kRenewed,
};

/// All numbers are those of the policy and the interfaces at work then; control knows their names.
struct SessionRecord {
  SessionRecordKind kind = SessionRecordKind::kOpened;
  bool ipv6 = false;
  std::uint8_t protocol = 0;
  std::uint8_t from_zone = 0, to_zone = 0;
  std::uint8_t in_interface = 0, out_interface = 0;
  std::uint16_t rule = 0;    ///< its position, or kDefaultRule
  std::uint16_t policy = 0;  ///< the generation in which `rule` is a position; 0: of an earlier run
  Be16 source_port, destination_port;
  Ipv6Address source, destination;     ///< IPv4 in the first four bytes
  bool translated = false;             ///< its packets leave with another source
  Be16 translated_port;                ///< then: instead of source_port
  Ipv6Address translated_source;       ///< and of the source
  bool redirected = false;             ///< they go to another destination than they say
  Be16 redirected_port;                ///< then: instead of destination_port
  Ipv6Address translated_destination;  ///< and of the destination
  bool mapped = false;                 ///< of ports: a mapping has it, else a session alone
  Now time = 0;

  // Of kClosed.
  SessionEnd why = SessionEnd::kExpired;
  bool is_tcp = false;
  TcpState tcp = TcpState::kSynSent;                                         ///< of TCP, when it ended
  std::uint32_t age_s = 0;                                                   ///< from its first packet to its end
  std::uint32_t idle_s = 0;                                                  ///< of them without a packet, at the end
  std::uint64_t packets = 0, bytes = 0, reply_packets = 0, reply_bytes = 0;  ///< of IP

  template <typename Tuple>
  void set_key(const Tuple& key) noexcept {
    ipv6 = std::is_same_v<Tuple, FiveTuple6>;
    protocol = key.protocol;
    source_port = key.source_port;
    destination_port = key.destination_port;
    store(source.bytes.data(), key.source);
    store(destination.bytes.data(), key.destination);
  }
  /// With its key: what is different in the key of its replies.
  template <typename Tuple>
  void set_translation(const Tuple& key, const Tuple& reply) noexcept {
    translated = !(reply.destination == key.source) || reply.destination_port != key.source_port;
    translated_port = reply.destination_port;
    store(translated_source.bytes.data(), reply.destination);
    // Of ICMP queries both ports are the identifier, which is the source's.
    const bool has_port = port_kind(key.protocol) != PortKind::kIcmp;
    redirected = !(reply.source == key.destination) || (has_port && reply.source_port != key.destination_port);
    redirected_port = reply.source_port;
    store(translated_destination.bytes.data(), reply.source);
  }
};

/// What is to be said of a session that ends now. `original`: slot of its original direction.
template <typename Tuple>
SessionRecord record_of_end(SessionTable<Tuple>& sessions, FlowSlot original, SessionEnd why, Now now) noexcept;

/// Who and where, of a session that there is; without `rule` and what is of kClosed.
template <typename Tuple>
SessionRecord record_of(SessionTable<Tuple>& sessions, FlowSlot original, SessionRecordKind kind, Now now) noexcept;

/// What is to be said of the port that a session takes now, or that is free with its end. `kind`: kPortTaken,
/// kPortFree.
template <typename Tuple>
SessionRecord record_of_port(SessionTable<Tuple>& sessions, FlowSlot original, SessionRecordKind kind,
                             Now now) noexcept;

extern template SessionRecord record_of(SessionTable<FiveTuple4>&, FlowSlot, SessionRecordKind, Now) noexcept;
extern template SessionRecord record_of(SessionTable<FiveTuple6>&, FlowSlot, SessionRecordKind, Now) noexcept;
extern template SessionRecord record_of_port(SessionTable<FiveTuple4>&, FlowSlot, SessionRecordKind, Now) noexcept;
extern template SessionRecord record_of_port(SessionTable<FiveTuple6>&, FlowSlot, SessionRecordKind, Now) noexcept;
extern template SessionRecord record_of_end(SessionTable<FiveTuple4>&, FlowSlot, SessionEnd, Now) noexcept;
extern template SessionRecord record_of_end(SessionTable<FiveTuple6>&, FlowSlot, SessionEnd, Now) noexcept;

/// Control looks every 10 ms, so this is 100,000 records a second: ten times what `events.rate_limit` can let through.
inline constexpr std::size_t kSessionRecords = 1024;

class SessionLog {
 public:
  /// `records` counts what is written, `lost` what of it found no room.
  SessionLog(Cell& records, Cell& lost) noexcept : records_(records), lost_(lost) {}

  // Worker.

  void write(const SessionRecord& record) noexcept {
    records_.add();
    if (!queue_.push(record)) lost_.add();
  }

  // Control.

  /// False when there is none.
  bool take(SessionRecord& record) noexcept { return queue_.pop(record); }
  std::size_t waiting() const noexcept { return queue_.waiting(); }
  std::uint64_t lost() const noexcept { return lost_.read(); }

 private:
  Cell& records_;
  Cell& lost_;
  SpscRing<SessionRecord, kSessionRecords> queue_;
};

}  // namespace culvert
