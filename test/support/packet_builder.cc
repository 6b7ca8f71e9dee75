// SPDX-License-Identifier: Apache-2.0
#include "test/support/packet_builder.h"

#include <stdexcept>
#include <utility>

#include "base/bytes.h"

namespace culvert::test {
namespace {

constexpr int kTcpNumber = 6;
constexpr int kUdpNumber = 17;
constexpr int kSctpNumber = 132;

void pad(Bytes& bytes, std::size_t multiple) {
  while (bytes.size() % multiple != 0) append8(bytes, 0);
}

template <typename Address>
void append_address(Bytes& bytes, const Address& address) {
  append(bytes, bytes_of(address));
}

}  // namespace

PacketBuilder& PacketBuilder::add(Kind kind, Bytes bytes, int type, int next) {
  layers_.push_back({kind, std::move(bytes), type, next});
  return *this;
}

PacketBuilder& PacketBuilder::ethernet(std::string_view destination, std::string_view source) {
  Bytes bytes;
  append_address(bytes, mac(destination));
  append_address(bytes, mac(source));
  append16(bytes, 0);
  return add(Kind::kEthernet, std::move(bytes), 0);
}

PacketBuilder& PacketBuilder::vlan(std::uint16_t id, std::uint16_t tag_type) {
  Bytes bytes;
  append16(bytes, id);
  append16(bytes, 0);
  return add(Kind::kVlan, std::move(bytes), tag_type);
}

PacketBuilder& PacketBuilder::ipv4(std::string_view source, std::string_view destination, const Ipv4Fields& fields) {
  Bytes options = fields.options;
  pad(options, 4);
  Bytes bytes;
  append8(bytes, static_cast<std::uint32_t>(0x40 | (5 + options.size() / 4)));
  append8(bytes, fields.tos);
  append16(bytes, 0);
  append16(bytes, fields.id);
  append16(bytes, (fields.dont_fragment ? 0x4000U : 0U) | (fields.more_fragments ? 0x2000U : 0U) | fields.offset / 8);
  append8(bytes, fields.ttl);
  append8(bytes, 0);
  append16(bytes, 0);
  append_address(bytes, ip4(source));
  append_address(bytes, ip4(destination));
  append(bytes, options);
  return add(Kind::kIpv4, std::move(bytes), 0x0800, fields.protocol);
}

PacketBuilder& PacketBuilder::ipv6(std::string_view source, std::string_view destination, const Ipv6Fields& fields) {
  Bytes bytes;
  append32(bytes, 6U << 28 | static_cast<std::uint32_t>(fields.traffic_class) << 20 | fields.flow_label);
  append16(bytes, 0);
  append8(bytes, 0);
  append8(bytes, fields.hop_limit);
  append_address(bytes, ip6(source));
  append_address(bytes, ip6(destination));
  return add(Kind::kIpv6, std::move(bytes), 0x86dd, fields.next_header);
}

PacketBuilder& PacketBuilder::add_options(int type, Bytes options, int next) {
  const std::size_t missing = (8 - (options.size() + 2) % 8) % 8;
  if (missing == 1) append8(options, 0);
  if (missing >= 2) {
    append8(options, 1);
    append8(options, static_cast<std::uint32_t>(missing - 2));
    options.resize(options.size() + missing - 2);
  }
  Bytes bytes;
  append8(bytes, 0);
  append8(bytes, static_cast<std::uint32_t>((options.size() + 2) / 8 - 1));
  append(bytes, options);
  return add(Kind::kExtension, std::move(bytes), type, next);
}

PacketBuilder& PacketBuilder::hop_by_hop(Bytes options, int next) {
  return add_options(0, std::move(options), next);
}
PacketBuilder& PacketBuilder::destination_options(Bytes options, int next) {
  return add_options(60, std::move(options), next);
}

PacketBuilder& PacketBuilder::routing(std::uint8_t type, std::uint8_t segments_left, Bytes data, int next) {
  Bytes bytes;
  append32(bytes, static_cast<std::uint32_t>(type << 8 | segments_left));
  append(bytes, data);
  pad(bytes, 8);
  set8(bytes, 1, static_cast<std::uint32_t>(bytes.size() / 8 - 1));
  return add(Kind::kExtension, std::move(bytes), 43, next);
}

PacketBuilder& PacketBuilder::fragment(std::uint32_t offset, bool more, std::uint32_t id, int next) {
  Bytes bytes;
  append16(bytes, 0);
  append16(bytes, offset | (more ? 1U : 0U));
  append32(bytes, id);
  return add(Kind::kExtension, std::move(bytes), 44, next);
}

PacketBuilder& PacketBuilder::authentication(std::size_t icv_size, int next) {
  Bytes bytes(12 + icv_size);
  pad(bytes, 8);
  set8(bytes, 1, static_cast<std::uint32_t>(bytes.size() / 4 - 2));
  return add(Kind::kExtension, std::move(bytes), 51, next);
}

PacketBuilder& PacketBuilder::tcp(std::uint16_t source, std::uint16_t destination, const TcpFields& fields) {
  Bytes options = fields.options;
  pad(options, 4);
  Bytes bytes;
  append16(bytes, source);
  append16(bytes, destination);
  append32(bytes, fields.sequence);
  append32(bytes, fields.acknowledgment);
  append8(bytes, static_cast<std::uint32_t>((5 + options.size() / 4) << 4));
  append8(bytes, fields.flags);
  append16(bytes, fields.window);
  append32(bytes, 0);
  append(bytes, options);
  return add(Kind::kTcp, std::move(bytes), kTcpNumber);
}

PacketBuilder& PacketBuilder::udp(std::uint16_t source, std::uint16_t destination) {
  Bytes bytes;
  append16(bytes, source);
  append16(bytes, destination);
  append32(bytes, 0);
  return add(Kind::kUdp, std::move(bytes), kUdpNumber);
}

PacketBuilder& PacketBuilder::udp_lite(std::uint16_t source, std::uint16_t destination) {
  udp(source, destination);
  layers_.back().kind = Kind::kUdpLite;
  layers_.back().type = 136;
  return *this;
}

PacketBuilder& PacketBuilder::dccp(std::uint16_t source, std::uint16_t destination) {
  udp(source, destination);
  Layer& layer = layers_.back();
  layer.kind = Kind::kDccp;
  layer.type = 33;
  set8(layer.bytes, 4, 3);  // words of the header
  append32(layer.bytes, 0x0a000007);
  return *this;
}

PacketBuilder& PacketBuilder::icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest) {
  Bytes bytes;
  append8(bytes, type);
  append8(bytes, code);
  append16(bytes, 0);
  append32(bytes, rest);
  return add(Kind::kIcmp, std::move(bytes), 1);
}

