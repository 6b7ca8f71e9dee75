// SPDX-License-Identifier: Apache-2.0
#include "packet/syn_answer.h"

#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "packet/tcp.h"
#include "packet/tcp_options.h"
#include "packet/tcp_reset.h"
#include "packet/tcp_write.h"
#include "packet/transport_checksum.h"

namespace culvert {
namespace {

const TcpHeader& header_of(const Packet& packet) noexcept {
  return view<TcpHeader>(std::as_const(packet).transport_header());
}

TcpOptions options_of(const Packet& packet) noexcept {
  const std::byte* start = packet.transport_header();
  return read_tcp_options({start + sizeof(TcpHeader), header_of(packet).header_length() - sizeof(TcpHeader)});
}

std::uint32_t payload_of(const Packet& packet) noexcept {
  const std::uint32_t end = packet.network_offset + std::uint32_t{packet.network_length};
  return end - packet.transport_offset - header_of(packet).header_length();
}

/// The time stamps of a segment that we write, when there are any.
struct Stamps {
  bool there = false;
  std::uint32_t value = 0;
  std::uint32_t echo = 0;
};

/// The options of a SYN or SYN-ACK.
void add_syn_options(TcpOptionWords& words, const SynOptions& options, const Stamps& stamps) noexcept {
  words.add_mss(options.mss);
  if (options.sack_permitted && stamps.there) {
    words.add_sack_permitted_and_timestamps(stamps.value, stamps.echo);
  } else if (stamps.there) {
    words.add_timestamps(stamps.value, stamps.echo);
  } else if (options.sack_permitted) {
    words.add_sack_permitted();
  }
  if (options.window_scale >= 0) words.add_window_scale(static_cast<std::uint8_t>(options.window_scale));
}

bool checks(const SynCookies& cookies, const Packet& packet, std::uint32_t client_isn, std::uint32_t cookie,
            Now now) noexcept {
  return packet.network == NetworkKind::kIpv4 ? cookies.check(five_tuple4(packet), client_isn, cookie, now)
                                              : cookies.check(five_tuple6(packet), client_isn, cookie, now);
}

bool is_whole_ack(const Packet& packet) noexcept {
  return packet.protocol == kProtocolTcp && packet.has(kFlagTransport) && !packet.is_part() &&
         (packet.tcp_flags & (kTcpSyn | kTcpRst | kTcpAck)) == kTcpAck;
}

}  // namespace

bool may_answer_syn(const Packet& packet) noexcept {
  return (packet.tcp_flags & (kTcpSyn | kTcpAck | kTcpRst | kTcpFin)) == kTcpSyn && may_reset(packet);
}

bool answer_syn(Packet& packet, const SynCookies& cookies, const SynOffer& offer, Now now,
                const FrameRoom& room) noexcept {
  const bool version4 = packet.network == NetworkKind::kIpv4;
  const std::uint32_t isn = header_of(packet).sequence.host();
  const TcpOptions asked = options_of(packet);
  const SynOptions wanted{asked.mss, asked.window_scale, asked.sack_permitted};
  const std::uint32_t cookie = version4 ? cookies.make(five_tuple4(packet), isn, wanted, now)
                                        : cookies.make(five_tuple6(packet), isn, wanted, now);
  // What the cookie has kept is what the server will be asked for.
  SynOptions options = SynCookies::options_in(cookie, packet.network);
  options.mss = version4 ? offer.mss_ipv4 : offer.mss_ipv6;
  if (options.window_scale >= 0) options.window_scale = static_cast<std::int8_t>(offer.window_scale);
  TcpContent content;
  content.sequence = cookie;
  content.acknowledgment = isn + 1;
  content.flags = kTcpSyn | kTcpAck;
  add_syn_options(content.options, options,
                  {offer.timestamps && asked.has_timestamps, cookies.timestamp(now), asked.timestamp});
  return answer_tcp(packet, content, room);
}

std::optional<SynHandshake> read_cookie_ack(const Packet& packet, const SynCookies& cookies, const SynOffer& offer,
                                            Now now) noexcept {
  if (!is_whole_ack(packet)) return std::nullopt;
  const TcpHeader& header = header_of(packet);
  SynHandshake handshake;
  handshake.cookie = header.acknowledgment.host() - 1;
  handshake.client_isn = header.sequence.host() - 1;
  if (!checks(cookies, packet, handshake.client_isn, handshake.cookie, now)) {
    handshake.client_isn = header.sequence.host();
    if (payload_of(packet) != 0 || !checks(cookies, packet, handshake.client_isn, handshake.cookie, now)) {
      return std::nullopt;
    }
  }
  if (verify_transport_checksum(packet) != ChecksumState::kRight) return std::nullopt;
  if (handshake.options(packet.network).window_scale >= 0) {
    handshake.offered_scale = static_cast<std::int8_t>(offer.window_scale);
  }
  const TcpOptions options = options_of(packet);
  handshake.has_timestamps = options.has_timestamps;
  handshake.timestamp = options.timestamp_echo;
  return handshake;
}

bool repeats_cookie_ack(const Packet& packet, const SynHandshake& handshake) noexcept {
  if (!is_whole_ack(packet)) return false;
  const TcpHeader& header = header_of(packet);
  if (header.acknowledgment.host() != handshake.cookie + 1) return false;
  const std::uint32_t ahead = header.sequence.host() - handshake.client_isn;
  const bool repeats = ahead == 1 || (ahead == 0 && payload_of(packet) == 0);
  return repeats && verify_transport_checksum(packet) == ChecksumState::kRight;
}

bool rebuild_syn(Packet& packet, const SynHandshake& handshake, const FrameRoom& room) noexcept {
  const TcpOptions said = options_of(packet);
  const SynOptions options = handshake.options(packet.network);
  TcpContent content;
  content.sequence = handshake.client_isn;
  content.flags = kTcpSyn;
  // A SYN's window is in bytes (RFC 7323 2.2).
  content.window = shift_window(header_of(packet).window.host(), options.window_scale > 0 ? options.window_scale : 0);
  add_syn_options(content.options, options, {handshake.has_timestamps, said.timestamp, 0});
  return replace_tcp(packet, content, room);
}

TcpShift shift_between(const Packet& syn_ack, const SynHandshake& handshake) noexcept {
  const TcpOptions said = options_of(syn_ack);
  TcpShift shift;
  shift.sequence = handshake.cookie - header_of(syn_ack).sequence.host();
  if (handshake.has_timestamps && said.has_timestamps) shift.timestamp = handshake.timestamp - said.timestamp;
  if (handshake.offered_scale < 0) return shift;
  const bool scales = said.window_scale >= 0;
  shift.window_to_client = static_cast<std::int8_t>((scales ? said.window_scale : 0) - handshake.offered_scale);
  if (!scales) {
    shift.window_to_server = static_cast<std::uint8_t>(handshake.options(syn_ack.network).window_scale);
  }
  return shift;
}

bool acknowledge_syn(Packet& packet, const Packet& syn_ack, std::uint16_t window) noexcept {
  const TcpOptions said = options_of(syn_ack);
  const TcpHeader& header = header_of(syn_ack);
  TcpContent content;
  content.sequence = header.acknowledgment.host();
  content.acknowledgment = header.sequence.host() + 1;
  content.flags = kTcpAck;
  content.window = window;
  if (said.has_timestamps) content.options.add_timestamps(said.timestamp_echo, said.timestamp);
  return answer_tcp_at(packet, syn_ack, content);
}

void open_window(Packet& packet, const SynHandshake& handshake) noexcept {
  const TcpOptions said = options_of(packet);
  const TcpHeader& header = header_of(packet);
  TcpContent content;
  content.sequence = handshake.cookie + 1;
  content.acknowledgment = header.acknowledgment.host();
  content.flags = kTcpAck;
  content.window = shift_window(header.window.host(), handshake.offered_scale > 0 ? -handshake.offered_scale : 0);
  if (handshake.has_timestamps && said.has_timestamps) {
    content.options.add_timestamps(handshake.timestamp, said.timestamp_echo);
  }
  // A SYN-ACK with time stamps is at least as long as an ACK with them.
  const bool written = replace_tcp(packet, content, {packet.data, packet.data + packet.length});
  CULVERT_ASSERT(written);
}

void shift_refusal(Packet& packet, const SynHandshake& handshake) noexcept {
  TcpShift shift;
  shift.sequence = handshake.cookie + 1 - header_of(packet).sequence.host();
  shift_to_client(packet, shift);
}

}  // namespace culvert
