// SPDX-License-Identifier: Apache-2.0
#include "pipeline/guards.h"

#include "packet/five_tuple.h"
#include "packet/tcp.h"
#include "pipeline/screen_stage.h"

namespace culvert {
namespace {

/// A packet of no session, while some counting screen of its zone is on.
template <typename Tuple>
class CountingScreens {
 public:
  CountingScreens(Packet& packet, const Tuple& key, const ZoneScreens& screens, const StatefulContext& context) noexcept
      : packet_(packet), key_(key), screens_(screens), context_(context) {}

  bool pass() noexcept {
    if (is_icmp() && found(Screen::kIcmpFlood, [&] { return too_many(MeterKind::kIcmpTo, screens_.icmp_to); })) {
      return false;
    }
    if (key_.protocol == kProtocolUdp &&
        found(Screen::kUdpFlood, [&] { return too_many(MeterKind::kUdpTo, screens_.udp_to); })) {
      return false;
    }
    if (!is_icmp() && found(Screen::kPortScan, [&] { return scans_ports(); })) return false;
    return !found(Screen::kAddressSweep, [&] { return sweeps(); });
  }

 private:
  bool is_icmp() const noexcept { return key_.protocol == kProtocolIcmp || key_.protocol == kProtocolIcmpv6; }

  /// Asks a screen that is on. True when it has dropped the packet.
  template <typename Ask>
  bool found(Screen screen, Ask&& ask) noexcept {
    if ((screens_.on & mask_of(screen)) == 0 || !ask()) return false;
    return screen_found(packet_, screen, screens_, context_.context.cells);
  }

  AddressMeters& meters() noexcept { return context_.meters.sources.meters(); }
  bool too_many(MeterKind kind, MeterRate rate) noexcept {
    return !meters().pass(of_zone(meters().id(kind, key_.destination)), rate, context_.context.now);
  }
  /// What comes in by one zone says nothing of another's.
  std::uint64_t of_zone(std::uint64_t id) noexcept { return meters().pair(id, context_.zone_of(packet_.ingress)); }
  std::uint64_t source() noexcept { return of_zone(meters().id(MeterKind::kSource, key_.source)); }
  std::uint64_t destination() noexcept { return meters().id(MeterKind::kDestination, key_.destination); }
  bool scans_ports() noexcept {
    const std::uint64_t who = meters().pair(source(), destination());
    const std::uint64_t what = meters().pair(who, key_.destination_port.host() | std::uint64_t{key_.protocol} << 16);
    return context_.meters.scans.note(who, what, context_.context.now) > screens_.scan_bits;
  }
  bool sweeps() noexcept {
    return context_.meters.scans.note(source(), meters().pair(source(), destination()), context_.context.now) >
           screens_.sweep_bits;
  }

  Packet& packet_;
  const Tuple& key_;
  const ZoneScreens& screens_;
  const StatefulContext& context_;
};

}  // namespace

template <typename Tuple>
bool pass_counting_screens(Packet& packet, const Tuple& key, const StatefulContext& context) noexcept {
  const ZoneScreens& screens = context.stateful.screens[context.zone_of(packet.ingress)];
  return CountingScreens<Tuple>(packet, key, screens, context).pass();
}

bool pass_syn_flood(Packet& packet, std::uint8_t protocol, Zone from, const StatefulContext& context) noexcept {
  const ZoneScreens& screens = context.stateful.screens[from];
  if ((screens.on & mask_of(Screen::kSynFlood)) == 0 || protocol != kProtocolTcp) return true;
  // Others begin sessions in mid-stream, if they may.
  if ((packet.tcp_flags & (kTcpSyn | kTcpAck)) != kTcpSyn) return true;
  if (!context.meters.syns.flooded(from, screens.syn, context.shard.half_open_nearly_full(), context.context.now)) {
    return true;
  }
  return !screen_found(packet, Screen::kSynFlood, screens, context.context.cells);
}

bool may_prove_a_cookie(const Packet& packet, Zone from, const StatefulContext& context) noexcept {
  constexpr std::uint8_t kNone = kTcpSyn | kTcpRst;
  if (packet.protocol != kProtocolTcp || (packet.tcp_flags & (kNone | kTcpAck)) != kTcpAck) return false;
  return context.meters.syns.lately(from, context.context.now);
}

template <typename Tuple>
DropReason pass_limits(const Tuple& key, Zone from, bool& counted, const StatefulContext& context) noexcept {
  counted = false;
  const ZoneLimits& limits = context.stateful.limits[from];
  if (!limits.any()) return DropReason::kNone;
  SourceLimits& sources = context.meters.sources;
  const MeterId source = sources.meters().id(MeterKind::kSource, key.source);
  switch (sources.begin(source, from, limits, context.context.now)) {
    case SourceVerdict::kCounted:
      counted = true;
      break;
    case SourceVerdict::kUnknown:
      context.context.cells.limits_unknown.add();
      break;
    case SourceVerdict::kSessions:
      return DropReason::kSourceSessions;
    case SourceVerdict::kRate:
      return DropReason::kSourceRate;
    case SourceVerdict::kZoneRate:
      return DropReason::kZoneRate;
  }
  return DropReason::kNone;
}

template bool pass_counting_screens<FiveTuple4>(Packet&, const FiveTuple4&, const StatefulContext&) noexcept;
template bool pass_counting_screens<FiveTuple6>(Packet&, const FiveTuple6&, const StatefulContext&) noexcept;
template DropReason pass_limits<FiveTuple4>(const FiveTuple4&, Zone, bool&, const StatefulContext&) noexcept;
template DropReason pass_limits<FiveTuple6>(const FiveTuple6&, Zone, bool&, const StatefulContext&) noexcept;

}  // namespace culvert
