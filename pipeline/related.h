// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "packet/packet.h"
#include "pipeline/session_stage.h"

namespace culvert {

/// An ICMP or ICMPv6 error passes when it quotes a packet that a session has sent, and goes to who sent it: TCP's
/// sequence number must be one that is on the way (RFC 5927 4.1). It neither refreshes nor ends the session (RFC 5508
/// REQ-5 and REQ-6 ask that of NAT; a firewall gains the same). What comes to an external address that is this host's,
/// too, and is about no session, is for the host. The packet has its next hop, or is dropped.
void admit_icmp_error(Packet& packet, const StatefulContext& context) noexcept;

}  // namespace culvert
