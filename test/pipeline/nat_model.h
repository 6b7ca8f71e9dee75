// SPDX-License-Identifier: Apache-2.0
// What the model of NAT (nat_model_test.cc) knows: who talks to whom, since when nobody has spoken, and what NAT has
// shown so far. Times are in seconds.
#pragma once

#include <arpa/inet.h>
#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <string>

#include "test/packet/packets.h"
#include "test/pipeline/firewall.h"

namespace culvert::test {

/// RFC 4787 REQ-5; RFC 5382 REQ-5 and RFC 7857 2: what is not established, half of it over or all of it, lives on for
/// four minutes.
inline constexpr double kUdpTimeout = 300, kTransitoryTimeout = 240, kEstablishedTimeout = 7440;

struct Endpoint {
  std::uint32_t host = 0;  ///< inside: below the number of hosts; outside: a number
  std::uint16_t port = 0;
  bool tcp = false;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// An external endpoint.
using Outside = std::pair<std::string, std::uint16_t>;

/// How far a TCP connection is.
enum class Stage { kBegun, kEstablished, kHalfClosed, kClosed, kReset };

struct Session {
  double inside_spoke = 0;       ///< when; or, before it has, when the session began
  double spoke = 0;              ///< either side
  bool answered_inside = false;  ///< the inside has spoken
  // Of TCP.
  Stage stage = Stage::kBegun;
  bool inside_closed_first = false;
  std::uint32_t inside_next = 0, outside_next = 0;  ///< sequence numbers

  bool is_over() const { return stage == Stage::kClosed || stage == Stage::kReset; }
  double end(bool tcp) const {
    if (!tcp) return inside_spoke + kUdpTimeout;
    return spoke + (stage == Stage::kEstablished ? kEstablishedTimeout : kTransitoryTimeout);
  }
};

struct Mapped {
  std::optional<Outside> outside;
  std::map<Endpoint, Session> sessions;
};

/// What comes out.
struct Seen {
  std::string source, destination;
  std::uint16_t source_port = 0, destination_port = 0;
};

/// Addresses of hosts, as text that compares.
class Hosts {
 public:
  explicit Hosts(bool ipv4) : ipv4_(ipv4) {}

  bool ipv4() const { return ipv4_; }
  /// Of number 0 to 1999: 198.18.10.1 and so on, or 2001:db8:8::1 and so on.
  std::string inside(std::uint32_t number) const {
    if (!ipv4_) return "2001:db8:8::" + hexadecimal(1 + number);
    return "198.18." + std::to_string(number / 200 * 2 + 10) + "." + std::to_string(1 + number % 200);
  }
  std::string outside(std::uint32_t number) const {
    return ipv4_ ? "198.18.1." + std::to_string(number) : "2001:db8:1::" + hexadecimal(number);
  }

  PacketBuilder packet(const std::string& from, const std::string& to) const {
    PacketBuilder builder;
    builder.ethernet();
    return ipv4_ ? builder.ipv4(from, to) : builder.ipv6(from, to);
  }
  Seen seen(Bytes packet) const {
    const Packet view = parsed(packet);
    const auto header = std::span<const std::byte>(packet).subspan(kEthernet);
    const std::size_t length = ipv4_ ? 4 : 16;
    const std::size_t at = ipv4_ ? 12 : 8;
    return {text(header.subspan(at, length)), text(header.subspan(at + length, length)), view.source_port.host(),
            view.destination_port.host()};
  }

 private:
  static std::string hexadecimal(std::uint32_t number) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "%x", number);
    return text.data();
  }
  static std::string text(std::span<const std::byte> address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(address.size() == 4 ? AF_INET : AF_INET6, address.data(), text.data(), text.size());
    return text.data();
  }

  bool ipv4_;
};

}  // namespace culvert::test
