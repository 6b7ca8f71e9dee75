// SPDX-License-Identifier: Apache-2.0
// Which frontend a flow is for, by its destination: address, protocol and port. Asked once a session.
//
//   0: 198.18.1.1      tcp 443          198.18.1.1 TCP 443     0
//   1: 198.18.1.1      any 80-89        198.18.1.1 UDP 85      1
//   2: 198.18.1.1      any              198.18.1.1 UDP 90, GRE 2
//   3: 198.18.1.0/24   udp 53           198.18.1.7 UDP 53      3; 198.18.1.1 UDP 53: 2
//
// Of the frontends that a flow fits, it is that with
//   1. the longest prefix, a single address before all others;
//   2. then the fewest ports: one, a range, all (of ranges with as many ports the first that is configured);
//   3. then a named protocol before any.
// An address whose frontends a flow does not fit leaves it to the shorter prefixes. Ports are those of TCP and UDP: a
// frontend of any protocol with some ports is for these two; one with all ports for every protocol.
//
// Addresses and prefixes are one hash table, which is asked once for each prefix length that is configured, longest
// first. What an address says of TCP and of UDP is a list of runs of ports, each with the frontend that comes first
// there, and is searched by halving.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "packet/address.h"

namespace culvert {

/// In the order of the configuration.
using FrontendIndex = std::uint16_t;
inline constexpr FrontendIndex kNoFrontend = 0xffff;

class FrontendTable {
 public:
  /// Ports from this one up to the next run's.
  struct PortRun {
    std::uint16_t first_port = 0;
    FrontendIndex frontend = kNoFrontend;  ///< kNoFrontend: none is for them
  };

  enum class Family : std::uint8_t { kNone, kIpv4, kIpv6 };

  /// A prefix: bits beyond its length are zero. IPv4 addresses are the lowest 32 bits of `low`.
  struct Prefix {
    std::uint64_t high = 0, low = 0;  ///< host order
    std::uint8_t length = 0;          ///< 0 to 32, or to 128
    Family family = Family::kNone;    ///< kNone: a free place

    static Prefix of(Ipv4Address address, unsigned length) noexcept;
    static Prefix of(const Ipv6Address& address, unsigned length) noexcept;
    friend constexpr bool operator==(const Prefix&, const Prefix&) noexcept = default;
  };

  /// A prefix that frontends have, with its runs.
  struct Place {
    Prefix prefix;
    FrontendIndex other_protocols = kNoFrontend;  ///< of what is neither TCP nor UDP
    std::uint32_t tcp = 0;                        ///< from here to `udp` in the runs; below the first there is none
    std::uint32_t udp = 0;                        ///< from here to `end`
    std::uint32_t end = 0;
  };

  /// Memory of a table, which outlives it.
  struct Memory {
    std::span<const Place> places;  ///< more than half of them are free; each in the first free one from home_of()
    std::span<const PortRun> runs;
    std::array<std::span<const std::uint8_t>, 2> lengths;  ///< IPv4, IPv6: that prefixes have, the longest first
  };

  /// No frontends.
  FrontendTable() noexcept = default;
  explicit FrontendTable(const Memory& memory) noexcept : memory_(memory) {}

  /// The frontend of a flow to there; kNoFrontend. `protocol`: as IP has it; `port`: of TCP and UDP, else of no
  /// meaning.
  FrontendIndex find(Ipv4Address address, std::uint8_t protocol, std::uint16_t port) const noexcept;
  FrontendIndex find(const Ipv6Address& address, std::uint8_t protocol, std::uint16_t port) const noexcept;

  /// Whether any frontend has this address, for whatever flows.
  bool claims(Ipv4Address address) const noexcept;
  bool claims(const Ipv6Address& address) const noexcept;

  /// Where the search for a prefix begins in a table of so many places; it goes on with the next place, and the first
  /// after the last.
  static std::size_t home_of(const Prefix& prefix, std::size_t places) noexcept;

 private:
  template <typename Address>
  FrontendIndex find_prefix(const Address& address, std::uint8_t protocol, std::uint16_t port) const noexcept;
  template <typename Address>
  bool claims_prefix(const Address& address) const noexcept;
  /// Null: no frontend has this prefix.
  const Place* place_of(const Prefix& prefix) const noexcept;
  FrontendIndex frontend_at(const Place& place, std::uint8_t protocol, std::uint16_t port) const noexcept;

  Memory memory_;
};

}  // namespace culvert
