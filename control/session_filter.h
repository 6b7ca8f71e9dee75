// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/rule_names.h"
#include "control/server/session_query.h"
#include "policy/rules.h"
#include "sessions/session_reader.h"

namespace culvert {

/// What the numbers in sessions are called.
struct SessionNames {
  std::vector<std::string> zones;       ///< by number; kNoZone is "none"
  std::vector<std::string> interfaces;  ///< by number
  const RuleSet* rules = nullptr;       ///< sessions of `generation` mean its positions; outlives this
  std::uint16_t generation = 0;

  std::string zone(std::uint8_t number) const;
  std::string interface(std::uint8_t number) const;
};

/// Of a session for people: TCP's states; for everything else whether anybody has answered.
std::string_view session_state(const FlowHead& original, const FlowHead& reply) noexcept;

/// Whether the address is one of the prefix; one of the other family is not.
bool prefix_holds(const ConfigPrefix& prefix, Ipv4Address address) noexcept;
bool prefix_holds(const ConfigPrefix& prefix, const Ipv6Address& address) noexcept;

/// Which sessions are meant. Names have become numbers, so a session is looked at in some nanoseconds.
class SessionFilter {
 public:
  /// Errors: there is no such zone, interface, rule or state.
  static Result<SessionFilter> of(const SessionQuery& query, const SessionNames& names);

  /// `now_s`: seconds of CLOCK_MONOTONIC.
  template <typename Tuple>
  bool fits(const SessionView<Tuple>& session, std::uint32_t now_s) const noexcept;

 private:
  SessionQuery query_;
  std::optional<std::uint8_t> zone_, interface_;
  std::optional<RuleIndex> rule_;
  std::uint16_t generation_ = 0;
};

extern template bool SessionFilter::fits(const SessionView<FiveTuple4>&, std::uint32_t) const noexcept;
extern template bool SessionFilter::fits(const SessionView<FiveTuple6>&, std::uint32_t) const noexcept;

}  // namespace culvert
