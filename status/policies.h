// SPDX-License-Identifier: Apache-2.0
// What is told about the policy that runs, as plain data: `show policies` and `policy test`. The members' names are the
// JSON's (docs/json.md).
#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "status/snapshot.h"

namespace culvert {

/// One rule as the configuration says it; an empty list is any.
struct PolicyRow {
  std::uint32_t position = 0;  ///< from 1
  std::string rule, description;
  std::vector<std::string> from, to, source, destination, service;
  std::string action;                   ///< permit, deny, reject
  std::string log;                      ///< none, open, close, both
  std::optional<std::string> schedule;  ///< null: always
  bool enabled = false;
  bool active = false;     ///< enabled, and its schedule holds now
  std::uint64_t hits = 0;  ///< new sessions (and denied packets) that it decided, since it is in the policy
};
BOOST_DESCRIBE_STRUCT(PolicyRow, (),
                      (position, rule, description, from, to, source, destination, service, action, log, schedule,
                       enabled, active, hits))

struct PolicyPage {
  std::vector<PolicyRow> policies;
  std::uint64_t total = 0;
  std::optional<std::string> next;  ///< the `after` of the next page; null at the end
  std::string default_action;
  bool default_log = false;
  std::uint64_t default_hits = 0;
};
BOOST_DESCRIBE_STRUCT(PolicyPage, (), (policies, total, next, default_action, default_log, default_hits))

/// A rule before the one that decides.
struct PolicyPassed {
  std::uint32_t position = 0;
  std::string rule;
  std::string why;  ///< the first thing that does not fit: disabled, from_zone, to_zone, source, destination, service
};
BOOST_DESCRIBE_STRUCT(PolicyPassed, (), (position, rule, why))

/// What the policy does with the first packet of a session, and why.
struct PolicyTest {
  std::string from_zone, to_zone, protocol, source, destination;
  OptionalCount source_port, destination_port;
  std::string action;
  OptionalCount position;           ///< null: no rule matches, the default decides
  std::optional<std::string> rule;  ///< the same
  bool log_open = false, log_close = false;
  std::uint64_t passed_total = 0;    ///< rules before it
  std::vector<PolicyPassed> passed;  ///< of them those that came closest, in their order
  // Where NAT makes it go, which the policy is asked about; null: where it says.
  std::optional<std::string> nat_destination_rule, nat_destination;
  OptionalCount nat_destination_port;
  // What source NAT does with it when it is permitted; null without `nat`.
  std::optional<std::string> nat_translate;               ///< a pool, "interface", "static", or "none"
  std::optional<std::string> nat_rule;                    ///< null: none matches
  std::optional<std::string> nat_source;                  ///< of "static": its address outside
  std::optional<std::string> nat_mapping, nat_filtering;  ///< of what is translated with its port
};
BOOST_DESCRIBE_STRUCT(PolicyTest, (),
                      (from_zone, to_zone, protocol, source, destination, source_port, destination_port, action,
                       position, rule, log_open, log_close, passed_total, passed, nat_destination_rule, nat_destination,
                       nat_destination_port, nat_translate, nat_rule, nat_source, nat_mapping, nat_filtering))

}  // namespace culvert
