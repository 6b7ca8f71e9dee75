// SPDX-License-Identifier: Apache-2.0
#include "status/events.h"

#include <algorithm>
#include <boost/json.hpp>

namespace culvert {
namespace {

constexpr std::array<EventText, kEventKinds> kTexts{{
    {"started", "culvertd has started: the routes are read, the interfaces that can be are open."},
    {"stopping", "culvertd was told to stop."},
    {"configuration_applied", "A new configuration is in use."},
    {"configuration_refused", "A configuration had errors; nothing was changed."},
    {"configuration_rolled_back", "The configuration before is in use again."},
    {"history_failed", "The history of configurations could not be written; what runs is not affected."},
    {"interface_up", "An interface has carrier; `lane_opened` says whether it is used."},
    {"interface_down", "An interface lost its carrier or was set down."},
    {"interface_gone", "An interface was deleted; it is used again when it comes back."},
    {"lane_opened", "The lanes of an interface were opened, with the mode that they got."},
    {"lane_closed", "The lanes of an interface were closed."},
    {"worker_stuck", "A worker has not finished a turn for two seconds."},
    {"worker_recovered", "A stuck worker finishes turns again."},
    {"resource_warning", "A resource is 80 % full."},
    {"resource_critical", "A resource is 90 % full."},
    {"resource_ok", "A resource that was nearly full has room again."},
    {"agent_started", "The agent process (metrics) was started."},
    {"agent_exited", "The agent process ended; it is started again."},
    {"kernel_tables", "Something about mirroring the kernel's routes, neighbours and links: the text says what."},
    {"session_opened",
     "A session began, by a rule with `log: open` or `both`, or by a logged default; or somebody outside began it, by "
     "a "
     "mapping of a rule of `nat.source` with `log: sessions`."},
    {"session_denied",
     "A packet that would begin a session was denied or rejected by such a rule, or by a logged default."},
    {"session_closed", "A session of a rule with `log: close` or `both` ended, or one that somebody outside began so."},
    {"nat_mapping_created",
     "A host inside got an address and a port outside, by a rule of `nat.source` with `log`: for all sessions of its "
     "address and port, or for one."},
    {"nat_mapping_deleted", "It has it no more."},
    {"error", "Something failed after start; the text says what."},
}};
static_assert(kTexts.back().name == "error", "one text for each kind, in enum order");

}  // namespace

const EventText& event_text(EventKind kind) noexcept {
  return kTexts[static_cast<std::size_t>(kind)];
}

boost::json::object event_to_json(const Event& event) {
  boost::json::object fields;
  for (const auto& [name, value] : event.fields) fields[name] = value;
  boost::json::object json;
  json["sequence"] = event.sequence;
  json["time_unix_ms"] = event.time_unix_ms;
  json["kind"] = event.kind;
  json["text"] = event.text;
  json["fields"] = std::move(fields);
  return json;
}

Result<Event> event_from_json(const boost::json::value& json) {
  const Error wrong{"an event is not as expected", 0, "are culvert and culvertd of one version?"};
  if (!json.is_object()) return wrong;
  const auto& object = json.get_object();
  const auto* sequence = object.if_contains("sequence");
  const auto* time = object.if_contains("time_unix_ms");
  const auto* kind = object.if_contains("kind");
  const auto* text = object.if_contains("text");
  if (sequence == nullptr || !sequence->is_number() || time == nullptr || !time->is_number()) return wrong;
  if (kind == nullptr || !kind->is_string() || text == nullptr || !text->is_string()) return wrong;
  Event event;
  boost::system::error_code error;
  event.sequence = sequence->to_number<std::uint64_t>(error);
  if (!error) event.time_unix_ms = time->to_number<std::uint64_t>(error);
  if (error) return wrong;
  event.kind = kind->get_string().c_str();
  event.text = text->get_string().c_str();
  if (const auto* fields = object.if_contains("fields"); fields != nullptr && fields->is_object()) {
    for (const auto& field : fields->get_object()) {
      if (field.value().is_string()) event.fields.emplace_back(field.key(), field.value().get_string().c_str());
    }
  }
  return event;
}

EventLog::EventLog(std::size_t capacity) {
  gauge_.max.set(std::max<std::size_t>(capacity, 1));
}

void EventLog::refill(Limit& limit, Now now) const {
  if (now > limit.refilled_at) {
    const double seconds = static_cast<double>(now - limit.refilled_at) / static_cast<double>(kNanosecondsPerSecond);
    limit.tokens = std::min<double>(std::max(kBurst, per_second_), limit.tokens + seconds * per_second_);
    limit.refilled_at = now;
  }
}

bool EventLog::limited(EventKind kind, Now now) {
  Limit& limit = limits_[static_cast<std::size_t>(kind)];
  refill(limit, now);
  if (limit.tokens >= 1) return false;
  ++produced_;
  ++limit.lost;
  ++lost_;
  return true;
}

bool EventLog::produce(EventKind kind, Now now, std::uint64_t time_unix_ms, std::string text,
                       std::vector<std::pair<std::string, std::string>> fields) {
  if (limited(kind, now)) return false;
  ++produced_;
  Limit& limit = limits_[static_cast<std::size_t>(kind)];
  limit.tokens -= 1;
  if (limit.lost > 0) fields.emplace_back("lost_before", std::to_string(std::exchange(limit.lost, 0)));
  if (history_.size() == gauge_.max.read()) {
    history_.pop_front();
    gauge_.failures.add();
  }
  ++delivered_;
  history_.push_back(
      {delivered_, time_unix_ms, std::string(event_text(kind).name), std::move(text), std::move(fields)});
  gauge_.observe(history_.size());
  if (listener_) listener_(history_.back());
  return true;
}

}  // namespace culvert
