// SPDX-License-Identifier: Apache-2.0
#include "status/resource.h"

#include <array>
#include <fmt/format.h>

namespace culvert {
namespace {

constexpr std::array<ResourceText, kResourceKinds> kTexts{{
    {"umem_frames", "Frames at home with one worker; used are those not in its pool.",
     "Nothing new is received on this worker's lanes until frames come back; tx backlog is dropped before rx starves.",
     "worker"},
    {"rx_ring", "Packets that the kernel has put into the AF_XDP rx ring and the worker has not taken.",
     "The kernel drops the newest packet and counts it (kernel_rx_ring_full).", "interface/queue"},
    {"fill_ring", "Free frames given to the kernel to receive into; used are those it has not taken.",
     "Normal: full means that the kernel has all the frames it can be given; the rest stay in the pool.",
     "interface/queue", true},
    {"tx_ring", "Packets queued for the kernel to send.",
     "The newest packet is dropped (transmit_queue_full); receiving goes on.", "interface/queue"},
    {"completion_ring", "Sent frames that the kernel gave back and the worker has not taken.",
     "The kernel sends nothing more on this lane until the worker takes them, which it does every turn.",
     "interface/queue"},
    {"handoff_ring", "Packets on the way from another worker to this one.",
     "The newest packet is dropped by the sender (handoff_full).", "worker"},
    {"handoff_frames", "Free frames on the way home from this worker to others; the fullest of these rings.",
     "They wait with the sender until its next turn; none is lost.", "worker"},
    {"punt_queue", "Packets for the kernel that wait to be written to the tun.",
     "The newest packet is dropped (punt_full).", "worker"},
    {"pending_neighbors", "Packets that wait until their next hop has answered ARP or ND.",
     "The oldest packet of the neighbour with most of them is dropped to make room (neighbor_pending_full).", "worker"},
    {"neighbor_requests", "Requests to resolve a neighbour that control has not taken from this worker.",
     "The request is not made: the next packet to that neighbour asks again.", "worker"},
    {"command_queue", "Commands from control that this worker has not applied.",
     "The command is refused and said; a snapshot goes out again when the worker turns. Packets are not affected.",
     "worker"},
    {"interfaces", "Interfaces that Culvert owns.", "A configuration with more interfaces is refused as a whole.",
     "culvertd"},
    {"ipv4_routes", "IPv4 routes mirrored from the kernel: tables main and local, each metric.",
     "New routes are not mirrored: counted, an event, and their packets follow a shorter prefix or none (no_route). "
     "They come a minute or more after there is room.",
     "culvertd"},
    {"ipv6_routes", "IPv6 routes mirrored from the kernel: tables main and local, each metric.",
     "New routes are not mirrored: counted, an event, and their packets follow a shorter prefix or none (no_route). "
     "They come a minute or more after there is room.",
     "culvertd"},
    {"ipv4_lpm_groups",
     "Second-level blocks of the IPv4 longest-prefix table, for prefixes longer than its first level.",
     "A prefix that needs a new block is not written: counted, an event; tried again when blocks are free.",
     "culvertd"},
    {"ipv6_lpm_groups", "Blocks of the IPv6 longest-prefix table.",
     "A prefix that needs a new block is not written: counted, an event; tried again when blocks are free.",
     "culvertd"},
    {"next_hops", "Distinct next hops of all routes, including those that wait for workers to let go of them.",
     "A route that needs a new one answers unreachable, a multipath route leaves that way out, packets to a new "
     "neighbour are dropped (neighbor_timeout): counted, an event; tried again when some are free.",
     "culvertd"},
    {"multipath_groups", "Sets of next hops that routes share their packets among (ECMP).",
     "A multipath route that needs a new group uses its first next hop only: counted, an event; tried again when one "
     "is free.",
     "culvertd"},
    {"neighbors", "Neighbours mirrored from the kernel.",
     "A new neighbour is not mirrored; packets to it wait and are dropped (neighbor_timeout).", "culvertd"},
    {"managed_neighbors", "Neighbours that the kernel is asked to keep fresh because packets use them.",
     "Further neighbours are resolved on demand and may age out: a packet may then wait for one.", "culvertd"},
    {"deny_list", "Source prefixes that the XDP program drops.",
     "A configuration with more prefixes is refused as a whole.", "culvertd"},
    {"local_addresses", "Addresses of this host that the XDP program knows.",
     "Packets to further addresses are redirected and punted instead of passed in XDP: slower, not lost.", "culvertd"},
    {"failsafe_ports", "TCP, UDP and SCTP ports of this host that XDP passes whatever state Culvert is in.",
     "A configuration with more ports is refused as a whole.", "culvertd"},
    {"further_stations", "Ethernet addresses whose packets an interface takes besides those to its own.",
     "A configuration with more addresses is refused as a whole.", "interface"},
    {"control_connections", "Clients of the control socket.", "The new client is told so and closed.", "culvertd"},
    {"watcher_backlog", "Bytes that wait for the slowest client of `culvert watch`.",
     "That client is closed and counted; nobody else notices.", "culvertd"},
    {"event_history", "Past events that `show events` and `watch events --from-start` can still tell.",
     "Normal: the oldest event is forgotten.", "culvertd", true},
    {"published_status", "Bytes of the status text that is published to the agent.",
     "The text is not published: the agent serves the one before, with its age, and /healthz fails.", "culvertd"},
    {"agent_connections", "HTTP clients of the agent (/metrics, /healthz, /status.json).",
     "The new client is closed and counted.", "agent"},
    {"sessions", "Sessions of one worker, IPv4 and IPv6 together; only with a policy.",
     "The idlest neighbour in the table that is not established makes way; when there is none the new session is "
     "refused (session_table_full). Established sessions go on.",
     "worker"},
    {"half_open_sessions", "TCP sessions of one worker whose handshake is not done.",
     "The idlest neighbour whose handshake is not done makes way; when there is none the new one is refused "
     "(session_half_open_full). Other sessions begin as ever.",
     "worker"},
    {"fragments", "Fragments that wait with one worker for the rest of their datagrams; only with a policy.",
     "The datagram whose fragments came first is dropped to make room (fragment_queue_full).", "worker"},
    {"session_log",
     "Records of this worker for the log of sessions that control has not made events of; only with a policy.",
     "The record is lost and counted, the next event says how many were (records_lost). Packets are not affected.",
     "worker"},
    {"policy_rules", "Rules of the policy.", "A configuration with more rules is refused as a whole.", "culvertd"},
    {"zones", "Zones of the configuration; only with a policy.",
     "A configuration with more zones is refused as a whole.", "culvertd"},
    {"screens", "Screens of the configuration; only with a policy.",
     "A configuration with more screens is refused as a whole.", "culvertd"},
    {"address_sets", "Address sets of the policy.", "A configuration with more sets is refused as a whole.",
     "culvertd"},
    {"policy_prefixes", "Prefixes of all address sets of the policy together, with those of their files.",
     "A configuration with more prefixes is refused as a whole.", "culvertd"},
    {"services", "Services of the policy.", "A configuration with more services is refused as a whole.", "culvertd"},
    {"schedules", "Schedules of the policy.", "A configuration with more schedules is refused as a whole.", "culvertd"},
    {"session_work", "Commands of clients that count or clear sessions and go through whole tables, at once.",
     "The command is refused, and its client told to try again.", "culvertd"},
    {"sources", "Addresses whose sessions or packets are counted by limits and flood screens, of all workers together.",
     "An address that finds no place is not limited.", "culvertd"},
    {"scans", "Sources that tried something in the last ten seconds, as screens against scans count them.",
     "A source that has tried hardly anything makes way; when there is none nearby the new one is not counted.",
     "culvertd"},
    {"nat_rules",
     "Rules of `nat`, by list; `services` are those of `destination`, each service of a rule counted. Only with `nat`.",
     "A configuration with more rules is refused as a whole.", "list"},
    {"nat_prefixes",
     "Prefixes of the rules of `nat.source`, a set's counted for each rule that names it. Only with `nat`.",
     "A configuration with more prefixes is refused as a whole.", "culvertd"},
    {"external_addresses", "Addresses of NAT that have ports, or of which sessions still have some; only with `nat`.",
     "A further address gives none: an event; tried again every second.", "culvertd"},
    {"nat_ports",
     "Ports of a pool's addresses that sessions have, by protocol, of all workers together; its failures are of single "
     "addresses.",
     "A new session that needs one is refused (nat_ports_exhausted). Others go on.", "pool/protocol"},
    {"nat_mappings",
     "Endpoint-independent mappings, and further addresses that one has sessions with; as many as the worker may have "
     "sessions (sessions.max). Only with `nat`.",
     "A new session that needs one is refused (nat_mappings_full); from seven eighths on, a further address that a "
     "host has a session with can't begin sessions with it.",
     "worker"},
}};

constexpr bool every_text_is_there() {
  for (const ResourceText& text : kTexts) {
    if (text.name.empty() || text.sentence.empty() || text.when_full.empty() || text.scope.empty()) return false;
  }
  return true;
}
static_assert(every_text_is_there(), "each kind has its name, its sentence, its line for full and its scope");
static_assert(kTexts.back().name == "nat_mappings", "one text for each kind, in enum order");

}  // namespace

const ResourceText& resource_text(ResourceKind kind) noexcept {
  return kTexts[static_cast<std::size_t>(kind)];
}

std::string resources_document() {
  std::string text =
      "# Resources\n\n"
      "Everything bounded in Culvert is in this table, and has a row in `culvert show system buffers detail`: its max, "
      "how\n"
      "much is used, the highest it was (since start or `culvert clear system buffers peak`), and how often it was "
      "full.\n"
      "This file is made from the table in `status/resource.cc`; a test keeps it in step.\n\n"
      "| resource | scope | what it is | when full |\n|---|---|---|---|\n";
  for (const ResourceText& row : kTexts) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", row.name, row.scope, row.sentence, row.when_full);
  }
  text +=
      "\nA row is WARNING from 80 % and CRITICAL from 90 % on, computed from the exact numbers. A resource whose full "
      "state\n"
      "is normal (fill_ring, event_history) never warns.\n";
  return text;
}

}  // namespace culvert
