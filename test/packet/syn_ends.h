// SPDX-License-Identifier: Apache-2.0
// A client and a server behind a SYN proxy, for packet tables of both families.
#pragma once

#include "packet/syn_answer.h"
#include "packet/tcp.h"
#include "test/packet/packets.h"
#include "test/packet/reference_parser.h"
#include "test/support/catch.h"
#include "test/support/guarded_buffer.h"
#include "test/support/packet_builder.h"

namespace culvert::test {

inline constexpr std::uint8_t kSyn = kTcpSyn, kAck = kTcpAck, kRst = kTcpRst, kFin = kTcpFin;
inline constexpr Now kNow = 1'000'000'000'000;
inline constexpr SynOffer kOffer{};

inline const SynCookies& cookies() {
  static const SynCookies made(SipKey::from_seed(1));
  return made;
}

inline const GuardedBuffer& memory() {
  static const GuardedBuffer buffer(8192);
  return buffer;
}

/// A packet somewhere in memory(), with room on both sides.
inline Packet placed(const Bytes& bytes) {
  std::byte* begin = memory().all().data() + 4096;
  std::memcpy(begin, bytes.data(), bytes.size());
  Packet packet = parsed({begin, bytes.size()});
  REQUIRE(packet.drop_reason == DropReason::kNone);
  return packet;
}
inline FrameRoom room() {
  return {memory().all().data(), memory().all().data() + memory().all().size()};
}

/// A client and a server of either family.
struct Ends {
  NetworkKind network;

  bool version4() const { return network == NetworkKind::kIpv4; }
  PacketBuilder ip(bool to_server, std::uint8_t ttl, bool dont_fragment, std::uint16_t id) const {
    PacketBuilder builder;
    to_server ? builder.ethernet() : builder.ethernet("02:00:00:00:00:01", "02:00:00:00:00:02");
    const char* four[] = {"198.18.0.7", "192.0.2.80"};
    const char* six[] = {"2001:db8::7", "2001:db8:2::80"};
    const int source = to_server ? 0 : 1;
    return version4()
               ? builder.ipv4(four[source], four[1 - source], {.ttl = ttl, .id = id, .dont_fragment = dont_fragment})
               : builder.ipv6(six[source], six[1 - source], {.hop_limit = ttl});
  }
  PacketBuilder client(const TcpFields& fields) const { return ip(true, 61, false, 9).tcp(1024, 80, fields); }
  PacketBuilder server(const TcpFields& fields) const { return ip(false, 59, false, 8).tcp(80, 1024, fields); }
  /// Written by us, in the name of the server, or of the client.
  Bytes ours_to_client(const TcpFields& fields) const { return ip(false, 64, true, 0).tcp(80, 1024, fields).build(); }
  Bytes ours_to_server(const TcpFields& fields) const { return ip(true, 64, true, 0).tcp(1024, 80, fields).build(); }
  std::size_t tcp() const { return version4() ? 34 : 54; }
  std::uint16_t our_mss() const { return version4() ? 1460 : 1440; }
};
inline constexpr Ends kEnds[] = {{NetworkKind::kIpv4}, {NetworkKind::kIpv6}};

/// The view of a packet that we made is what parse makes of its bytes.
inline void check_view(const Packet& made, bool generated) {
  const Bytes bytes = bytes_in(made);
  CHECK(made.has(kFlagGenerated) == generated);
  CHECK(made.verdict == Verdict::kNone);
  CHECK(made.egress == kNoInterface);
  ReferenceFields found = fields_of(made);
  found.flags &= ~static_cast<unsigned>(kFlagGenerated);
  const ReferenceFields fields = reference_parse(bytes);
  CHECK(to_text(found) == to_text(fields));
  CHECK(reference_checksum_right(bytes, fields));
}

inline Bytes words(std::initializer_list<std::uint32_t> list) {
  Bytes bytes;
  for (const std::uint32_t word : list) append32(bytes, word);
  return bytes;
}

struct SynRow {
  const char* what;
  Bytes asked;
  bool stamps;
  std::int8_t scale;
  bool sack;
};
inline const std::vector<SynRow>& syn_rows() {
  static const std::vector<SynRow> rows{
      {"Linux", hex("020405b4 0402 080a 00000007 00000000 01 030307"), true, 7, true},
      {"Windows", hex("020405b4 01 030308 0101 0402"), false, 8, true},
      {"macOS", hex("020405b4 01 030306 0101 080a 00000007 00000000 0402 0000"), true, 6, true},
      {"no options", {}, false, -1, false},
      {"MSS only", hex("02040218"), false, -1, false},
      {"SACK only", hex("020405b4 0402 0000"), false, -1, true},
      {"SACK and stamps", hex("020405b4 0402 080a 00000007 00000000"), true, -1, true},
      {"stamps only", hex("0101 080a 00000007 00000000"), true, -1, false},
      {"scale without SACK", hex("020405b4 01 030307"), false, -1, false},
      {"scale 0", hex("020405b4 0402 01 030300 0000"), false, 0, true},
  };
  return rows;
}

/// A client that has got our SYN-ACK.
struct Client {
  Client(const Ends& with, const SynRow& like) : ends(with), row(like) {
    Packet packet = placed(ends.client({kSyn, 300, 0, 64240, row.asked}).build());
    REQUIRE(answer_syn(packet, cookies(), kOffer, kNow, room()));
    cookie = get32(bytes_in(packet), ends.tcp() + 4);
  }
  Bytes stamps(std::uint32_t value, std::uint32_t echo) const {
    return row.stamps ? words({0x0101080a, value, echo}) : Bytes();
  }
  PacketBuilder ack(std::uint32_t sequence = 301, std::uint8_t flags = kAck) const {
    return ends.client({flags, sequence, cookie + 1, 502, stamps(9, cookies().timestamp(kNow))});
  }
  SynHandshake handshake() const {
    return {300, cookie, row.stamps ? cookies().timestamp(kNow) : 0, static_cast<std::int8_t>(row.scale < 0 ? -1 : 7),
            row.stamps};
  }

  Ends ends;
  const SynRow& row;
  std::uint32_t cookie;
};

}  // namespace culvert::test