PacketBuilder& PacketBuilder::icmpv6(std::uint8_t type, std::uint8_t code, std::uint32_t rest) {
  icmp(type, code, rest);
  layers_.back().kind = Kind::kIcmpv6;
  layers_.back().type = 58;
  return *this;
}

PacketBuilder& PacketBuilder::sctp(std::uint16_t source, std::uint16_t destination, std::uint32_t tag) {
  Bytes bytes;
  append16(bytes, source);
  append16(bytes, destination);
  append32(bytes, tag);
  append32(bytes, 0);
  return add(Kind::kSctp, std::move(bytes), kSctpNumber);
}

PacketBuilder& PacketBuilder::gre(std::uint16_t protocol, std::uint16_t flags) {
  Bytes bytes;
  append16(bytes, flags);
  append16(bytes, protocol);
  for (const int bit : {0x8000, 0x2000, 0x1000}) {
    if ((flags & bit) != 0) append32(bytes, 0);
  }
  return add(Kind::kGre, std::move(bytes), 47, protocol);
}

PacketBuilder& PacketBuilder::payload(Bytes bytes) {
  return add(Kind::kPayload, std::move(bytes), 59);
}
PacketBuilder& PacketBuilder::checksum(BuildChecksum mode) {
  checksum_ = mode;
  return *this;
}
PacketBuilder& PacketBuilder::padding(std::size_t size) {
  padding_ = size;
  return *this;
}

int PacketBuilder::next_type(std::size_t index) const {
  const Layer& layer = layers_[index];
  if (layer.next >= 0) return layer.next;
  if (index + 1 == layers_.size()) return layer.kind == Kind::kEthernet || layer.kind == Kind::kVlan ? 0x0800 : 59;
  const Layer& next = layers_[index + 1];
  // An IP packet inside an IP packet has a protocol number instead of an EtherType.
  const bool inside = layer.kind == Kind::kIpv4 || layer.kind == Kind::kIpv6 || layer.kind == Kind::kExtension;
  if (inside && next.kind == Kind::kIpv4) return 4;
  if (inside && next.kind == Kind::kIpv6) return 41;
  return next.type;
}

