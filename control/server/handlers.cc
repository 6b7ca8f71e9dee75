// SPDX-License-Identifier: Apache-2.0
#include "control/server/handlers.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

#include "control/server/request.h"
#include "status/buffers.h"
#include "status/json.h"

namespace culvert {
namespace {

constexpr std::uint64_t kMostRows = 10'000;

Result<JsonText> page(const std::function<Result<TableRows>(const TablePage&)>& table, const char* name,
                      const boost::json::object& request) {
  if (!table) return Error{std::string("this culvertd has no ") + name, ENOTSUP, ""};
  const auto limit = number_in(request, "limit", 1000);
  const auto after = text_in(request, "after", "");
  if (limit.has_error()) return limit.error();
  if (after.has_error()) return after.error();
  auto rows = table({static_cast<std::size_t>(std::min(*limit, kMostRows)), *after});
  if (rows.has_error()) return rows.error();
  boost::json::array array;
  for (boost::json::object& row : rows->rows) array.push_back(std::move(row));
  boost::json::object json;
  json[name] = std::move(array);
  json["total"] = rows->total;
  json["next"] = rows->next.empty() ? boost::json::value(nullptr) : boost::json::value(rows->next);
  return json;
}

Result<ConfigText> config_in(const boost::json::object& request) {
  const auto text = text_in(request, "text", std::nullopt);
  const auto file = text_in(request, "file", "configuration");
  if (text.has_error()) return text.error();
  if (file.has_error()) return file.error();
  return ConfigText{*text, *file};
}

bool is_event_kind(const std::string& name) {
  for (std::size_t kind = 0; kind < kEventKinds; ++kind) {
    if (event_text(static_cast<EventKind>(kind)).name == name) return true;
  }
  return false;
}

/// Whoever watches for a kind that does not exist would wait for ever.
Error no_such_kind(const std::string& name) {
  std::string kinds;
  for (std::size_t kind = 0; kind < kEventKinds; ++kind) {
    kinds += (kind == 0 ? "" : ", ") + std::string(event_text(static_cast<EventKind>(kind)).name);
  }
  return Error{"there is no kind of event '" + name.substr(0, 64) + "'", EINVAL, "there are: " + kinds};
}

const Error kNoConfiguration{"this culvertd cannot change its configuration", ENOTSUP, ""};

}  // namespace

ControlHandlers::ControlHandlers(boost::asio::io_context& io, ControlServer& server, ServerHooks hooks)
    : hooks_(std::move(hooks)), timer_(io) {
  add_shows(server);
  add_tables(server);
  add_configuration(server);
  add_firewall_commands(server, hooks_.firewall);
  add_watches(server);
}

ControlHandlers::~ControlHandlers() {
  if (hooks_.events != nullptr) hooks_.events->listen({});
}

void ControlHandlers::add_shows(ControlServer& server) {
  server.add("version", [this](const auto&) -> Result<JsonText> {
    boost::json::object answer{{"version", hooks_.version}, {"pid", hooks_.status().process.pid}};
    if (!hooks_.failed_successor) return answer;
    if (auto failed = hooks_.failed_successor(); !failed.empty()) answer["failed_successor"] = std::move(failed);
    return answer;
  });
  server.add("show_status", [this](const auto&) -> Result<JsonText> { return to_json(hooks_.status()); });
  server.add("show_buffers",
             [this](const auto&) -> Result<JsonText> { return to_json(buffer_report(hooks_.status())); });
  server.add("show_interfaces", [this](const auto&) -> Result<JsonText> {
    return to_json(hooks_.status(), {"interval_ms", "interfaces"});
  });
  server.add("show_workers", [this](const auto&) -> Result<JsonText> {
    return to_json(hooks_.status(), {"interval_ms", "workers"});
  });
  server.add("show_drops", [this](const auto&) -> Result<JsonText> {
    return to_json(hooks_.status(), {"interfaces", "drops", "screen_alarms"});
  });
  server.add("clear_buffers_peak", [this](const auto&) -> Result<JsonText> {
    hooks_.clear_peaks();
    return boost::json::object{{"cleared", true}};
  });
}

void ControlHandlers::add_tables(ControlServer& server) {
  server.add("show_routes", [this](const auto& request) { return page(hooks_.routes, "routes", request); });
  server.add("show_neighbors", [this](const auto& request) { return page(hooks_.neighbors, "neighbors", request); });
  server.add("show_events", [this](const auto& request) { return events(request); });
  server.add("show_configuration", [this](const auto& request) -> Result<JsonText> {
    if (!hooks_.configuration) return kNoConfiguration;
    const auto which = text_in(request, "which", "running");
    if (which.has_error()) return which.error();
    return hooks_.configuration(*which);
  });
}

void ControlHandlers::add_configuration(ControlServer& server) {
  const auto with_text = [](auto& hook) {
    return [&hook](const boost::json::object& request) -> Result<JsonText> {
      if (!hook) return kNoConfiguration;
      const auto config = config_in(request);
      return config.has_error() ? Result<JsonText>(config.error()) : hook(*config);
    };
  };
  server.add("config_check", with_text(hooks_.config_check));
  server.add("config_diff", with_text(hooks_.config_diff));
  server.add_later("config_apply", [this](const boost::json::object& request, const Reply& reply) {
    const auto config = config_in(request);
    const auto confirm = number_in(request, "confirm_within_s", 0);
    if (!hooks_.config_apply) return reply(kNoConfiguration);
    if (config.has_error()) return reply(config.error());
    if (confirm.has_error()) return reply(confirm.error());
    if (*confirm > kMostTrialSeconds) {
      return reply(Error{"\"confirm_within_s\" must be at most " + std::to_string(kMostTrialSeconds) + ", a day",
                         EINVAL, "nothing was changed"});
    }
    hooks_.config_apply({*config, *confirm}, reply);
  });
  server.add("config_confirm", [this](const auto&) -> Result<JsonText> {
    if (!hooks_.config_confirm) return kNoConfiguration;
    return hooks_.config_confirm();
  });
  server.add_later("config_rollback", [this](const boost::json::object& request, const Reply& reply) {
    const auto generation = number_in(request, "generation", 0);
    if (!hooks_.config_rollback) return reply(kNoConfiguration);
    if (generation.has_error()) return reply(generation.error());
    hooks_.config_rollback(*generation, reply);
  });
  server.add_later("restart", [this](const auto&, const Reply& reply) {
    if (!hooks_.restart) return reply(Error{"this culvertd cannot be restarted so", 0, "stop it and start it"});
    hooks_.restart(reply);
  });
}

void ControlHandlers::add_watches(ControlServer& server) {
  server.add_watch(
      "watch", [this](const boost::json::object& request, std::shared_ptr<Watcher> watcher) -> Result<JsonText> {
        const auto what = text_in(request, "what", std::nullopt);
        if (what.has_error()) return what.error();
        if (*what == "events") return watch_events(request, std::move(watcher));
        if (*what == "counters") return watch_counters(std::move(watcher));
        return Error{"'" + what->substr(0, 64) + "' cannot be watched", EINVAL, "watch events or counters"};
      });
  if (hooks_.events != nullptr) hooks_.events->listen([this](const Event& event) { tell(event); });
}

Result<JsonText> ControlHandlers::events(const boost::json::object& request) const {
  const auto limit = number_in(request, "limit", kMostRows);
  if (limit.has_error()) return limit.error();
  boost::json::array array;
  if (hooks_.events != nullptr) {
    const auto& history = hooks_.events->history();
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(*limit, history.size()));
    for (auto event = history.end() - static_cast<std::ptrdiff_t>(count); event != history.end(); ++event) {
      array.push_back(event_to_json(*event));
    }
  }
  return boost::json::object{{"events", std::move(array)}};
}

