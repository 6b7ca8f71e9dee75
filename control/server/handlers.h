// SPDX-License-Identifier: Apache-2.0
// The commands of the control socket. What they need is given as callbacks, so that the server knows neither the
// configuration nor the kernel's tables.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/server/firewall_handlers.h"
#include "control/server/server.h"
#include "status/events.h"
#include "status/snapshot.h"

namespace culvert {

/// A page of a table: at most `limit` rows that come after the row called `after` ("" begins).
struct TablePage {
  std::size_t limit = 1000;
  std::string after;
};
/// Rows are objects of strings and numbers: routes {prefix, kind, via, interface, mtu_bytes}, neighbours {address,
/// interface, mac, state}. `next` is the `after` of the next page, empty at the end.
struct TableRows {
  std::vector<boost::json::object> rows;
  std::uint64_t total = 0;
  std::string next;
};

struct ConfigText {
  std::string text;  ///< the whole file
  std::string file;  ///< its name, for messages
};
/// A trial is for somebody who sits there and waits.
inline constexpr std::uint64_t kMostTrialSeconds = 86'400;
struct ConfigApply {
  ConfigText config;
  std::uint64_t confirm_within_s = 0;  ///< 0: no confirmation needed; kMostTrialSeconds at most
};

struct ServerHooks {
  std::string version;
  std::function<StatusSnapshot()> status;
  EventLog* events = nullptr;         ///< its listener is set here
  std::function<void()> clear_peaks;  ///< tells workers and clears control's own gauges
  std::function<Result<TableRows>(const TablePage&)> routes, neighbors;
  /// "running" or "candidate" (what runs on trial): text, generation, confirm_within_ms, previous_generation.
  std::function<Result<boost::json::object>(const std::string& which)> configuration;
  std::function<Result<boost::json::object>(const ConfigText&)> config_check, config_diff;
  /// Replies once every worker uses the new configuration.
  std::function<void(const ConfigApply&, Reply)> config_apply;
  std::function<Result<boost::json::object>()> config_confirm;
  std::function<void(std::uint64_t generation, Reply)> config_rollback;  ///< 0: the one before
  /// Replies once a successor is ready: {pid, interfaces: those that go on without a gap}; then this culvertd ends.
  std::function<void(Reply)> restart;
  /// The last successor that failed when `restart` had been answered: {pid, why}; empty: there is none.
  std::function<boost::json::object()> failed_successor;
  FirewallHooks firewall;
};

/// Adds every command to the server and feeds the watchers. Outlives the io_context's last run; belongs to its thread.
class ControlHandlers {
 public:
  ControlHandlers(boost::asio::io_context& io, ControlServer& server, ServerHooks hooks);
  ~ControlHandlers();
  ControlHandlers(const ControlHandlers&) = delete;
  ControlHandlers& operator=(const ControlHandlers&) = delete;

 private:
  struct EventWatch {
    std::shared_ptr<Watcher> watcher;
    std::set<std::string> kinds;  ///< empty: all
    std::uint64_t told_lost = 0;  ///< of EventStatus::lost
    /// While the history is replayed: of the event that is looked at next. Then those that come are told as well by
    /// the replay, which ends when it has caught up.
    std::uint64_t next_sequence = 0;
    bool replays = false;
    bool wants(const Event& event) const { return kinds.empty() || kinds.contains(event.kind); }
  };

  void add_shows(ControlServer& server);
  void add_tables(ControlServer& server);
  void add_configuration(ControlServer& server);
  void add_watches(ControlServer& server);
  Result<JsonText> watch_events(const boost::json::object& request, std::shared_ptr<Watcher> watcher);
  std::optional<JsonText> replayed(EventWatch& watch) const;
  Result<JsonText> watch_counters(std::shared_ptr<Watcher> watcher);
  Result<JsonText> events(const boost::json::object& request) const;
  void tell(const Event& event);
  void tell_losses();
  void tell_counters();
  void start_ticking();
  void tick();

  ServerHooks hooks_;
  boost::asio::steady_timer timer_;
  std::vector<std::shared_ptr<EventWatch>> event_watches_;
  std::vector<std::shared_ptr<Watcher>> counter_watches_;
  bool ticking_ = false;
};

}  // namespace culvert
