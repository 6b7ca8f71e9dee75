// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>

#include "nat/external_addresses.h"
#include "packet/icmp_quote.h"
#include "test/packet/packets.h"

namespace culvert::test {

/// Addresses of networks inside that show outside: as the source of a packet that leaves, or in what an error quotes.
/// Networks 0 to `networks` - 1 are inside: 198.18.<n>.0/24 and 2001:db8:<n>::/48. Who has sent a packet to such an
/// address, or with it, knows it, and may see it.
class Leaks {
 public:
  enum class Own { kSecret, kMayShow };  ///< the firewall's own addresses inside: 198.18.<n>.1 and so on

  explicit Leaks(unsigned networks, Own own) : networks_(networks), own_(own) {}

  /// A packet comes in from outside.
  void note_arrival(std::span<const std::byte> packet) {
    Bytes bytes = slice(packet, 0);
    const Packet view = parsed(bytes);
    if (view.network == NetworkKind::kNone) return;
    const Ends ends = ends_of(view);
    if (is_inside(ends.destination)) known_.insert({ends.source, ends.destination});
    if (is_inside(ends.source)) known_.insert({ends.destination, ends.source});
  }

  /// A packet leaves for somebody who may see addresses inside.
  void note_departure(std::span<const std::byte> packet) {
    Bytes bytes = slice(packet, 0);
    const Ends ends = ends_of(parsed(bytes));
    if (is_inside(ends.source)) known_.insert({ends.destination, ends.source});
  }

  /// Of a packet that leaves for outside. Who has sent to an address inside may be told by a router before it.
  bool shows_in(std::span<const std::byte> packet) const {
    Bytes bytes = slice(packet, 0);
    const Packet view = parsed(bytes);
    const Ends ends = ends_of(view);
    IcmpQuote quote;
    if (!view.has(kFlagIcmpError) || read_icmp_quote(view, quote) != QuoteRefusal::kNone) {
      return is_secret(ends.source, ends.destination);
    }
    const bool ipv4 = view.network == NetworkKind::kIpv4;
    const Ipv6Address from = ipv4 ? mapped(quote.tuple4.source) : quote.tuple6.source;
    const Ipv6Address to = ipv4 ? mapped(quote.tuple4.destination) : quote.tuple6.destination;
    if (is_inside(from)) return is_secret(from, to);
    return is_inside(to) ? is_secret(to, from) : is_inside(ends.source);
  }

 private:
  struct Ends {
    Ipv6Address source, destination;
  };
  static Ends ends_of(const Packet& view) {
    if (view.network == NetworkKind::kIpv4) {
      const auto& header = culvert::view<Ipv4Header>(view.network_header());
      return {mapped(header.source), mapped(header.destination)};
    }
    const auto& header = culvert::view<Ipv6Header>(view.network_header());
    return {header.source, header.destination};
  }

  bool is_inside(const Ipv6Address& address) const {
    const auto& bytes = address.bytes;
    if (own_ == Own::kMayShow && bytes[15] == 1) return false;
    if (address == mapped(load<Ipv4Address>(bytes.data() + 12))) {
      return bytes[12] == 198 && bytes[13] == 18 && bytes[14] < networks_;
    }
    return bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0d && bytes[3] == 0xb8 && bytes[4] == 0 &&
           bytes[5] < networks_;
  }
  /// From whoever has the other address.
  bool is_secret(const Ipv6Address& address, const Ipv6Address& from) const {
    return is_inside(address) && !known_.contains({from, address});
  }

  unsigned networks_;
  Own own_;
  std::set<std::pair<Ipv6Address, Ipv6Address>> known_;  ///< to whom, which address inside
};

}  // namespace culvert::test
