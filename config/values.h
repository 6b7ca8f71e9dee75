// SPDX-License-Identifier: Apache-2.0
// Single values as a person types them. Each parse function takes the whole text (no spaces around) and each to-text
// function gives the shortest text that parses to the same value. An Error says what is wrong and what would be right.
//
//   durations  500ms 10s 1.5m 0          ns us ms s m h; 0 needs no unit                    -> nanoseconds
//   sizes      64k 1GiB 4096             k M G and KiB MiB GiB are powers of 1024            -> bytes
//   counts     4096 64k 1.2M             k M G are powers of 1000                            -> that many
//   rates      100/s 1.5k/s              as counts, per second                               -> per second
//   ports      tcp/22 udp/53             protocol and port number
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "packet/address.h"

namespace culvert {

Result<std::uint64_t> parse_duration_ns(std::string_view text);
Result<std::uint64_t> parse_size_bytes(std::string_view text);
Result<std::uint64_t> parse_count(std::string_view text);
Result<std::uint64_t> parse_rate_per_second(std::string_view text);

std::string duration_text(std::uint64_t ns);
std::string size_text(std::uint64_t bytes);
std::string count_text(std::uint64_t count);  ///< always plain digits: 1200000
std::string rate_text(std::uint64_t per_second);

/// A port of a transport protocol: "tcp/22".
struct ProtocolPort {
  std::uint8_t protocol = 6;  ///< IANA protocol number: 6 TCP, 17 UDP, 132 SCTP
  std::uint16_t port = 0;     ///< 1..65535

  friend constexpr auto operator<=>(const ProtocolPort&, const ProtocolPort&) noexcept = default;
};

Result<ProtocolPort> parse_protocol_port(std::string_view text);
std::string to_text(const ProtocolPort& port);

/// A Result that holds text. Needed because Error, an aggregate, can be made of text too, which makes `return text;`
/// ambiguous.
inline Result<std::string> text_result(std::string text) {
  return Result<std::string>(boost::system::in_place_value, std::move(text));
}

/// Reads "00:00:5e:00:01:07": six bytes of two hexadecimal digits, upper or lower case.
Result<MacAddress> parse_mac_address(std::string_view text);
std::string to_text(const MacAddress& address);

/// Text as one YAML scalar: plain when YAML reads it back as that text, else in double quotes.
std::string yaml_scalar(std::string_view text);

}  // namespace culvert
