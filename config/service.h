// SPDX-License-Identifier: Apache-2.0
// Protocols as a person types them, with ports or types:
//
//   tcp  udp  sctp                   every port
//   tcp/80  tcp/1024-2047            the destination's port
//   udp/123 from 123                 and the source's; also a range, and "udp from 123"
//   icmp  icmp/8  icmp/3/4           every type, every code of a type, one code; also icmp/echo-request
//   icmpv6/128  icmpv6/echo-reply
//   gre  esp  ah  protocol/89        by number: RFC 5237 and IANA's list of protocol numbers
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "policy/rules.h"

namespace culvert {

Result<ServiceMatch> parse_service(std::string_view text);
/// The shortest text that reads back as the same; of one protocol (any_protocol is not written as a service).
std::string to_text(const ServiceMatch& service);

/// Reads "80" or "1024-2047"; none of them is 0: no datagram that a session is made of has that port.
std::optional<PortRange> parse_ports(std::string_view text);
std::string ports_text(const PortRange& ports);

/// Whether a word alone is a protocol: no service may have this name.
bool is_protocol(std::string_view word);

}  // namespace culvert
