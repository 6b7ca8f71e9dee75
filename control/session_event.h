// SPDX-License-Identifier: Apache-2.0
// A session's record as an event, in words and as fields (docs/operating.md, "Events"):
//
//   session_opened  tcp 198.18.0.2:1024 -> 192.0.2.1:443, trust (lan0) to internet (wan0): permit by rule 'out'
//   session_opened  tcp 198.18.0.2:1024 as 198.18.1.16:40512 -> 192.0.2.1:443, ...     (its source is translated)
//   session_closed  ...: closed after 12 s (2 s of them silent); 9 packets, 1234 bytes; answered by 8, 5678; rule 'out'
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "control/rule_names.h"
#include "control/session_filter.h"
#include "sessions/session_log.h"
#include "status/events.h"

namespace culvert {

struct SessionEvent {
  EventKind kind = EventKind::kSessionOpened;
  std::string text;
  std::vector<std::pair<std::string, std::string>> fields;
};

EventKind event_kind(const SessionRecord& record) noexcept;
SessionEvent session_event(const SessionRecord& record, const SessionNames& names, const RuleNames& rules);

}  // namespace culvert