Result<JsonText> ControlHandlers::watch_events(const boost::json::object& request, std::shared_ptr<Watcher> watcher) {
  if (hooks_.events == nullptr) return Error{"this culvertd has no events", ENOTSUP, ""};
  const auto from_start = flag_in(request, "from_start");
  const auto kinds = words_in(request, "kinds");
  if (from_start.has_error()) return from_start.error();
  if (kinds.has_error()) return kinds.error();
  for (const std::string& kind : *kinds) {
    if (!is_event_kind(kind)) return no_such_kind(kind);
  }
  const auto& history = hooks_.events->history();
  const EventStatus status = hooks_.events->status();
  auto watch = std::make_shared<EventWatch>();
  watch->watcher = watcher;
  watch->kinds = {kinds->begin(), kinds->end()};
  watch->told_lost = status.lost;
  boost::json::object result{{"produced", status.produced},
                             {"delivered", status.delivered},
                             {"lost", status.lost},
                             {"next_sequence", status.next_sequence},
                             {"oldest_sequence", history.empty() ? status.next_sequence : history.front().sequence}};
  if (*from_start) {
    watch->replays = true;
    // Weak: the watch holds the watcher.
    watcher->pull([this, weak = std::weak_ptr(watch)]() -> std::optional<JsonText> {
      const auto replaying = weak.lock();
      return replaying == nullptr ? std::nullopt : replayed(*replaying);
    });
  }
  // Those that closed since the last event: so there are never more than there are clients.
  std::erase_if(event_watches_, [](const auto& old) { return !old->watcher->is_open(); });
  event_watches_.push_back(std::move(watch));
  start_ticking();
  return result;
}

