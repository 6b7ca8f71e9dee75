// SPDX-License-Identifier: Apache-2.0
// What is told about NAT, as plain data: `show nat rules`, `show nat pools` and `show nat mappings`. The members' names
// are the JSON's (docs/json.md).
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace culvert {

/// A rule as the configuration says it.
struct NatRuleRow {
  std::string kind;            ///< destination, static or source
  std::uint32_t position = 0;  ///< among those of its kind, from 1
  std::string rule;
  std::string description;
  std::vector<std::string> from, to;  ///< zones; empty: any. Of static ones `to` is `outside`
  std::vector<std::string> source;    ///< empty: any; of static ones `internal`
  std::vector<std::string> destination;
  std::vector<std::string> service;
  std::string translate;                ///< what the source (static: it, too) or the destination becomes
  std::string port;                     ///< what its port becomes; empty: it stays, or NAT chooses it
  std::string family;                   ///< ipv4, ipv6 or both
  std::string mapping, filtering, log;  ///< of source ones
  bool checksum_neutral = false;        ///< of static ones
  bool enabled = true;
  std::uint64_t hits = 0;  ///< sessions that it has decided about when they began
};
BOOST_DESCRIBE_STRUCT(NatRuleRow, (),
                      (kind, position, rule, description, from, to, source, destination, service, translate, port,
                       family, mapping, filtering, log, checksum_neutral, enabled, hits))

struct NatRulePage {
  std::vector<NatRuleRow> rules;  ///< in the order in which they are asked: destination, static, source
  std::uint64_t total = 0;
  std::optional<std::string> next;  ///< the `after` of the next page; null at the end
};
BOOST_DESCRIBE_STRUCT(NatRulePage, (), (rules, total, next))

/// An address' ports of one protocol, of all workers together.
struct NatPortUse {
  std::uint64_t max = 0;      ///< that can be given or are
  std::uint64_t used = 0;     ///< that sessions have
  std::uint64_t peak = 0;     ///< sum of the workers' peaks
  std::uint64_t refused = 0;  ///< how often none was free; the session may have got one of another address
};
BOOST_DESCRIBE_STRUCT(NatPortUse, (), (max, used, peak, refused))

struct NatAddressRow {
  std::string pool;  ///< or "interface wan0"
  std::string address;
  std::string state;  ///< used; retired: not configured any more, but sessions have ports of it
  std::uint32_t first_port = 0, last_port = 0;  ///< 0 and 0: it gives none
  std::uint64_t excluded = 0;                   ///< ports of the range that are the host's own
  NatPortUse tcp, udp, icmp, sctp;
};
BOOST_DESCRIBE_STRUCT(NatAddressRow, (), (pool, address, state, first_port, last_port, excluded, tcp, udp, icmp, sctp))

struct NatPools {
  std::vector<NatAddressRow> addresses;
  std::uint64_t total = 0, max = 0;        ///< addresses; nat.addresses_max
  std::vector<std::string> without_place;  ///< addresses that found none of them free
  std::optional<std::string> next;         ///< the `after` of the next page; null at the end
};
BOOST_DESCRIBE_STRUCT(NatPools, (), (addresses, total, max, without_place, next))

/// An endpoint-independent mapping (RFC 4787 4.1).
struct NatMappingRow {
  std::uint32_t worker = 0;
  std::string protocol;
  std::string inside;
  std::uint32_t inside_port = 0;  ///< of ICMP queries the identifier, as outside
  std::string outside;
  std::uint32_t outside_port = 0;
  std::uint64_t sessions = 0;       ///< that have it
  std::uint64_t open_sessions = 0;  ///< of them: had packets from inside; 0: nobody further is let in
  std::uint64_t age_s = 0;
};
BOOST_DESCRIBE_STRUCT(NatMappingRow, (),
                      (worker, protocol, inside, inside_port, outside, outside_port, sessions, open_sessions, age_s))

/// What one look at a bounded part of the tables has found; nothing is no sign that there is no more.
struct NatMappingPage {
  std::vector<NatMappingRow> mappings;
  std::uint64_t total = 0;          ///< mappings now, and further addresses that some have sessions with
  std::optional<std::string> next;  ///< where the next look begins; null: all was seen
};
BOOST_DESCRIBE_STRUCT(NatMappingPage, (), (mappings, total, next))

}  // namespace culvert
