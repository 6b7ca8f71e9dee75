// SPDX-License-Identifier: Apache-2.0
#include "test/packet/samples.h"

#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

PacketBuilder v4(const Ipv4Fields& fields = {}) {
  return PacketBuilder().ethernet().ipv4("198.18.0.1", "198.18.1.1", fields);
}
PacketBuilder v6() {
  return PacketBuilder().ethernet().ipv6();
}

void add_ipv4(std::vector<Bytes>& samples) {
  const Bytes quote = PacketBuilder().ipv4("198.18.1.1", "198.18.0.1").udp(53, 1024).build();
  const Bytes options = hex("44 0c 05 00 00000000 00000000 94 04 0000 83 07 04 c6120001 01");
  samples.push_back(v4().tcp(1024, 80).build());
  samples.push_back(
      v4().tcp(1024, 80, {.flags = 2, .options = hex("020405b4 0402 080a 00000000 00000000 01 030307")}).build());
  samples.push_back(v4().udp(1024, 53).payload(31).build());
  samples.push_back(v4().udp(1024, 53).padding(18).build());
  samples.push_back(v4({.dont_fragment = true}).udp(1, 2).checksum(BuildChecksum::kZero).payload(5).build());
  samples.push_back(v4({.options = options}).udp(1, 2).payload(9).build());
  samples.push_back(v4({.more_fragments = true}).udp(1, 2).payload(16).build());
  samples.push_back(v4({.more_fragments = true, .offset = 1480, .protocol = 17}).payload(24).build());
  samples.push_back(v4({.offset = 65496, .protocol = 6}).payload(15).build());
  samples.push_back(v4().icmp(8, 0, 0x10001).payload(20).build());
  samples.push_back(v4().icmp(3, 4, 1400).payload(quote).build());
  samples.push_back(v4().sctp(7, 8, 9).payload(21).build());
  samples.push_back(v4().gre(0x0800, 0xb000).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).build());
  samples.push_back(v4().gre(0x880b, 0x3081).payload(12).build());
  samples.push_back(v4({.protocol = 50}).payload(32).build());
  samples.push_back(PacketBuilder().ethernet().vlan(5).ipv4().tcp(1, 2).payload(3).build());
  samples.push_back(PacketBuilder().ethernet("ff:ff:ff:ff:ff:ff").vlan(5, 0x88a8).vlan(6).ipv4().udp(1, 2).build());
  samples.push_back(PacketBuilder().ethernet().ipv4("169.254.0.1", "169.253.0.1").udp(1, 2).build());
  samples.push_back(v4().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).build());
}

void add_ipv6(std::vector<Bytes>& samples) {
  samples.push_back(v6().tcp(1024, 443).payload(10).build());
  samples.push_back(v6().udp(1024, 443).payload(11).build());
  samples.push_back(v6().icmpv6(128, 0, 0x10001).payload(8).build());
  samples.push_back(v6().icmpv6(2, 0, 1280).payload(PacketBuilder().ipv6().udp(1, 2).build()).build());
  samples.push_back(v6().sctp(1, 2).payload(4).build());
  samples.push_back(v6().gre(0x86dd, 0x2000).ipv6().udp(1, 2).build());
  samples.push_back(v6().hop_by_hop(hex("05 02 0000 00 00 01 02 0000 c2 04 00010000")).udp(1, 2).build());
  samples.push_back(v6().routing(0, 1, pattern(20)).tcp(1, 2).build());
  samples.push_back(v6().routing(4, 0, pattern(36)).udp(1, 2).build());
  samples.push_back(v6().authentication().destination_options().udp(1, 2).build());
  samples.push_back(v6().fragment(0, true).tcp(1, 2).payload(12).build());
  samples.push_back(v6().fragment(0, false).udp(1, 2).payload(1).build());
  samples.push_back(v6().fragment(1448, true, 7, 17).payload(16).build());
  samples.push_back(v6().fragment(65528, false, 7, 58).payload(7).build());
  samples.push_back(v6().hop_by_hop()
                        .destination_options()
                        .routing(2, 1, pattern(20))
                        .fragment(0, false)
                        .authentication()
                        .udp(1, 2)
                        .build());
  auto deep = v6();
  for (int i = 0; i < 8; ++i) deep.destination_options();
  samples.push_back(deep.tcp(1, 2).build());
  samples.push_back(PacketBuilder().ethernet().vlan(1).vlan(2).ipv6("fe80::1", "2001:db8::1").udp(1, 2).build());
  samples.push_back(v6().payload(5).padding(9).build());
}

}  // namespace

std::vector<Bytes> sample_packets() {
  std::vector<Bytes> samples;
  add_ipv4(samples);
  add_ipv6(samples);
  return samples;
}

void fix_ipv4_checksum(std::span<std::byte> frame) {
  std::size_t at = 12;
  while (at + 6 <= frame.size() && (get16(frame, at) == 0x8100 || get16(frame, at) == 0x88a8)) at += 4;
  if (at + 22 > frame.size() || get16(frame, at) != 0x0800) return;
  const auto header = frame.subspan(at + 2);
  const std::size_t length = (get8(header, 0) & 15U) * 4;
  if (length < 20 || length > header.size()) return;
  set16(header, 10, 0);
  set16(header, 10, naive_checksum(header.first(length)));
}

}  // namespace culvert::test
