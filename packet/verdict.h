// SPDX-License-Identifier: Apache-2.0
// What becomes of a packet. Each packet leaves the pipeline with one verdict; a drop has a reason; a reason has a name
// (for counters and metrics) and a sentence (for people). The sentences stand once, in drop_reason.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace culvert {

enum class Verdict : std::uint8_t {
  kNone,     ///< no stage has decided yet
  kForward,  ///< to the lane of `egress`
  kDrop,     ///< its frame goes back to the pool; `drop_reason` says why
  kPunt,     ///< to the kernel through the tun
  kHold,     ///< kept by the pipeline: waits for a neighbour, or for the rest of its datagram
  kHandOff,  ///< to the worker whose session it is: Packet::next_hop
};

enum class DropReason : std::uint8_t {
  kNone,
  kEthernetTruncated,
  kVlanTooMany,
  kNotIp,
  kIpv4Truncated,
  kIpv4HeaderLength,
  kIpv4TotalLength,
  kIpv4Checksum,
  kIpv4Options,
  kIpv6Truncated,
  kIpv6PayloadLength,
  kIpv6ExtensionTruncated,
  kIpv6ExtensionTooMany,
  kIpv6ExtensionBad,
  kFragmentBad,
  kTransportTruncated,
  kTransportLength,
  kSourceMartian,
  kDestinationMartian,
  kSourceLinkLocal,
  kDestinationLinkLocal,
  kMulticast,
  kSourceRoute,
  kTtlExpired,
  kNoRoute,
  kRouteBlackhole,
  kRouteUnreachable,
  kRouteProhibit,
  kPacketTooBig,
  kFragmentationFailed,
  kFragmentOverlap,
  kFragmentDuplicate,
  kFragmentTimeout,
  kFragmentQueueFull,
  kFragmentSourceShare,
  kDatagramTooManyFragments,
  kDatagramSpoiled,
  kNeighborPendingFull,
  kNeighborTimeout,
  kInterfaceUnknown,
  kInterfaceDown,
  kTransmitQueueFull,
  kTransmitFailed,
  kHandoffFull,
  kPuntFull,
  kPuntFailed,
  kNoFrames,
  kWorkerStopping,
  kReversePath,
  kPolicyDeny,
  kPolicyReject,
  kPolicyChanged,
  kSessionZone,
  kSessionTableFull,
  kSessionHalfOpenFull,
  kSessionReplyTaken,
  kSessionNoPlace,
  kTcpNoSession,
  kTcpFlags,
  kTcpOutOfWindow,
  kTcpHandshake,
  kTcpClosed,
  kIcmpUnsolicited,
  kIcmpQuoteBad,
  kIcmpUnrelated,
  kScreenLand,
  kScreenWinnuke,
  kScreenSynFin,
  kScreenNoFlags,
  kScreenFinNoAck,
  kScreenSourceRoute,
  kScreenTinyFragment,
  kScreenIcmpFlood,
  kScreenUdpFlood,
  kScreenSynFlood,
  kScreenPortScan,
  kScreenAddressSweep,
  kSourceSessions,
  kSourceRate,
  kZoneRate,
  kSynProxyWaits,
  kNatPortsExhausted,
  kNatNoAddress,
  kNatNoMapping,
  kNatTargetLocal,
  kNatFiltered,
  kNatMappingsFull,
  kCount,
};

inline constexpr std::size_t kDropReasons = static_cast<std::size_t>(DropReason::kCount);

struct DropReasonText {
  std::string_view name;      ///< snake_case, stable: counters, JSON, metrics
  std::string_view sentence;  ///< what happened and what an operator may do about it
};

/// The one table of names and sentences, in enum order.
const DropReasonText& drop_reason_text(DropReason reason) noexcept;

}  // namespace culvert