/// The next event of the history that this watcher wants. What was forgotten before its turn came is a gap in the
/// numbers, as everything that a reader misses.
std::optional<JsonText> ControlHandlers::replayed(EventWatch& watch) const {
  const auto& history = hooks_.events->history();
  if (!history.empty()) {
    // Numbers have no gaps, so they say where an event is.
    const std::uint64_t oldest = history.front().sequence;
    for (std::uint64_t number = std::max(watch.next_sequence, oldest); number - oldest < history.size(); ++number) {
      const Event& event = history[number - oldest];
      watch.next_sequence = number + 1;
      if (watch.wants(event)) return boost::json::object{{"event", event_to_json(event)}};
    }
  }
  watch.replays = false;
  return std::nullopt;
}

Result<JsonText> ControlHandlers::watch_counters(std::shared_ptr<Watcher> watcher) {
  std::erase_if(counter_watches_, [](const auto& old) { return !old->is_open(); });
  counter_watches_.push_back(std::move(watcher));
  start_ticking();
  return to_json(hooks_.status());
}

void ControlHandlers::tell(const Event& event) {
  if (event_watches_.empty()) return;
  const JsonText line = boost::json::object{{"event", event_to_json(event)}};
  std::erase_if(event_watches_, [&](const auto& watch) {
    return !watch->replays && watch->wants(event) && !watch->watcher->send(line);
  });
}

/// Events that the rate limit took away reach nobody, so those who watch hear at least how many there were.
void ControlHandlers::tell_losses() {
  if (hooks_.events == nullptr) return;
  const std::uint64_t lost = hooks_.events->status().lost;
  std::erase_if(event_watches_, [lost](const auto& watch) {
    if (watch->replays) return false;  // told when it has caught up
    const std::uint64_t news = lost - std::exchange(watch->told_lost, lost);
    return news > 0 && !watch->watcher->send(boost::json::object{{"lost", {{"events", news}, {"total", lost}}}});
  });
}

void ControlHandlers::tell_counters() {
  if (counter_watches_.empty()) return;
  const JsonText line(R"({"counters":)" + to_json(hooks_.status()).text + "}");
  std::erase_if(counter_watches_, [&](const auto& watcher) { return !watcher->send(line); });
}

void ControlHandlers::start_ticking() {
  if (std::exchange(ticking_, true)) return;
  timer_.expires_after(std::chrono::seconds(1));
  tick();
}

/// Once a second while anybody watches. The next time is counted from the last one, so that a second stays one.
void ControlHandlers::tick() {
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    std::erase_if(event_watches_, [](const auto& watch) { return !watch->watcher->is_open(); });
    tell_losses();
    tell_counters();
    ticking_ = !counter_watches_.empty() || !event_watches_.empty();
    if (!ticking_) return;
    const auto late = std::chrono::steady_clock::now() - timer_.expiry() > std::chrono::seconds(1);
    timer_.expires_at((late ? std::chrono::steady_clock::now() : timer_.expiry()) + std::chrono::seconds(1));
    tick();
  });
}

}  // namespace culvert
