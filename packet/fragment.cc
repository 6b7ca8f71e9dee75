// SPDX-License-Identifier: Apache-2.0
#include "packet/fragment.h"

#include <array>

#include "base/bytes.h"
#include "packet/checksum.h"
#include "packet/ipv4.h"

namespace culvert {
namespace {

constexpr std::uint32_t kMaxOptions = 40;

/// The options of the fragments behind the first.
struct CopiedOptions {
  std::array<std::byte, kMaxOptions> bytes{};
  std::uint32_t length = 0;  ///< a multiple of 4
};

/// The options were walked by parse: their lengths are right.
CopiedOptions copied_options(const Packet& packet) noexcept {
  CopiedOptions copied;
  const std::byte* options = packet.network_header() + kIpv4HeaderSize;
  const std::uint32_t length = view<Ipv4Header>(packet.network_header()).header_length() - kIpv4HeaderSize;
  for (std::uint32_t at = 0; at < length;) {
    const auto type = load<std::uint8_t>(options + at);
    if (type == kOptionEnd) break;
    const std::uint32_t size = type == kOptionNop ? 1 : load<std::uint8_t>(options + at + 1);
    if ((type & kOptionCopied) != 0) {
      std::memcpy(copied.bytes.data() + copied.length, options + at, size);
      copied.length += size;
    }
    at += size;
  }
  copied.length = (copied.length + 3) & ~3U;
  return copied;
}

/// How a packet is cut.
struct Cut {
  std::uint32_t header;        ///< bytes of the first fragment's IP header
  std::uint32_t other_header;  ///< of the others'
  std::uint32_t data;          ///< bytes behind the IP header
  std::uint32_t first;         ///< data bytes of the first fragment
  std::uint32_t each;          ///< of the others but the last

  std::uint32_t count() const noexcept { return 1 + (data - first + each - 1) / each; }
};

Cut make_cut(const Packet& packet, std::uint32_t mtu) noexcept {
  const std::uint32_t header = view<Ipv4Header>(packet.network_header()).header_length();
  const std::uint32_t other_header = kIpv4HeaderSize + copied_options(packet).length;
  return {header, other_header, packet.network_length - header, (mtu - header) / kFragmentUnit * kFragmentUnit,
          (mtu - other_header) / kFragmentUnit * kFragmentUnit};
}

void write_checksum(Ipv4Header& header, std::byte* start) noexcept {
  header.checksum = Be16();
  header.checksum = checksum_of(ones_sum(start, header.header_length()));
}

/// Writes the lengths, the place and the checksum of one fragment whose header bytes are there.
void finish(Packet& packet, std::uint32_t header_length, std::uint32_t data, std::uint32_t offset, bool more) noexcept {
  std::byte* start = packet.network_header();
  auto& header = view<Ipv4Header>(start);
  const std::uint32_t total = header_length + data;
  header.version_length = static_cast<std::uint8_t>(0x40 | header_length / 4);
  header.total_length = Be16(static_cast<std::uint16_t>(total));
  header.fragment = Be16(static_cast<std::uint16_t>(offset / kFragmentUnit | (more ? kIpv4MoreFragments : 0)));
  write_checksum(header, start);
  packet.network_length = static_cast<std::uint16_t>(total);
  packet.length = static_cast<std::uint16_t>(packet.network_offset + total);
  std::uint32_t flags = packet.flags & ~std::uint32_t{kFlagFirstFragment | kFlagLastFragment};
  flags |= kFlagFragment;
  if (offset == 0) flags |= kFlagFirstFragment;
  if (!more) flags |= kFlagLastFragment;
  packet.flags = static_cast<std::uint16_t>(flags);
}

/// `other` becomes the fragment with `data` bytes from `from` on.
void write_other(const Packet& packet, Packet& other, const CopiedOptions& options, std::uint32_t from,
                 std::uint32_t data) noexcept {
  std::byte* const start = other.data;
  const FrameAddress frame = other.frame;
  other = packet;
  other.data = start;
  other.frame = frame;
  std::memcpy(start, packet.data, packet.network_offset + kIpv4HeaderSize);
  std::byte* at = other.network_header() + kIpv4HeaderSize;
  std::memcpy(at, options.bytes.data(), options.length);
  std::memcpy(at + options.length, packet.data + from, data);
  // What only the first fragment has.
  std::uint32_t flags = packet.flags & ~std::uint32_t{kFlagTransport | kFlagIcmpError | kFlagIpv4Options};
  flags |= kFlagGenerated;
  if (options.length != 0) flags |= kFlagIpv4Options;
  other.flags = static_cast<std::uint16_t>(flags);
  other.transport_offset = 0;
  other.tcp_flags = 0;
  other.source_port = other.destination_port = Be16();
}

bool rooms_suffice(const Packet& packet, const Cut& cut, std::span<Packet* const> others) noexcept {
  for (const Packet* other : others) {
    if (other->length < packet.network_offset + cut.other_header + cut.each) return false;
  }
  return true;
}

}  // namespace

std::uint32_t fragments_needed(const Packet& packet, std::uint32_t mtu) noexcept {
  if (packet.network != NetworkKind::kIpv4) return 0;
  if (packet.network_length <= mtu) return 1;
  if (packet.has(kFlagDontFragment) || mtu < kIpv4MinimumMtu) return 0;
  const std::uint32_t count = make_cut(packet, mtu).count();
  return count <= kMaxFragments ? count : 0;
}

bool fragment_ipv4(Packet& packet, std::uint32_t mtu, std::span<Packet* const> others) noexcept {
  const std::uint32_t count = fragments_needed(packet, mtu);
  if (count == 0 || others.size() != count - 1) return false;
  if (count == 1) return true;
  const Cut cut = make_cut(packet, mtu);
  if (!rooms_suffice(packet, cut, others)) return false;
  const CopiedOptions options = copied_options(packet);
  const std::uint16_t place = view<Ipv4Header>(packet.network_header()).fragment.host();
  const std::uint32_t base = (place & kIpv4OffsetMask) * kFragmentUnit;
  const bool more = (place & kIpv4MoreFragments) != 0;

  std::uint32_t done = cut.first;
  for (Packet* other : others) {
    const std::uint32_t size = cut.data - done < cut.each ? cut.data - done : cut.each;
    write_other(packet, *other, options, packet.network_offset + cut.header + done, size);
    finish(*other, cut.other_header, size, base + done, more || done + size < cut.data);
    done += size;
  }
  finish(packet, cut.header, cut.first, base, true);
  return true;
}

}  // namespace culvert
