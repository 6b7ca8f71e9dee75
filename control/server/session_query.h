// SPDX-License-Identifier: Apache-2.0
// What a client asks about sessions and the policy, read from its request. Names (zones, interfaces, rules, states) are
// still names: the server knows none of them. A key that is not understood is an error, so that a mistyped filter never
// clears more than was meant.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "config/address.h"

namespace culvert {

/// Which sessions: all that fit every part; what is not given fits.
struct SessionQuery {
  std::optional<ConfigPrefix> source, destination;
  std::optional<std::uint8_t> protocol;
  std::optional<std::uint16_t> port;  ///< of either side; TCP, UDP, SCTP
  std::optional<bool> ipv6;
  std::string zone, interface;  ///< of either side
  std::string state, policy;    ///< policy: a rule's name
  std::uint64_t min_age_s = 0;
  // Of translated sessions: what they have outside.
  std::optional<ConfigPrefix> external;
  std::optional<std::uint16_t> external_port;
  // Of those that share a port by a mapping (nat_mapping_query_in).
  bool mapped = false;
  std::optional<std::uint16_t> inside_port;

  /// Nothing is asked for: every session fits.
  bool is_any() const noexcept {
    return !source && !destination && !protocol && !port && !ipv6 && zone.empty() && interface.empty() &&
           state.empty() && policy.empty() && min_age_s == 0 && !external && !external_port && !inside_port;
  }
};

/// One look at the sessions: at most `limit` of them, from where the look before ended.
struct SessionPageQuery {
  SessionQuery which;
  std::size_t limit = 1000;
  std::string after;  ///< SessionPage::next; empty: from the beginning
};

struct SessionTopQuery {
  SessionQuery which;
  bool destinations = false;  ///< else sources
  bool by_bytes = false;      ///< else by sessions
  std::size_t limit = 10;
};

/// The first packet of a session that might be.
struct PolicyTestQuery {
  std::string from, to;  ///< zones; "none": interfaces without one
  ConfigAddress source, destination;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0, destination_port = 0;  ///< 0 for protocols without
  std::size_t limit = 10;                               ///< of rules that are explained
};

/// Rows of one answer: some milliseconds of control.
inline constexpr std::size_t kMostSessionRows = 1000;
inline constexpr std::size_t kMostTopRows = 1000;
/// The source port of a test that names none: where dynamic ports begin (RFC 6335 6).
inline constexpr std::uint16_t kTestedSourcePort = 49152;

Result<SessionPageQuery> session_page_query_in(const boost::json::object& request);
/// For the summary.
Result<SessionQuery> session_query_in(const boost::json::object& request);
Result<SessionTopQuery> session_top_query_in(const boost::json::object& request);
/// For clearing: without any filter "all" must be true, and with one it must not.
Result<SessionQuery> session_clear_query_in(const boost::json::object& request);
/// Which mappings of NAT, as the sessions that have them: with `mapped`, and `source` is their inside endpoint.
Result<SessionPageQuery> nat_mapping_page_query_in(const boost::json::object& request);
/// For clearing them: as session_clear_query_in().
Result<SessionQuery> nat_mapping_clear_query_in(const boost::json::object& request);
Result<PolicyTestQuery> policy_test_query_in(const boost::json::object& request);

/// TCP, UDP and SCTP.
bool has_ports(std::uint8_t protocol) noexcept;
bool is_icmp(std::uint8_t protocol) noexcept;

}  // namespace culvert
