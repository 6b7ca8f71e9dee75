// SPDX-License-Identifier: Apache-2.0
#include "lanes/traffic.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"

namespace culvert {
namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::uint8_t kUdp = 17;
constexpr std::size_t kStoredHeaders = 128;
constexpr std::array<std::uint16_t, 12> kImixLengths{60, 590, 60, 60, 590, 60, 1514, 60, 590, 60, 60, 590};

/// The ones' complement sum of RFC 1071, not folded.
std::uint32_t sum16(std::span<const std::byte> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += load<Be16>(&bytes[i]).host();
  if (bytes.size() % 2 == 1) sum += std::to_integer<std::uint32_t>(bytes.back()) << 8;
  return sum;
}

Be16 folded(std::uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return Be16(static_cast<std::uint16_t>(~sum));
}

/// Writes fields one after the other.
class Writer {
 public:
  explicit Writer(std::span<std::byte> bytes) : bytes_(bytes) {}
  template <typename T>
  Writer& put(const T& value) {
    store(&bytes_[at_], value);
    at_ += sizeof(T);
    return *this;
  }
  Writer& u8(std::uint8_t value) { return put(value); }
  Writer& u16(std::size_t value) { return put(Be16(static_cast<std::uint16_t>(value))); }
  Writer& u32(std::uint32_t value) { return put(Be32(value)); }

 private:
  std::span<std::byte> bytes_;
  std::size_t at_ = 0;
};

struct Flow {
  std::uint32_t source, destination;  ///< offsets from the first address
  std::uint16_t source_port;
};

Flow flow_of(const TrafficConfig& config, std::uint32_t index) {
  std::uint64_t state = config.seed + index;
  return {index % config.source_count, fast_range(splitmix64(state), config.destination_count),
          static_cast<std::uint16_t>(1024 + index / config.source_count % 64512)};
}

Ipv4Address plus(Ipv4Address first, std::uint32_t offset) {
  return {Be32(first.value.host() + offset)};
}

Ipv6Address plus(Ipv6Address first, std::uint32_t offset) {
  store(&first.bytes[12], Be32(load<Be32>(&first.bytes[12]).host() + offset));
  return first;
}

/// The addresses as the checksum's pseudo-header has them; begins at the source address inside the IP header.
void write_ip(const TrafficConfig& config, const Flow& flow, std::span<std::byte> ip, std::size_t transport_length) {
  Writer writer(ip);
  if (config.network == NetworkKind::kIpv6) {
    writer.u32(0x60000000).u16(transport_length).u8(config.protocol).u8(64);
    writer.put(plus(config.sources6, flow.source)).put(plus(config.destinations6, flow.destination));
    return;
  }
  writer.u16(0x4500).u16(20 + transport_length).u16(0).u16(0x4000).u8(64).u8(config.protocol).u16(0);
  writer.put(plus(config.sources, flow.source)).put(plus(config.destinations, flow.destination));
  store(&ip[10], folded(sum16(ip.first(20))));
}

void write_transport(const TrafficConfig& config, const Flow& flow, std::span<std::byte> transport,
                     std::span<const std::byte> addresses) {
  Writer writer(transport);
  writer.u16(flow.source_port).u16(80);
  std::size_t checksum_at = 6;
  if (config.protocol == kUdp) {
    writer.u16(transport.size());
  } else {
    writer.u32(1).u32(1).u16(0x5010).u16(65535);
    checksum_at = 16;
  }
  const std::uint32_t pseudo = sum16(addresses) + config.protocol + static_cast<std::uint32_t>(transport.size());
  Be16 checksum = folded(sum16(transport) + pseudo);
  if (config.protocol == kUdp && checksum == Be16(0)) checksum = Be16(0xffff);
  store(&transport[checksum_at], checksum);
}

std::vector<std::byte> make_packet(const TrafficConfig& config, std::uint32_t index) {
  const bool v6 = config.network == NetworkKind::kIpv6;
  const std::size_t ip_header = v6 ? 40 : 20;
  const std::size_t headers = kEthernet + ip_header + (config.protocol == kUdp ? 8 : 20);
  const std::size_t wanted = config.sizes == TrafficSizes::kImix ? kImixLengths[index % 12] : config.length;
  std::vector<std::byte> packet(std::max(wanted, headers));
  const std::span<std::byte> bytes(packet);
  const Flow flow = flow_of(config, index);
  Writer(bytes).put(config.destination_mac).put(config.source_mac).u16(v6 ? 0x86dd : 0x0800);
  const std::span<std::byte> ip = bytes.subspan(kEthernet);
  const std::span<std::byte> transport = ip.subspan(ip_header);
  write_ip(config, flow, ip, transport.size());
  write_transport(config, flow, transport, v6 ? ip.subspan(8, 32) : ip.subspan(12, 8));
  return packet;
}

}  // namespace

PacketList make_traffic(const TrafficConfig& config) {
  PacketList list;
  const std::uint32_t unit = config.sizes == TrafficSizes::kImix ? 12 : 1;
  const std::uint32_t packets = (std::max(config.flows, 1U) + unit - 1) / unit * unit;
  for (std::uint32_t i = 0; i < packets; ++i) {
    const std::vector<std::byte> packet = make_packet(config, i);
    const std::size_t stored = config.headers_only ? std::min(packet.size(), kStoredHeaders) : packet.size();
    list.add(std::span(packet).first(stored), static_cast<std::uint16_t>(packet.size()));
  }
  if (config.shuffled) list.shuffle(config.seed);
  return list;
}

}  // namespace culvert
