// SPDX-License-Identifier: Apache-2.0
// What `show system buffers` says, before it is text or JSON: the rule for OK, WARNING and CRITICAL, and the aggregate
// over the members of one resource kind. The aggregate has the status of its worst member and names it: a tx ring at
// 97.7 % on one worker must not read "49.3 % OK" because the other one is empty.
#pragma once

#include <boost/describe/class.hpp>
#include <optional>
#include <string>
#include <vector>

#include "status/snapshot.h"

namespace culvert {

enum class BufferState { kOk, kWarning, kCritical };

/// "OK", "WARNING", "CRITICAL".
std::string_view buffer_state_text(BufferState state) noexcept;

/// WARNING from 80 % on, CRITICAL from 90 % on, in whole numbers: 799 of 1000 is OK however it is rounded for display.
BufferState buffer_state(std::uint64_t used, std::uint64_t max) noexcept;

struct BufferRow {
  std::string resource, scope;
  OptionalCount max, used, peak, failures;
  OptionalRate usage_percent;
  std::optional<std::string> status;  ///< null when unknown
  std::optional<std::string> unknown;
};
BOOST_DESCRIBE_STRUCT(BufferRow, (), (resource, scope, max, used, peak, failures, usage_percent, status, unknown))

/// All members of one kind; the numbers are sums over the members that are known. So is `peak`: the members' peaks may
/// be of different moments, and then together they never held as much. It is an upper bound, which no reader that looks
/// once a second could make exact, and used <= peak <= max holds as it does for each member.
struct BufferAggregate {
  std::string resource, scope;  ///< the member's own scope when there is only one, else "2 of 3 known"
  std::uint32_t members = 0, unknown_members = 0;
  OptionalCount max, used, peak, failures;
  OptionalRate usage_percent;         ///< of the sums
  std::optional<std::string> status;  ///< of the worst member
  std::optional<std::string> worst_scope;
  OptionalRate worst_usage_percent;
  std::optional<std::string> unknown;  ///< why, when no member is known
};
BOOST_DESCRIBE_STRUCT(BufferAggregate, (),
                      (resource, scope, members, unknown_members, max, used, peak, failures, usage_percent, status,
                       worst_scope, worst_usage_percent, unknown))

struct BufferWarning {
  std::string status, resource, scope, text;
};
BOOST_DESCRIBE_STRUCT(BufferWarning, (), (status, resource, scope, text))

struct BufferReport {
  std::string status;                      ///< the worst of all
  std::vector<BufferAggregate> resources;  ///< one row a kind
  std::vector<BufferRow> detail;           ///< one row a worker, lane or pool
  std::vector<BufferWarning> warnings;     ///< each full thing once
  std::vector<PressureStatus> pressure;    ///< those that are not zero
  std::vector<NamedCount> frames;          ///< by holder
  std::optional<SessionStatus> sessions;
};
BOOST_DESCRIBE_STRUCT(BufferReport, (), (status, resources, detail, warnings, pressure, frames, sessions))

BufferReport buffer_report(const StatusSnapshot& snapshot);

/// Exit code of `--check`: 0 OK, 1 WARNING, 2 CRITICAL. (3, daemon not reachable, is the CLI's.)
int check_exit_code(const BufferReport& report) noexcept;

/// 97.7, cut off and not rounded, so that 89.99 does not read "90.0 %" beside WARNING.
std::string percent_text(const OptionalRate& percent);

}  // namespace culvert
