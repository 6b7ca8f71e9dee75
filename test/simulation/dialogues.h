// SPDX-License-Identifier: Apache-2.0
// Hosts around a firewall with NAT, where nobody outside knows who is inside: network i lies behind interface i, the
// last one is the internet. A host begins something with a random one, or with an address outside that may lead to
// somebody inside; from then on each side sees only what has left to it, and answers, tells errors, says it again, all
// at random, whole and in fragments.
#pragma once

#include "test/simulation/answers.h"

namespace culvert::test {

class Dialogues {
 public:
  /// Addresses outside that are not a host's: 198.18.<internet>.<kFirstExternal> and so on.
  static constexpr unsigned kFirstExternal = 100, kExternals = 28;
  /// Ports of them that may be forwarded.
  static constexpr std::uint16_t kFirstForwarded = 8080, kForwarded = 4;

  Dialogues(std::uint64_t seed, InterfaceIndex interfaces)
      : dice_(seed), answers_(dice_), internet_(interfaces - 1U), left_(interfaces), came_(interfaces) {}

  Dice& dice() { return dice_; }

  static std::string address(unsigned network, unsigned host, bool ipv4) {
    const std::string net = std::to_string(network);
    const std::string number = std::to_string(host);
    return ipv4 ? "198.18." + net + "." + number : "2001:db8:" + net + "::" + number;
  }

  /// Packets that come in at `interface` now: one, or the fragments of one.
  std::vector<Bytes> next(InterfaceIndex interface) {
    Bytes packet;
    const std::uint64_t what = dice_.pick(100);
    if (what < 50) {
      packet = answers_.answer_to(any_of(left_[interface]));
    } else if (what < 60) {
      packet = error(interface);
    } else if (what < 70) {
      packet = again(interface);
    }
    if (packet.empty()) packet = begin(interface);
    remember(came_[interface], packet);
    if (dice_.chance(12)) return answers_.cut(packet);
    return {packet};
  }

  /// A packet has left by `interface`: somebody there may answer.
  void see(std::span<const std::byte> packet, InterfaceIndex interface) {
    remember(left_[interface], slice(packet, 0));
  }

 private:
  static constexpr std::size_t kRemembered = 200;

  struct Target {
    bool ipv4 = true;
    std::string address;
    std::uint16_t port = 0;
    int protocol = -1;  ///< -1: any
  };

  Bytes any_of(const std::vector<Bytes>& packets) {
    return packets.empty() ? Bytes() : packets[dice_.pick(packets.size())];
  }
  void remember(std::vector<Bytes>& packets, Bytes packet) {
    if (packets.size() < kRemembered) {
      packets.push_back(std::move(packet));
    } else {
      packets[dice_.pick(kRemembered)] = std::move(packet);
    }
  }

  /// Something that was said before; a connection begins anew, behind what the one before has used.
  Bytes again(InterfaceIndex interface) {
    Bytes packet = any_of(came_[interface]);
    if (packet.empty()) return packet;
    const Packet view = parsed(packet);
    if (view.verdict == Verdict::kNone && view.tcp_flags == kTcpSyn && view.has(kFlagTransport)) {
      const std::size_t at = view.transport_offset + std::size_t{4};
      set32(packet, at, get32(packet, at) + (1U << 20));
    }
    return packet;
  }

  Bytes error(InterfaceIndex interface) {
    const Bytes about = any_of(left_[interface]);
    if (about.empty()) return {};
    return answers_.error_about(about, address(interface, 77, true), address(interface, 77, false));
  }

  /// The external endpoint of something that has left for the internet.
  bool known_endpoint(Target& target) {
    Bytes packet = any_of(left_[internet_]);
    if (packet.empty()) return false;
    const Packet view = parsed(packet);
    if (view.verdict != Verdict::kNone || !view.has(kFlagTransport) || view.has(kFlagIcmpError)) return false;
    target = {view.network == NetworkKind::kIpv4, source_text(view), view.source_port.host(), view.protocol};
    return true;
  }

  Target some_target(InterfaceIndex interface) {
    constexpr std::uint16_t kPorts[] = {22, 53, 80, 443};
    Target target;
    if (dice_.chance(interface == internet_ ? 30 : 10) && known_endpoint(target)) return target;
    target.ipv4 = dice_.chance(60);
    if (dice_.chance(interface == internet_ ? 50 : 10)) {
      // The firewall's own address, too.
      const auto external = dice_.chance(10) ? 1 : static_cast<unsigned>(kFirstExternal + dice_.pick(kExternals));
      target.address = address(internet_, external, target.ipv4);
      target.port = static_cast<std::uint16_t>(kFirstForwarded + dice_.pick(kForwarded));
      return target;
    }
    unsigned network = internet_;
    if (interface == internet_ || dice_.chance(30)) network = static_cast<unsigned>(dice_.pick(internet_ + 1U));
    // Outside, nobody knows of more than two hosts of a network.
    const unsigned known = interface == internet_ ? 2 : 6;
    target.address = address(network, static_cast<unsigned>(2 + dice_.pick(known)), target.ipv4);
    target.port = kPorts[dice_.pick(std::size(kPorts))];
    return target;
  }

  Bytes begin(InterfaceIndex interface) {
    const Target target = some_target(interface);
    // Now and then somebody speaks where he does not live.
    const auto home = static_cast<unsigned>(dice_.chance(3) ? dice_.pick(internet_ + 1U) : interface);
    const std::string from = address(home, static_cast<unsigned>(2 + dice_.pick(12)), target.ipv4);
    const auto port = static_cast<std::uint16_t>((dice_.chance(5) ? 500 : 5000) + dice_.pick(30));
    const auto ttl = static_cast<std::uint8_t>(dice_.chance(2) ? 1 : 64);
    PacketBuilder builder;
    builder.ethernet();
    target.ipv4 ? builder.ipv4(from, target.address, {.ttl = ttl})
                : builder.ipv6(from, target.address, {.hop_limit = ttl});
    constexpr int kProtocols[] = {kProtocolTcp,  kProtocolTcp,  kProtocolUdp, kProtocolUdp,
                                  kProtocolSctp, kProtocolIcmp, kProtocolGre};
    const int protocol = target.protocol >= 0 ? target.protocol : kProtocols[dice_.pick(std::size(kProtocols))];
    switch (protocol) {
      case kProtocolTcp:
        return builder.tcp(port, target.port, {.flags = kTcpSyn, .sequence = dice_.number(), .acknowledgment = 0})
            .build();
      case kProtocolUdp:
        return builder.udp(port, target.port).payload(dice_.chance(20) ? dice_.pick(1400) : dice_.pick(100)).build();
      case kProtocolSctp:
        return builder.sctp(port, target.port).payload(20).build();
      case kProtocolIcmp:
      case kProtocolIcmpv6:
        return (target.ipv4 ? builder.icmp(8, 0, std::uint32_t{port} << 16)
                            : builder.icmpv6(128, 0, std::uint32_t{port} << 16))
            .payload(16)
            .build();
      default:
        return builder.gre(0x0800).payload(30).build();
    }
  }

  Dice dice_;
  Answers answers_;
  unsigned internet_;
  std::vector<std::vector<Bytes>> left_, came_;  ///< by interface
};

}  // namespace culvert::test
