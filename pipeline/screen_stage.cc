// SPDX-License-Identifier: Apache-2.0
#include "pipeline/screen_stage.h"

#include <bit>

#include "packet/ipv4.h"
#include "packet/ipv6.h"
#include "packet/tcp.h"

namespace culvert {
namespace {

constexpr std::uint16_t kNetbiosSession = 139;
/// Every link carries so much in one piece (RFC 791 3.2). Of IPv6 that is 1280 (RFC 8200 5); who divides such a packet
/// into equal parts makes no shorter ones than half of it.
constexpr std::uint16_t kShortestPart4 = 68;
constexpr std::uint16_t kShortestPart6 = 640;

ScreenMask tcp_screens(const Packet& packet) noexcept {
  constexpr std::uint8_t kFlags = kTcpFin | kTcpSyn | kTcpRst | kTcpPsh | kTcpAck | kTcpUrg;
  const std::uint8_t flags = packet.tcp_flags & kFlags;
  ScreenMask hit = 0;
  if (flags == 0) hit |= mask_of(Screen::kNoFlags);
  if ((flags & (kTcpSyn | kTcpFin)) == (kTcpSyn | kTcpFin)) hit |= mask_of(Screen::kSynFin);
  if ((flags & (kTcpSyn | kTcpFin | kTcpAck)) == kTcpFin) hit |= mask_of(Screen::kFinNoAck);
  if ((flags & kTcpUrg) != 0 && packet.destination_port.host() == kNetbiosSession) hit |= mask_of(Screen::kWinnuke);
  return hit;
}

bool comes_from_its_destination(const Packet& packet) noexcept {
  if (packet.network == NetworkKind::kIpv4) {
    const auto& header = view<Ipv4Header>(packet.network_header());
    return header.source == header.destination;
  }
  const auto& header = view<Ipv6Header>(packet.network_header());
  return header.source == header.destination;
}

bool is_tiny_part(const Packet& packet) noexcept {
  if (!packet.is_part() || packet.has(kFlagLastFragment)) return false;
  return packet.network_length < (packet.network == NetworkKind::kIpv4 ? kShortestPart4 : kShortestPart6);
}

}  // namespace

ScreenMask screens_hit(const Packet& packet) noexcept {
  ScreenMask hit = 0;
  if (packet.protocol == kProtocolTcp && packet.has(kFlagTransport)) hit = tcp_screens(packet);
  if (comes_from_its_destination(packet)) hit |= mask_of(Screen::kLand);
  if (packet.has(kFlagSourceRoute)) hit |= mask_of(Screen::kSourceRoute);
  if (packet.has(kFlagFragment) && is_tiny_part(packet)) hit |= mask_of(Screen::kTinyFragment);
  return hit;
}

bool screen_found(Packet& packet, Screen screen, const ZoneScreens& screens, PipelineCells& cells) noexcept {
  if ((screens.alarm & mask_of(screen)) != 0) {
    cells.screen_alarms[static_cast<std::size_t>(screen)].add();
    return false;
  }
  packet.drop(reason_of(screen));
  return true;
}

void screen_stage(Burst& burst, const StatefulSnapshot& stateful, PipelineCells& cells) noexcept {
  const InterfaceIndex ingress = burst[0].ingress;
  const ZoneScreens& screens = stateful.screens[ingress < kMaxInterfaces ? stateful.zone[ingress] : kNoZone];
  const ScreenMask on = screens.on & kPacketScreens;
  if (on == 0) return;
  for (Packet& packet : burst) {
    if (packet.verdict != Verdict::kNone) continue;
    for (unsigned hit = screens_hit(packet) & on; hit != 0; hit &= hit - 1) {
      if (screen_found(packet, static_cast<Screen>(std::countr_zero(hit)), screens, cells)) break;
    }
  }
}

}  // namespace culvert
