// SPDX-License-Identifier: Apache-2.0
// What people ask a running culvertd to do: the commands of the control socket, and SIGHUP.
#include <ctime>
#include <fmt/format.h>

#include "control/daemon.h"
#include "control/server/handlers.h"
#include "control/table_rows.h"

namespace culvert {
namespace {

std::int64_t unix_time_s() {
  return static_cast<std::int64_t>(std::time(nullptr));
}

/// It would be undone in a moment.
const Error kSuccession{"a successor is being started, with the file as it was then", EBUSY, "try again in a moment"};

}  // namespace

Result<boost::json::object> Daemon::apply(const ConfigText& config, std::uint64_t confirm_within_ns) {
  if (successor_ != nullptr) return kSuccession;
  auto applied = configurations_.apply(config.text, config.file, confirm_within_ns, monotonic_ns(), unix_time_s());
  if (applied.has_error()) {
    board_.event(EventKind::kConfigurationRefused, applied.error().what);
    return applied;
  }
  const std::string trial =
      confirm_within_ns == 0 ? "" : fmt::format(", on trial for {} s", confirm_within_ns / kNanosecondsPerSecond);
  say(fmt::format("configuration generation {} runs{}", configurations_.generation(), trial),
      EventKind::kConfigurationApplied);
  look_after_interfaces();  // the new snapshot is with every worker before anybody hears of it
  return applied;
}

void Daemon::reload_file() {
  const CheckResult checked = check_file(configurations_.file());
  auto applied = checked.ok() ? apply({checked.text, checked.file}, 0)
                              : Result<boost::json::object>(Error{checked.to_text(), 0, "nothing was changed"});
  if (applied.has_error()) report(applied.error());
}

ServerHooks Daemon::hooks() {
  ServerHooks hooks;
  hooks.version = board_.sources().version;
  hooks.status = [this] { return board_.collect(); };
  hooks.events = &board_.events();
  hooks.clear_peaks = [this] {
    Command command;
    command.kind = CommandKind::kClearPeaks;
    if (auto told = workers_.tell_all(command); told.has_error()) report(told.error());
    redirect_.clear_peaks();
    server_.clear_peaks();
    routes_.clear_peaks();
    mirror_.clear_peaks();
    workers_.clear_peaks();
    for (const auto& log : session_logs_) log->clear_peak();
    external_addresses_.clear_peak();
    for (auto& [scope, ports] : nat_ports_) ports.gauge.clear_peak();
    board_.clear_peaks();
    publication_.clear_peak();
    if (agent_ != nullptr) agent_->clear_peak();
    firewall_commands_->clear_peaks();
  };
  hooks.routes = [this](const TablePage& page) { return route_rows(mirror_, page); };
  hooks.neighbors = [this](const TablePage& page) { return neighbor_rows(mirror_, page); };
  hooks.configuration = [this](const std::string& which) { return configurations_.show(which, monotonic_ns()); };
  hooks.config_check = [this](const ConfigText& config) { return configurations_.check(config.text, config.file); };
  hooks.config_diff = [this](const ConfigText& config) { return configurations_.diff(config.text, config.file); };
  hooks.config_apply = [this](const ConfigApply& request, const Reply& reply) {
    reply(apply(request.config, request.confirm_within_s * kNanosecondsPerSecond));
  };
  hooks.config_confirm = [this] { return configurations_.confirm(monotonic_ns()); };
  hooks.config_rollback = [this](std::uint64_t generation, const Reply& reply) {
    if (successor_ != nullptr) return reply(kSuccession);
    auto done = configurations_.roll_back(generation, unix_time_s());
    if (done.has_value()) {
      board_.event(EventKind::kConfigurationRolledBack,
                   fmt::format("generation {} runs", configurations_.generation()));
      look_after_interfaces();
    }
    reply(std::move(done));
  };
  hooks.restart = [this](const Reply& reply) { restart(reply); };
  hooks.failed_successor = [this] { return failed_successor_; };
  firewall_commands_ = std::make_unique<FirewallCommands>(io_, workers_, firewall_, configurations_, interfaces_,
                                                          [this] { return published_->translation.get(); });
  board_.enter_firewall(*firewall_commands_);
  hooks.firewall = firewall_commands_->hooks();
  hooks.firewall.nat_pools = [this](const TablePage& page) { return nat_pools(page); };
  return hooks;
}

}  // namespace culvert
