// SPDX-License-Identifier: Apache-2.0
// A connection from the client's port 1024 to the server's 443 whose handshake a SYN proxy does; both ends use time
// stamps, SACK and scales.
//
//   Proxied connection(firewall, family);
//   connection.admit();                                              a session, half open, shifted, waiting
//   connection.server(kTcpSyn | kTcpAck, 5000, 301, 65160, ...)      what the server sends
#pragma once

#include "packet/tcp_options.h"
#include "pipeline/syn_proxy.h"
#include "test/packet/packets.h"
#include "test/pipeline/firewall.h"

namespace culvert::test {

/// What admission does for a zone under a flood, in front of a firewall that has sessions of its own.
class ProxyDoor {
 public:
  ProxyDoor(Firewall& firewall, const Family& family)
      : firewall_(firewall),
        family_(family),
        region_(4 * 2048),
        frames_(4),
        pool_(0, {region_.size(), 1}, 2048, frames_, {}),
        proxy_(pool_, region_.data(), kSynCookieKey, {}) {}

  /// The answer to a SYN of the client.
  Bytes answer(const Bytes& syn) {
    Packet packet = placed(syn);
    packet.drop(DropReason::kScreenSynFlood);
    REQUIRE(proxy_.answer(packet, context()));
    return bytes_in(packet);
  }
  /// The SYN that an ACK of the client's becomes, which has a session now; nothing when it is none of a cookie.
  Bytes accept(const Bytes& ack) {
    Packet packet = placed(ack);
    const bool accepted = family_.ipv4 ? admit(packet, five_tuple4(packet)) : admit(packet, five_tuple6(packet));
    return accepted ? bytes_in(packet) : Bytes();
  }
  PipelineCells& cells() { return *cells_; }

 private:
  Packet placed(const Bytes& bytes) {
    std::memcpy(region_.data() + 256, bytes.data(), bytes.size());
    Packet packet = parsed(std::span(region_).subspan(256, bytes.size()));
    packet.frame = 0;
    packet.ingress = kTrust;
    REQUIRE(packet.drop_reason == DropReason::kNone);
    return packet;
  }
  Context context() { return {firewall_.snapshot(), routes_, key_, *cells_, firewall_.now()}; }

  template <typename Tuple>
  bool admit(Packet& packet, const Tuple& tuple) {
    auto& sessions = firewall_.shard().template table<Tuple>();
    SessionStart<Tuple> start;
    if (!proxy_.accept(packet, start, context())) return false;
    REQUIRE(tcp_open(start.original.tcp, start.reply.tcp, tcp_segment_of(packet), TcpPickUp::kOnlySyn).action ==
            TcpAction::kPass);
    const auto fill = [&sessions](auto& side, const Tuple& key, Zone zone, InterfaceIndex interface) {
      side.key = key;
      side.hash = sessions.hash(key);
      side.zone = zone;
      side.ingress = static_cast<std::uint8_t>(interface);
    };
    fill(start.original, tuple, kZoneTrust, kTrust);
    fill(start.reply, tuple.reversed(), kZoneInternet, kInternet);
    start.kind = FlowKind::kTcp;
    REQUIRE(firewall_.shard().admit(start, firewall_.settings.timeouts, firewall_.now()).slot != kNoFlow);
    return true;
  }

  Firewall& firewall_;
  Family family_;
  Bytes region_;
  std::vector<FrameAddress> frames_;
  FramePool pool_;
  SynProxy proxy_;
  RouteTables routes_;
  HashKey key_;
  std::unique_ptr<PipelineCells> cells_ = std::make_unique<PipelineCells>();
};

/// Such a connection.
class Proxied {
 public:
  static constexpr std::uint32_t kClient = 300, kServer = 5000;
  static constexpr std::uint32_t kClientClock = 9, kServerClock = 0x1000;

  Proxied(Firewall& firewall, const Family& family) : firewall_(firewall), family_(family), door_(firewall, family) {}

  /// The client has sent its SYN: our SYN-ACK.
  Bytes answer() {
    const Bytes syn_ack = door_.answer(client(kTcpSyn, kClient, 0, 64240, syn_options(kClientClock, 0, 7)));
    cookie_ = get32(syn_ack, family_.transport() + 4);
    clock_ = get32(syn_ack, family_.transport() + 28);
    return syn_ack;
  }

  /// The client has acknowledged it: the SYN that goes to the server.
  Bytes admit(std::size_t data = 0) {
    answer();
    return door_.accept(client(kTcpAck, kClient + 1, cookie_ + 1, 502, stamps(kClientClock, clock_), data));
  }

  /// The server has answered, too.
  void establish() {
    admit();
    const Bytes options = syn_options(kServerClock, kClientClock, 9);
    REQUIRE(firewall_.fate(server(kTcpSyn | kTcpAck, kServer, kClient + 1, 65160, options), kInternet) == "passed");
  }

  Bytes client(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgment, std::uint16_t window,
               const Bytes& options = {}, std::size_t data = 0, std::uint8_t ttl = 64) const {
    return from_client(family_, ttl)
        .tcp(1024, 443, {flags, sequence, acknowledgment, window, options})
        .payload(data)
        .build();
  }
  Bytes server(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgment, std::uint16_t window,
               const Bytes& options = {}, std::size_t data = 0, std::uint8_t ttl = 64) const {
    return from_server(family_, ttl)
        .tcp(443, 1024, {flags, sequence, acknowledgment, window, options})
        .payload(data)
        .build();
  }
  static Bytes stamps(std::uint32_t value, std::uint32_t echo) {
    Bytes options = hex("0101 080a");
    append32(options, value);
    append32(options, echo);
    return options;
  }
  static Bytes syn_options(std::uint32_t value, std::uint32_t echo, std::uint8_t scale) {
    Bytes options = hex("020405b4 0402 080a");
    append32(options, value);
    append32(options, echo);
    append(options, hex("010303"));
    append8(options, scale);
    return options;
  }

  /// The sequence number and the clock that the client knows.
  std::uint32_t cookie() const { return cookie_; }
  std::uint32_t clock() const { return clock_; }
  PipelineCells& cells() { return door_.cells(); }

 private:
  Firewall& firewall_;
  Family family_;
  ProxyDoor door_;
  std::uint32_t cookie_ = 0, clock_ = 0;
};

}  // namespace culvert::test