Bytes PacketBuilder::build() const {
  Bytes packet;
  std::vector<std::size_t> offsets;
  for (const Layer& layer : layers_) {
    offsets.push_back(packet.size());
    append(packet, layer.bytes);
  }
  const std::size_t end = packet.size();
  // From the inside out: outer checksums cover inner ones.
  for (std::size_t index = layers_.size(); index-- > 0;) finish_layer(index, packet, offsets, end);
  packet.resize(packet.size() + padding_, std::byte{0xee});
  return packet;
}

void PacketBuilder::finish_layer(std::size_t index, Bytes& packet, const std::vector<std::size_t>& offsets,
                                 std::size_t end) const {
  const Layer& layer = layers_[index];
  const std::size_t at = offsets[index];
  const auto next = static_cast<std::uint32_t>(next_type(index));
  const auto rest = static_cast<std::uint32_t>(end - at);
  switch (layer.kind) {
    case Kind::kEthernet:
      return set16(packet, at + 12, next);
    case Kind::kVlan:
      return set16(packet, at + 2, next);
    case Kind::kIpv4:
      set16(packet, at + 2, rest);
      set8(packet, at + 9, next);
      return set16(packet, at + 10, naive_checksum(slice(packet, at, layer.bytes.size())));
    case Kind::kIpv6:
      set16(packet, at + 4, rest - 40);
      return set8(packet, at + 6, next);
    case Kind::kExtension:
      return set8(packet, at, next);
    case Kind::kUdp:
      set16(packet, at + 4, rest);
      return finish_checksum(index, packet, offsets, end);
    case Kind::kTcp:
    case Kind::kUdpLite:
    case Kind::kDccp:
    case Kind::kIcmp:
    case Kind::kIcmpv6:
    case Kind::kSctp:
      return finish_checksum(index, packet, offsets, end);
    case Kind::kGre:
    case Kind::kPayload:
      return;
  }
}

std::uint32_t PacketBuilder::pseudo_sum(std::size_t index, const Bytes& packet, const std::vector<std::size_t>& offsets,
                                        std::size_t length) const {
  for (std::size_t i = index; i-- > 0;) {
    const std::size_t at = offsets[i];
    Bytes pseudo;
    if (layers_[i].kind == Kind::kIpv4) pseudo = slice(packet, at + 12, 8);
    if (layers_[i].kind == Kind::kIpv6) pseudo = slice(packet, at + 8, 32);
    if (pseudo.empty()) continue;
    append32(pseudo, static_cast<std::uint32_t>(length));
    append32(pseudo, static_cast<std::uint32_t>(layers_[index].type));
    return naive_sum(pseudo);
  }
  throw std::logic_error("a transport layer without an IP layer in front of it");
}

void PacketBuilder::finish_checksum(std::size_t index, Bytes& packet, const std::vector<std::size_t>& offsets,
                                    std::size_t end) const {
  const Kind kind = layers_[index].kind;
  const std::size_t at = offsets[index];
  const std::size_t length = end - at;
  if (checksum_ == BuildChecksum::kZero) return;
  if (kind == Kind::kSctp) {
    if (checksum_ == BuildChecksum::kPartial) return;
    store(packet.data() + at + 8, naive_crc32c(slice(packet, at)));
    return;
  }
  const std::uint32_t pseudo = kind == Kind::kIcmp ? 0 : pseudo_sum(index, packet, offsets, length);
  const bool partial = checksum_ == BuildChecksum::kPartial && (kind == Kind::kTcp || kind == Kind::kUdp);
  std::uint32_t checksum = partial ? pseudo : naive_checksum(slice(packet, at), pseudo);
  const bool like_udp = kind == Kind::kUdp || kind == Kind::kUdpLite || kind == Kind::kDccp;
  if (like_udp && checksum == 0) checksum = 0xffff;
  const std::size_t field = kind == Kind::kTcp ? 16 : like_udp ? 6 : 2;
  set16(packet, at + field, checksum);
}

}  // namespace culvert::test
