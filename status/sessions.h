// SPDX-License-Identifier: Apache-2.0
// What is told about single sessions and about all of them, as plain data: `show sessions`, its summary and its top,
// `clear sessions`. The members' names are the JSON's (docs/json.md).
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "status/snapshot.h"

namespace culvert {

/// One session, from the side that began it: 198.18.0.1:1024 in trust spoke to 192.0.2.1:443 in internet first.
struct SessionRow {
  std::uint32_t worker = 0;
  std::string protocol;  ///< tcp, udp, icmp, ...; protocol/N for those without a name
  std::string source;
  OptionalCount source_port;  ///< null for protocols without ports
  std::string destination;
  OptionalCount destination_port;
  OptionalCount icmp_id;
  // What its packets have outside instead; null when that is the same.
  std::optional<std::string> translated_source;
  OptionalCount translated_source_port, translated_icmp_id;
  std::optional<std::string> translated_destination;  ///< where they go instead; null when that is the same
  OptionalCount translated_destination_port;
  std::string from_zone, to_zone;  ///< "none" for interfaces without a zone
  std::string in_interface, out_interface;
  /// "default"; "(nat mapping)"; null: it was let in by an earlier policy and has been silent since.
  std::optional<std::string> rule;
  std::string state;  ///< TCP's (established, ...); else replied, unreplied
  std::uint64_t age_s = 0, idle_s = 0;
  std::uint64_t expires_in_s = 0;  ///< unless a packet passes
  std::uint64_t packets = 0, bytes = 0, reply_packets = 0, reply_bytes = 0;
};
BOOST_DESCRIBE_STRUCT(SessionRow, (),
                      (worker, protocol, source, source_port, destination, destination_port, icmp_id, translated_source,
                       translated_source_port, translated_icmp_id, translated_destination, translated_destination_port,
                       from_zone, to_zone, in_interface, out_interface, rule, state, age_s, idle_s, expires_in_s,
                       packets, bytes, reply_packets, reply_bytes))

/// What one look at a bounded part of the tables has found; nothing is no sign that there is no more.
struct SessionPage {
  std::vector<SessionRow> sessions;
  std::uint64_t total = 0;          ///< sessions now, whatever was asked for
  std::optional<std::string> next;  ///< where the next look begins; null: all was seen
};
BOOST_DESCRIBE_STRUCT(SessionPage, (), (sessions, total, next))

struct SessionStateCount {
  std::string protocol, state;
  std::uint64_t sessions = 0, packets = 0, bytes = 0;  ///< of both directions
};
BOOST_DESCRIBE_STRUCT(SessionStateCount, (), (protocol, state, sessions, packets, bytes))

struct SessionZoneCount {
  std::string from_zone, to_zone;
  std::uint64_t sessions = 0, packets = 0, bytes = 0;
};
BOOST_DESCRIBE_STRUCT(SessionZoneCount, (), (from_zone, to_zone, sessions, packets, bytes))

struct SessionSummary {
  std::uint64_t sessions = 0, ipv4 = 0, ipv6 = 0;  ///< that fit what was asked for
  std::vector<SessionStateCount> states;           ///< most sessions first
  std::vector<SessionZoneCount> zones;
};
BOOST_DESCRIBE_STRUCT(SessionSummary, (), (sessions, ipv4, ipv6, states, zones))

struct SessionTopRow {
  std::string address;
  std::uint64_t sessions = 0, packets = 0, bytes = 0;
};
BOOST_DESCRIBE_STRUCT(SessionTopRow, (), (address, sessions, packets, bytes))

struct SessionTop {
  std::string of;  ///< sources, destinations
  std::string by;  ///< sessions, bytes
  std::vector<SessionTopRow> rows;
  std::uint64_t addresses = 0;          ///< that were counted
  std::uint64_t sessions = 0;           ///< that were counted
  std::uint64_t sessions_left_out = 0;  ///< of further addresses: there were too many to remember
};
BOOST_DESCRIBE_STRUCT(SessionTop, (), (of, by, rows, addresses, sessions, sessions_left_out))

struct SessionsCleared {
  std::uint64_t matched = 0;  ///< sessions that fitted when they were looked at
  std::uint64_t cleared = 0;  ///< of them; the others had ended by themselves
};
BOOST_DESCRIBE_STRUCT(SessionsCleared, (), (matched, cleared))

}  // namespace culvert
