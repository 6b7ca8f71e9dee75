// SPDX-License-Identifier: Apache-2.0
// What happened, in order, for people: a bounded history with a number for every event. Rate-limited per kind, so that
// one flapping thing cannot push the others out of the history; what the limit took away is counted, and the next event
// of that kind says how many. Always: produced = delivered + lost. Never an event per packet.
#pragma once

#include <array>
#include <boost/json/object.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cell.h"
#include "base/result.h"
#include "base/time.h"
#include "status/snapshot.h"

namespace culvert {

enum class EventKind : std::uint8_t {
  kStarted,
  kStopping,
  kConfigurationApplied,
  kConfigurationRefused,
  kConfigurationRolledBack,
  kHistoryFailed,
  kInterfaceUp,
  kInterfaceDown,
  kInterfaceGone,
  kLaneOpened,
  kLaneClosed,
  kWorkerStuck,
  kWorkerRecovered,
  kResourceWarning,
  kResourceCritical,
  kResourceOk,
  kAgentStarted,
  kAgentExited,
  kKernelTables,
  kSessionOpened,
  kSessionDenied,
  kSessionClosed,
  kNatMappingCreated,
  kNatMappingDeleted,
  kError,
  kCount,
};
inline constexpr std::size_t kEventKinds = static_cast<std::size_t>(EventKind::kCount);

struct EventText {
  std::string_view name;      ///< snake_case, stable
  std::string_view sentence;  ///< what has happened when it is produced
};
const EventText& event_text(EventKind kind) noexcept;

struct Event {
  std::uint64_t sequence = 0;  ///< from 1, without gaps
  std::uint64_t time_unix_ms = 0;
  std::string kind;
  std::string text;
  std::vector<std::pair<std::string, std::string>> fields;
};

boost::json::object event_to_json(const Event& event);
Result<Event> event_from_json(const boost::json::value& json);

/// Belongs to the control thread.
class EventLog {
 public:
  static constexpr std::uint32_t kPerSecond = 10;  ///< of one kind, in the long run, unless set_rate() says otherwise
  /// Of one kind, at once; a second's when that is more: who asks for thousands a second has them in bursts.
  static constexpr std::uint32_t kBurst = 50;

  explicit EventLog(std::size_t capacity);
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  /// False when the kind's rate limit took it. `now` is the monotonic clock, `time_unix_ms` the wall clock.
  bool produce(EventKind kind, Now now, std::uint64_t time_unix_ms, std::string text,
               std::vector<std::pair<std::string, std::string>> fields = {});

  /// True when the rate limit of its kind would take an event away now; it is counted as if produce() had been told of
  /// it. For those whose text is dear.
  bool limited(EventKind kind, Now now);

  /// Events of one kind a second, in the long run; `events.rate_limit` of the configuration.
  void set_rate(std::uint32_t per_second) noexcept { per_second_ = per_second; }

  /// Called with each event that is delivered; at most one listener.
  void listen(std::function<void(const Event&)> listener) { listener_ = std::move(listener); }

  const std::deque<Event>& history() const noexcept { return history_; }
  EventStatus status() const noexcept { return {produced_, delivered_, lost_, delivered_ + 1}; }
  /// For the registry (ResourceKind::kEventHistory).
  const Gauge& gauge() const noexcept { return gauge_; }
  void clear_peak() noexcept { gauge_.clear_peak(); }

 private:
  struct Limit {
    double tokens = kBurst;
    Now refilled_at = 0;
    std::uint64_t lost = 0;
  };
  void refill(Limit& limit, Now now) const;

  std::deque<Event> history_;
  std::array<Limit, kEventKinds> limits_;
  std::function<void(const Event&)> listener_;
  std::uint32_t per_second_ = kPerSecond;
  std::uint64_t produced_ = 0, delivered_ = 0, lost_ = 0;
  Gauge gauge_;
};

}  // namespace culvert
