// SPDX-License-Identifier: Apache-2.0
// A firewall whose sessions to the internet share a port outside by their inside endpoint, and packets to and from
// them.
#pragma once

#include <string>
#include <vector>

#include "test/packet/packets.h"
#include "test/pipeline/translating.h"

namespace culvert::test {

struct EndpointNat : Translating {
  static RigConfig with_workers(WorkerIndex workers) {
    RigConfig config;
    config.workers = workers;
    return config;
  }
  explicit EndpointNat(NatFiltering filtering, PoolRange range = {}, const RigConfig& config = {})
      : Translating(range, config), workers(config.workers) {
    for (SourceRule& nat_rule : nat_rules) {
      nat_rule.mapping = NatMapping::kEndpointIndependent;
      nat_rule.filtering = filtering;
    }
    apply();
  }

  /// What comes out of an interface when a packet comes in by the other or the same one; by one queue after the other.
  std::vector<Bytes> come_out(const PacketBuilder& packet, InterfaceIndex from, InterfaceIndex to) {
    for (std::uint16_t i = 0; i < workers; ++i) sent(to, i).clear();
    REQUIRE(lane(from, static_cast<std::uint16_t>(queue++ % workers)).inject(packet.build()));
    turns(workers == 1 ? 2 : 6);
    CHECK(unaccounted_packets() == 0);
    CHECK(unaccounted_frames() == 0);
    std::vector<Bytes> out;
    for (std::uint16_t i = 0; i < workers; ++i) {
      for (std::size_t at = 0; at < sent(to, i).size(); ++at) out.push_back(slice(sent(to, i)[at], 0));
    }
    return out;
  }

  /// The port with which a packet of the client's port leaves; 0: it does not.
  std::uint16_t port_of(const PacketBuilder& packet) {
    auto out = through(packet);
    return out.has_value() ? parsed(*out).source_port.host() : std::uint16_t{0};
  }
  std::uint16_t udp(const Family& family, std::uint16_t from, const char* to, std::uint16_t port) {
    return port_of(ip_packet(family, family.client, to).udp(from, port).payload(8));
  }

  /// What becomes of a packet from outside to a port of the external address.
  std::string comes(const Family& family, const char* from, std::uint16_t port, std::uint16_t to) {
    return fate(ip_packet(family, from, culvert::test::external(family)).udp(port, to).payload(8), kInternet);
  }

  std::uint32_t mappings(const Family& family) {
    return family.ipv4 ? bindings().mappings<FiveTuple4>().size() : bindings().mappings<FiveTuple6>().size();
  }

  WorkerIndex workers;

 private:
  std::size_t queue = 0;
};

inline const char* stranger(const Family& family) {
  return family.ipv4 ? "198.18.1.66" : "2001:db8:1::66";
}

inline const char* neighbor(const Family& family) {
  return family.ipv4 ? "198.18.0.3" : "2001:db8::3";
}

/// With this control bits; numbers as the first segment of an end has them.
inline TcpFields syn(std::uint32_t sequence) {
  return {.flags = kTcpSyn, .sequence = sequence, .window = 64000};
}

/// Addresses and ports, as text.
inline std::string ends(Bytes packet, const Family& family) {
  const Packet view = parsed(packet);
  const std::size_t length = family.ipv4 ? 4 : 16;
  const std::size_t at = kEthernet + (family.ipv4 ? 12 : 8);
  const auto bytes = std::span<const std::byte>(packet);
  return to_hex(bytes.subspan(at, length)) + ":" + std::to_string(view.source_port.host()) + " " +
         to_hex(bytes.subspan(at + length, length)) + ":" + std::to_string(view.destination_port.host());
}
inline std::string ends(const Family& family, const char* from, std::uint16_t port, const char* to, std::uint16_t at) {
  return ends(ip_packet(family, from, to).udp(port, at).build(), family);
}

}  // namespace culvert::test
