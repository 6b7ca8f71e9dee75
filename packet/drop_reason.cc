// SPDX-License-Identifier: Apache-2.0
#include "packet/verdict.h"

namespace culvert {
namespace {

constexpr std::array<DropReasonText, kDropReasons> kTexts{{
    {"none", "Not dropped."},
    {"ethernet_truncated", "The frame is shorter than an Ethernet header."},
    {"vlan_too_many", "The frame carries more than two VLAN tags."},
    {"not_ip", "The frame is neither IPv4 nor IPv6; XDP should have left it to the kernel."},
    {"ipv4_truncated", "The frame ends inside the IPv4 header."},
    {"ipv4_header_length", "The IPv4 header says version or header length that cannot be."},
    {"ipv4_total_length", "The IPv4 total length is larger than the frame or smaller than the header."},
    {"ipv4_checksum", "The IPv4 header checksum is wrong; look for a bad link or NIC on the way here."},
    {"ipv4_options", "The length of an IPv4 option goes past the header."},
    {"ipv6_truncated", "The frame ends inside the IPv6 header, or its version is not 6."},
    {"ipv6_payload_length", "The IPv6 payload length is larger than the frame."},
    {"ipv6_extension_truncated", "The packet ends inside an IPv6 extension header (RFC 7112)."},
    {"ipv6_extension_too_many",
     "The IPv6 header chain has more extension headers, or options for each hop, than are walked."},
    {"ipv6_extension_bad",
     "An IPv6 extension header stands where it must not (hop-by-hop not first, a second fragment header), or an option "
     "in "
     "it is malformed."},
    {"fragment_bad",
     "A fragment goes past 65535 bytes, is empty, is not a multiple of 8 long, or would overwrite a TCP header (RFC "
     "1858)."},
    {"transport_truncated", "The packet ends inside its TCP, UDP, ICMP, SCTP or GRE header."},
    {"transport_length", "The transport header's own length field contradicts the packet."},
    {"source_martian", "The source address cannot be a source: loopback, multicast, broadcast or unspecified."},
    {"destination_martian", "The destination address cannot be routed: loopback or unspecified."},
    {"source_link_local", "A link-local source must not be forwarded (RFC 4291 2.5.6, RFC 3927 7)."},
    {"destination_link_local", "A link-local destination must not be forwarded (RFC 4291 2.5.6, RFC 3927 7)."},
    {"multicast", "Multicast and broadcast are not forwarded; the kernel gets its own copy in XDP."},
    {"source_route", "The packet carries a source route option or a type 0 routing header (RFC 5095, RFC 7126)."},
    {"ttl_expired", "TTL or hop limit reached zero here; a time-exceeded message was sent if the rate allows."},
    {"no_route", "No route leads to the destination; see `culvert show routes`."},
    {"route_blackhole", "The route to the destination is a blackhole."},
    {"route_unreachable",
     "The route to the destination is of type unreachable; a message was sent if the rate allows."},
    {"route_prohibit", "The route to the destination is of type prohibit; a message was sent if the rate allows."},
    {"packet_too_big", "Larger than the egress MTU and not to be fragmented; the sender was told if the rate allows."},
    {"fragmentation_failed", "An IPv4 packet had to be fragmented and could not: bad options or no free frames."},
    {"fragment_overlap",
     "Fragments of one datagram overlap or disagree about its end; all of them are dropped (RFC 5722): an attack, or a "
     "broken sender."},
    {"fragment_duplicate",
     "A second copy of a fragment that waits for the rest of its datagram, which goes on without it."},
    {"fragment_timeout", "The rest of its datagram did not come in time; look for loss on the way here."},
    {"fragment_queue_full", "Too many fragments wait for the rest of their datagrams; the oldest datagram had to go."},
    {"fragment_source_share",
     "As many fragments of one source (IPv4 address, IPv6 /64) wait as may; a flood, or much loss on the way here."},
    {"datagram_too_many_fragments", "A datagram came in more than 64 fragments; all of them are dropped."},
    {"datagram_spoiled", "A fragment of a datagram that was given up because of another of its fragments."},
    {"neighbor_pending_full",
     "Too many packets wait for neighbours; one for the neighbour with most of them had to go."},
    {"neighbor_timeout", "The next hop did not answer ARP or ND in time; see `culvert show neighbors`."},
    {"interface_unknown", "The route leads out of an interface that Culvert does not own."},
    {"interface_down", "The egress interface is down."},
    {"transmit_queue_full", "The tx ring of the egress lane is full: the link is slower than what is offered."},
    {"transmit_failed",
     "The driver did not take the packet that the kernel had accepted (EBUSY: its queue was full, or the packet too "
     "long)."},
    {"handoff_full", "The hand-off ring to the worker that owns the egress lane is full."},
    {"punt_full", "The queue of packets for the kernel is full."},
    {"punt_failed", "The kernel did not take the packet from the tun."},
    {"no_frames", "No free frame for a packet that had to be made."},
    {"worker_stopping", "The packet was held or queued when its worker or its lane stopped."},
    {"reverse_path", "No route leads back to the source, or not by the interface where the packet came in (RFC 3704)."},
    {"policy_deny", "A rule of the policy, or its default, denies it; see `culvert show policies`."},
    {"policy_reject", "A rule of the policy rejects it; the sender was told if the rate allows."},
    {"policy_changed", "The session was allowed by an earlier policy; the one of now denies it, and it was closed."},
    {"session_zone", "The packet of a session came in from another zone than the session's packets do."},
    {"session_table_full", "No room for another session; see `culvert show system buffers`."},
    {"session_half_open_full", "Too many TCP sessions whose handshake is not done: a flood of SYNs, most likely."},
    {"session_reply_taken", "The answers of the new session would look like those of another one."},
    {"session_no_place", "Every bucket of the session table where it may live is full."},
    {"tcp_no_session", "A TCP segment that begins no connection, of none that is known."},
    {"tcp_flags", "TCP flags that no sender means: SYN with FIN or RST, RST with FIN, or neither SYN, RST nor ACK."},
    {"tcp_out_of_window", "The TCP segment lies outside what its sender may send or acknowledge now (RFC 9293 3.4)."},
    {"tcp_handshake", "The TCP segment does not fit the handshake that is under way."},
    {"tcp_closed", "The TCP connection was reset."},
    {"icmp_unsolicited", "An ICMP message that answers nothing and is no echo request, or a redirect."},
    {"icmp_quote_bad", "The ICMP error quotes too little of a packet, or no packet, to know whose it is."},
    {"icmp_unrelated", "The ICMP error is about a packet of no session, or one that its sender can't have sent."},
    {"screen_land", "The packet comes from the address that it goes to (CVE-1999-0016)."},
    {"screen_winnuke", "A TCP segment with urgent data to port 139 (CVE-1999-0153)."},
    {"screen_syn_fin", "A TCP segment with SYN and FIN: a scan that hopes to pass filters."},
    {"screen_no_flags", "A TCP segment without any flag: a scan that hopes to pass filters."},
    {"screen_fin_no_ack", "A TCP segment with FIN and without ACK: a scan that hopes to pass filters."},
    {"screen_source_route", "The packet carries a source route, and the screen of its zone refuses them."},
    {"screen_tiny_fragment",
     "A fragment that is not the last one and shorter than any sender makes them (IPv4 68 bytes, IPv6 640): it hides "
     "headers from filters."},
    {"screen_icmp_flood", "More ICMP packets of no session to one destination than the zone's screen lets through."},
    {"screen_udp_flood", "More UDP packets of no session to one destination than the zone's screen lets through."},
    {"screen_syn_flood",
     "More TCP connections begin than the zone's screen lets through; the SYN was answered by a SYN cookie if it could "
     "be."},
    {"screen_port_scan", "One source tries many ports of one destination."},
    {"screen_address_sweep", "One source tries many destinations."},
    {"source_sessions", "The source (IPv4 address, IPv6 /64) has as many sessions as its zone's limit allows."},
    {"source_rate", "The source (IPv4 address, IPv6 /64) begins sessions faster than its zone's limit allows."},
    {"zone_rate", "The zone begins sessions faster than its limit allows, and this source has had its share."},
    {"syn_proxy_waits",
     "A segment of a client that came by a SYN cookie, before its server has answered; it is sent again."},
    {"nat_ports_exhausted", "Every external port that the new session could have is taken."},
    {"nat_no_address",
     "The interface with whose address the new session is to leave has none of its family; or RFC 6296 "
     "has no other address for one of its own."},
    {"nat_no_mapping", "A packet to an external address that belongs to no session and is not for this host."},
    {"nat_target_local", "A rule of destination NAT leads the new session to an address of this host itself."},
    {"nat_filtered", "A packet of no session to a host's mapping, from somebody whom its filtering does not let in."},
    {"nat_mappings_full", "The new session needs a mapping, and there are as many as there may be."},
}};

}  // namespace

const DropReasonText& drop_reason_text(DropReason reason) noexcept {
  const auto index = static_cast<std::size_t>(reason);
  return kTexts[index < kDropReasons ? index : 0];
}

static_assert(kTexts.back().name == "nat_mappings_full", "one text for each reason, in enum order");

}  // namespace culvert
