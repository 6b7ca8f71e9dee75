// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "base/cell.h"
#include "packet/packet.h"
#include "packet/screen.h"
#include "packet/verdict.h"

namespace culvert {

/// What one worker's pipeline counts. The sums obey, at the end of each turn (docs/ARCHITECTURE.md, "Conservation"):
///   received + handed_in + generated = forwarded + dropped + punted + handed_out + held + with the punter
/// With the punter are those whose fate it has not told yet: the frame budget's line kPunt.
struct alignas(kCacheLine) PipelineCells {
  Cell received;    ///< packets from lanes
  Cell handed_in;   ///< packets from other workers
  Cell generated;   ///< packets that we made (ICMP errors, fragments)
  Cell forwarded;   ///< taken by a lane's tx ring
  Cell punted;      ///< taken by the kernel from the tun
  Cell handed_out;  ///< given to another worker
  Cell held;        ///< waiting for a neighbour now (a level, not a sum)
  Cell bursts;      ///< non-empty bursts processed
  Cell partial_checksums_completed;
  Cell icmp_errors_sent, icmp_errors_suppressed;  ///< suppressed: resets too
  Cell tcp_resets_sent;
  Cell fragmented;  ///< IPv4 packets that left as fragments
  Cell route_lookups;
  Cell policy_evaluations;
  Cell limits_unknown;  ///< sessions of sources for which the table of sources had no place: they were not limited
  Cell syn_cookies_sent, syn_cookies_accepted;
  Cell neighbor_requests_full;  ///< requests that found no room in the ring to control
  Gauge pending;                ///< packets waiting for neighbours
  Gauge fragments;              ///< fragments that wait for the rest of their datagrams
  Gauge way_home;               ///< free frames sent home and not taken, of the fullest ring to another worker

  /// Per ingress interface (the last line: made by us or unknown) and reason.
  std::array<std::array<Cell, kDropReasons>, kMaxInterfaces + 1> drops;
  /// What a screen would have dropped, if it did more than raise an alarm.
  std::array<Cell, kScreens> screen_alarms;
  struct InterfaceCells {
    Cell rx_packets, rx_bytes, tx_packets, tx_bytes;
  };
  std::array<InterfaceCells, kMaxInterfaces + 1> interfaces;

  void count_drop(InterfaceIndex ingress, DropReason reason) noexcept {
    drops[line(ingress)][static_cast<std::size_t>(reason)].add();
  }
  static constexpr std::size_t line(InterfaceIndex interface) noexcept {
    return interface < kMaxInterfaces ? interface : kMaxInterfaces;
  }
};

}  // namespace culvert
