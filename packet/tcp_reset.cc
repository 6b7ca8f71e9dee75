// SPDX-License-Identifier: Apache-2.0
#include "packet/tcp_reset.h"

#include "base/bytes.h"
#include "base/check.h"
#include "packet/ipv4.h"
#include "packet/tcp.h"
#include "packet/tcp_write.h"
#include "packet/transport_checksum.h"

namespace culvert {
namespace {

/// RFC 9293 3.5.2, groups 1 and 2.
TcpResetNumbers numbers_for(const Packet& packet) noexcept {
  const auto& segment = view<TcpHeader>(packet.transport_header());
  if ((segment.flags & kTcpAck) != 0) return {segment.acknowledgment.host(), 0, false};
  const std::uint32_t end = packet.network_offset + std::uint32_t{packet.network_length};
  std::uint32_t length = end - packet.transport_offset - segment.header_length();
  if ((segment.flags & kTcpSyn) != 0) ++length;
  if ((segment.flags & kTcpFin) != 0) ++length;
  return {0, segment.sequence.host() + length, true};
}

TcpContent reset_of(const TcpResetNumbers& numbers) noexcept {
  TcpContent content;
  content.sequence = numbers.sequence;
  if (numbers.acknowledges) content.acknowledgment = numbers.acknowledgment;
  content.flags = static_cast<std::uint8_t>(kTcpRst | (numbers.acknowledges ? kTcpAck : 0));
  return content;
}

}  // namespace

bool may_reset(const Packet& packet) noexcept {
  if (packet.protocol != kProtocolTcp || !packet.has(kFlagTransport) || packet.is_part()) return false;
  if ((packet.tcp_flags & kTcpRst) != 0) return false;
  if (packet.has(kFlagGroupFrame) || packet.has(kFlagGenerated) || packet.has(kFlagSourceLinkLocal)) return false;
  // 0/8 means "this network" (RFC 1122 3.2.1.3); parse has dropped all others that are no single host.
  const bool version4 = packet.network == NetworkKind::kIpv4;
  if (version4 && (view<Ipv4Header>(packet.network_header()).source.value.host() >> 24) == 0) return false;
  // Unknown with stops left on a source route: the header's destination is not the end that would answer.
  return verify_transport_checksum(packet) == ChecksumState::kRight;
}

void build_tcp_reset(Packet& packet) noexcept {
  // All that the reset is made of is read before it is written over it; a TCP segment is at least as long.
  const bool made = answer_tcp(packet, reset_of(numbers_for(packet)), {packet.data, packet.data + packet.length});
  CULVERT_ASSERT(made);
}

bool tcp_reset_at(Packet& packet, const FiveTuple4& tuple, const TcpResetNumbers& numbers) noexcept {
  return tcp_segment_at(packet, tuple, reset_of(numbers));
}
bool tcp_reset_at(Packet& packet, const FiveTuple6& tuple, const TcpResetNumbers& numbers) noexcept {
  return tcp_segment_at(packet, tuple, reset_of(numbers));
}

}  // namespace culvert
