// SPDX-License-Identifier: Apache-2.0
#include "test/packet/reference_parser.h"

#include <fmt/format.h>
#include <set>

namespace culvert::test {
namespace {

/// Thrown where the packet must be dropped.
struct Drop {
  DropReason reason;
};

void require(bool condition, DropReason reason) {
  if (!condition) throw Drop{reason};
}

void check_addresses4(unsigned flags_of_source, const Bytes& ip, ReferenceFields& fields) {
  const std::uint32_t source = get32(ip, 12);
  const std::uint32_t destination = get32(ip, 16);
  const auto within = [](std::uint32_t address, std::string_view prefix, int length) {
    return (address ^ ip4(prefix).value.host()) >> (32 - length) == 0;
  };
  require(source != 0 && !within(source, "127.0.0.0", 8) && !within(source, "224.0.0.0", 4) && source != 0xffffffff,
          DropReason::kSourceMartian);
  require(destination != 0 && !within(destination, "127.0.0.0", 8), DropReason::kDestinationMartian);
  require(!within(destination, "224.0.0.0", 4) && destination != 0xffffffff, DropReason::kMulticast);
  require(!within(destination, "169.254.0.0", 16), DropReason::kDestinationLinkLocal);
  if (within(source, "169.254.0.0", 16)) fields.flags |= flags_of_source;
}

void check_addresses6(const Bytes& ip, ReferenceFields& fields) {
  const Bytes source = slice(ip, 8, 16);
  const Bytes destination = slice(ip, 24, 16);
  const auto not_for_wire = [](const Bytes& address) {
    return address == hex("00000000000000000000000000000000") || address == hex("00000000000000000000000000000001") ||
           slice(address, 0, 12) == hex("00000000000000000000ffff");
  };
  const auto link_local = [](const Bytes& address) { return get16(address, 0) >> 6 == 0xfe80 >> 6; };
  require(get8(source, 0) != 0xff && !not_for_wire(source), DropReason::kSourceMartian);
  require(get8(destination, 0) != 0xff, DropReason::kMulticast);
  require(!not_for_wire(destination), DropReason::kDestinationMartian);
  require(!link_local(destination), DropReason::kDestinationLinkLocal);
  if (link_local(source)) fields.flags |= kFlagSourceLinkLocal;
}

/// `before`: the bytes in front of the fragment's data that count; `data`: how many it brings.
void check_place(unsigned offset, std::size_t data, std::size_t before, bool more, ReferenceFields& fields) {
  fields.flags |= kFlagFragment;
  if (offset == 0) fields.flags |= kFlagFirstFragment;
  if (!more) fields.flags |= kFlagLastFragment;
  if (more) require(data % 8 == 0 && data != 0, DropReason::kFragmentBad);
  if (offset != 0) require(data != 0, DropReason::kFragmentBad);
  require(before + offset + data <= 65535, DropReason::kFragmentBad);
  require(offset != 8 || fields.protocol != 6, DropReason::kFragmentBad);
}

void read_icmp(const Bytes& message, ReferenceFields& fields) {
  const unsigned type = get8(message, 0);
  const bool version4 = fields.network == NetworkKind::kIpv4;
  static const std::set<unsigned> kErrors4{3, 4, 5, 11, 12};
  static const std::set<unsigned> kQueries4{0, 8, 13, 14, 15, 16, 17, 18, 42, 43};
  static const std::set<unsigned> kQueries6{128, 129, 160, 161};
  if (version4 ? kErrors4.contains(type) : type < 128) fields.flags |= kFlagIcmpError;
  if (version4 ? kQueries4.contains(type) : kQueries6.contains(type)) {
    fields.source_port = fields.destination_port = get16(message, 4);
  }
}

void read_transport(const Bytes& message, std::size_t offset, ReferenceFields& fields) {
  const unsigned p = fields.protocol;
  const bool version4 = fields.network == NetworkKind::kIpv4;
  const bool icmp = p == (version4 ? 1U : 58U);
  if (p != 6 && p != 17 && p != 132 && p != 47 && p != 33 && p != 136 && !icmp) return;
  const std::size_t smallest = p == 6 ? 20 : p == 132 || p == 33 ? 12 : p == 47 ? 4 : 8;
  require(message.size() >= smallest, DropReason::kTransportTruncated);
  fields.flags |= kFlagTransport;
  fields.transport_offset = static_cast<unsigned>(offset);
  if (p == 6 || p == 17 || p == 132) {
    fields.source_port = get16(message, 0);
    fields.destination_port = get16(message, 2);
  }
  if (p == 6) {
    const std::size_t header = 4U * (get8(message, 12) / 16U);
    require(header >= 20 && header <= message.size(), DropReason::kTransportLength);
    fields.tcp_flags = get8(message, 13);
  }
  if (p == 17) {
    const bool first_of_many = (fields.flags & kFlagFragment) != 0 && (fields.flags & kFlagLastFragment) == 0;
    require(get16(message, 4) >= 8, DropReason::kTransportLength);
    require(first_of_many || get16(message, 4) <= message.size(), DropReason::kTransportLength);
  }
  if (p == 47) {
    const unsigned bits = get16(message, 0);
    unsigned words = 1;
    if ((bits & 0xc000) != 0) ++words;
    if ((bits & 0x2000) != 0) ++words;
    if ((bits & 0x1000) != 0) ++words;
    if ((bits & 7) == 1 && (bits & 0x80) != 0) ++words;
    require(message.size() >= 4 * words, DropReason::kTransportTruncated);
  }
  if (icmp) read_icmp(message, fields);
}

void read_options4(const Bytes& options, ReferenceFields& fields) {
  std::size_t at = 0;
  while (at < options.size() && get8(options, at) != 0) {
    const unsigned type = get8(options, at);
    if (type == 1) {
      ++at;
      continue;
    }
    require(at + 2 <= options.size(), DropReason::kIpv4Options);
    const std::size_t size = get8(options, at + 1);
    require(size >= 2 && at + size <= options.size(), DropReason::kIpv4Options);
    if (type == 131 || type == 137) fields.flags |= kFlagSourceRoute | kFlagRoutePending;
    if (type == 148) fields.flags |= kFlagRouterAlert;
    at += size;
  }
}

void read_ipv4(const Bytes& rest, ReferenceFields& fields) {
  require(rest.size() >= 20, DropReason::kIpv4Truncated);
  const std::size_t header = 4U * (get8(rest, 0) % 16U);
  require(get8(rest, 0) / 16 == 4 && header >= 20, DropReason::kIpv4HeaderLength);
  require(rest.size() >= header, DropReason::kIpv4Truncated);
  const std::size_t total = get16(rest, 2);
  require(total >= header && total <= rest.size(), DropReason::kIpv4TotalLength);
  require(naive_checksum(slice(rest, 0, header)) == 0, DropReason::kIpv4Checksum);
  const Bytes ip = slice(rest, 0, total);
  fields.network = NetworkKind::kIpv4;
  fields.network_length = static_cast<unsigned>(total);
  fields.protocol = get8(ip, 9);
  if (header > 20) fields.flags |= kFlagIpv4Options;
  read_options4(slice(ip, 20, header - 20), fields);
  check_addresses4(kFlagSourceLinkLocal, ip, fields);
  if ((get8(ip, 6) & 0x40) != 0) fields.flags |= kFlagDontFragment;
  const bool more = (get8(ip, 6) & 0x20) != 0;
  const unsigned offset = (get16(ip, 6) & 0x1fffU) * 8;
  if (more || offset != 0) check_place(offset, total - header, header, more, fields);
  if (offset == 0) read_transport(slice(ip, header), fields.network_offset + header, fields);
}

void read_hop_by_hop(const Bytes& options, ReferenceFields& fields) {
  std::size_t at = 0;
  int count = 0;
  while (at < options.size()) {
    require(++count <= 16, DropReason::kIpv6ExtensionTooMany);
    if (get8(options, at) == 0) {
      ++at;
      continue;
    }
    require(at + 2 <= options.size(), DropReason::kIpv6ExtensionBad);
    const std::size_t size = 2U + get8(options, at + 1);
    require(at + size <= options.size(), DropReason::kIpv6ExtensionBad);
    if (get8(options, at) == 5) fields.flags |= kFlagRouterAlert;
    at += size;
  }
}

/// Walks the headers from `at` in the IP packet; true when the upper-layer header's place is known.
bool read_extensions(const Bytes& ip, std::size_t& at, ReferenceFields& fields) {
  bool fragment_seen = false;
  for (int count = 1;; ++count) {
    const unsigned kind = fields.protocol;
    if (kind != 0 && kind != 43 && kind != 44 && kind != 51 && kind != 60) return true;
    require(count <= 8, DropReason::kIpv6ExtensionTooMany);
    fields.flags |= kFlagIpv6Extensions;
    require(ip.size() - at >= 8, DropReason::kIpv6ExtensionTruncated);
    if (kind == 44) require(!fragment_seen, DropReason::kIpv6ExtensionBad);
    if (kind == 0) require(at == 40, DropReason::kIpv6ExtensionBad);
    std::size_t size = 8 * (1U + get8(ip, at + 1));
    if (kind == 44) size = 8;
    if (kind == 51) {
      size = 4 * (2U + get8(ip, at + 1));
      require(size >= 12, DropReason::kIpv6ExtensionBad);
    }
    require(ip.size() - at >= size, DropReason::kIpv6ExtensionTruncated);
    const Bytes header = slice(ip, at, size);
    at += size;
    fields.protocol = get8(header, 0);
    if (kind == 0) read_hop_by_hop(slice(header, 2), fields);
    if (kind == 43 && get8(header, 2) == 0) fields.flags |= kFlagSourceRoute;
    if (kind == 43 && get8(header, 3) != 0) fields.flags |= kFlagRoutePending;
    if (kind == 44) {
      fragment_seen = true;
      const unsigned offset = get16(header, 2) / 8 * 8U;
      check_place(offset, ip.size() - at, at - 48, (get16(header, 2) & 1) != 0, fields);
      if (offset != 0) return false;
    }
  }
}

void read_ipv6(const Bytes& rest, ReferenceFields& fields) {
  require(rest.size() >= 40 && get8(rest, 0) / 16 == 6, DropReason::kIpv6Truncated);
  const std::size_t total = 40U + get16(rest, 4);
  require(total <= rest.size(), DropReason::kIpv6PayloadLength);
  const Bytes ip = slice(rest, 0, total);
  fields.network = NetworkKind::kIpv6;
  fields.network_length = static_cast<unsigned>(total);
  fields.protocol = get8(ip, 6);
  fields.flags |= kFlagDontFragment;
  check_addresses6(ip, fields);
  std::size_t at = 40;
  if (read_extensions(ip, at, fields)) read_transport(slice(ip, at), fields.network_offset + at, fields);
}

void read_frame(std::span<const std::byte> frame, ReferenceFields& fields) {
  require(frame.size() >= 14, DropReason::kEthernetTruncated);
  if ((get8(frame, 0) & 1) != 0) fields.flags |= kFlagGroupFrame;
  std::size_t at = 12;
  for (;;) {
    const unsigned type = get16(frame, at);
    at += 2;
    if (type == 0x8100 || type == 0x88a8 || type == 0x9100) {
      require(++fields.vlan_tags <= 2, DropReason::kVlanTooMany);
      require(frame.size() >= at + 4, DropReason::kEthernetTruncated);
      at += 2;
      continue;
    }
    fields.network_offset = static_cast<unsigned>(at);
    if (type == 0x0800) return read_ipv4(slice(frame, at), fields);
    if (type == 0x86dd) return read_ipv6(slice(frame, at), fields);
    throw Drop{DropReason::kNotIp};
  }
}

}  // namespace

ReferenceFields reference_parse(std::span<const std::byte> frame) {
  ReferenceFields fields;
  try {
    read_frame(frame, fields);
    return fields;
  } catch (const Drop& drop) {
    ReferenceFields dropped;
    dropped.reason = drop.reason;
    return dropped;
  }
}

ReferenceFields fields_of(const Packet& packet) {
  ReferenceFields fields;
  fields.reason = packet.drop_reason;
  if (packet.verdict == Verdict::kDrop) return fields;
  fields.network = packet.network;
  fields.vlan_tags = packet.vlan_tags;
  fields.network_offset = packet.network_offset;
  fields.network_length = packet.network_length;
  fields.transport_offset = packet.has(kFlagTransport) ? packet.transport_offset : 0;
  fields.protocol = packet.protocol;
  fields.tcp_flags = packet.tcp_flags;
  fields.source_port = packet.source_port.host();
  fields.destination_port = packet.destination_port.host();
  fields.flags = packet.flags;
  return fields;
}

std::string to_text(const ReferenceFields& fields) {
  return fmt::format(
      "{} network {} tags {} offset {} length {} transport {} protocol {} tcp {:#x} ports {} {} flags {:#x}",
      drop_reason_text(fields.reason).name, static_cast<int>(fields.network), fields.vlan_tags, fields.network_offset,
      fields.network_length, fields.transport_offset, fields.protocol, fields.tcp_flags, fields.source_port,
      fields.destination_port, fields.flags);
}

bool reference_checksum_right(std::span<const std::byte> frame, const ReferenceFields& fields) {
  const bool version4 = fields.network == NetworkKind::kIpv4;
  const Bytes ip = slice(frame, fields.network_offset, fields.network_length);
  Bytes message = slice(ip, fields.transport_offset - fields.network_offset);
  if (fields.protocol == 132) {
    const Bytes field = slice(message, 8, 4);
    set32(message, 8, 0);
    const std::uint32_t crc = naive_crc32c(message);
    return get8(field, 0) == (crc & 0xff) && get8(field, 1) == (crc >> 8 & 0xff) &&
           get8(field, 2) == (crc >> 16 & 0xff) && get8(field, 3) == crc >> 24;
  }
  if (fields.protocol == 17) message.resize(get16(message, 4));
  if (fields.protocol == 1) return naive_checksum(message) == 0;
  Bytes pseudo = version4 ? slice(ip, 12, 8) : slice(ip, 8, 32);
  append32(pseudo, static_cast<std::uint32_t>(message.size()));
  append32(pseudo, fields.protocol);
  return naive_checksum(message, naive_sum(pseudo)) == 0;
}

}  // namespace culvert::test
