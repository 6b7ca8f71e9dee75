// SPDX-License-Identifier: Apache-2.0
#include "control/session_log_reader.h"

#include <string>
#include <utility>

namespace culvert {

void SessionLogReader::observe() noexcept {
  gauge_.observe(log_.waiting());
  gauge_.failures.set(log_.lost());
}

void SessionLogReader::read(const SessionNames& names, const RuleNames& rules, EventLog& events, Now now,
                            std::uint64_t time_unix_ms) {
  observe();
  SessionRecord record;
  for (std::size_t i = 0; i < kSessionRecords && log_.take(record); ++i) {
    if (events.limited(event_kind(record), now)) continue;
    SessionEvent event = session_event(record, names, rules);
    const std::uint64_t lost = log_.lost();
    if (lost != told_of_lost_) {
      event.fields.emplace_back("records_lost", std::to_string(lost - std::exchange(told_of_lost_, lost)));
    }
    // It is told some milliseconds after it has happened.
    const std::uint64_t ago_ms = now > record.time ? (now - record.time) / kNanosecondsPerMillisecond : 0;
    events.produce(event.kind, now, time_unix_ms - ago_ms, std::move(event.text), std::move(event.fields));
  }
  observe();
}

}  // namespace culvert
