// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/cell.h"
#include "base/time.h"
#include "control/session_event.h"

namespace culvert {

/// One worker's session log as control empties it: records become events.
class SessionLogReader {
 public:
  /// The log outlives it.
  explicit SessionLogReader(SessionLog& log) noexcept : log_(log) { gauge_.max.set(kSessionRecords); }
  SessionLogReader(const SessionLogReader&) = delete;
  SessionLogReader& operator=(const SessionLogReader&) = delete;

  bool empty() const noexcept { return log_.waiting() == 0; }
  /// An event for each record that waits, kSessionRecords at most. Records that the rate limit of their kind takes away
  /// cost some nanoseconds, and are counted as lost events. What the log itself has lost since it was told last stands
  /// in the next event, as `records_lost`. `now` and `time_unix_ms` are one moment.
  void read(const SessionNames& names, const RuleNames& rules, EventLog& events, Now now, std::uint64_t time_unix_ms);

  /// ResourceKind::kSessionLog.
  const Gauge& gauge() const noexcept { return gauge_; }
  void clear_peak() noexcept { gauge_.clear_peak(); }

 private:
  void observe() noexcept;

  SessionLog& log_;
  Gauge gauge_;
  std::uint64_t told_of_lost_ = 0;
};

}  // namespace culvert
