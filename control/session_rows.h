// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "control/session_filter.h"
#include "control/session_walk.h"
#include "sessions/timeouts.h"
#include "status/sessions.h"

namespace culvert {

/// When sessions are looked at, and how long they may be silent then.
struct SessionClock {
  Now now = 0;
  SessionTimeouts timeouts;

  std::uint32_t seconds() const noexcept { return static_cast<std::uint32_t>(now / kNanosecondsPerSecond); }
};

/// One session as people read it.
template <typename Tuple>
SessionRow session_row(WorkerIndex worker, const SessionView<Tuple>& session, const SessionNames& names,
                       const SessionClock& clock);

/// The sessions that fit, of a bounded part of the tables: at most `query.limit`, and at most kSlotsAtOnce slots are
/// looked at, so a page may be empty and still have a `next`. `total` is left to the caller.
Result<SessionPage> session_page(const std::vector<const SessionShard::Memory*>& workers, const SessionPageQuery& query,
                                 const SessionNames& names, const SessionClock& clock);

extern template SessionRow session_row(WorkerIndex, const SessionView<FiveTuple4>&, const SessionNames&,
                                       const SessionClock&);
extern template SessionRow session_row(WorkerIndex, const SessionView<FiveTuple6>&, const SessionNames&,
                                       const SessionClock&);

/// "tcp", "protocol/99".
std::string protocol_text(std::uint8_t protocol);
/// Canonical text of an address of either family.
std::string address_text(Ipv4Address address);
std::string address_text(const Ipv6Address& address);

}  // namespace culvert
