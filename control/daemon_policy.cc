// SPDX-License-Identifier: Apache-2.0
// What workers forward by: the running configuration's policy, compiled, in the snapshot that they have.
#include <ctime>
#include <fmt/format.h>
#include <utility>

#include "control/daemon.h"
#include "control/settings.h"

namespace culvert {
namespace {

std::int64_t unix_time_s() {
  return static_cast<std::int64_t>(std::time(nullptr));
}

}  // namespace

Firewall Daemon::started_firewall() const {
  Firewall firewall(policy_generation_before());
  auto policy = firewall.prepare(configurations_.running(), unix_time_s(), [](std::uint16_t) { return 0; });
  firewall.commit(std::move(policy).value());
  return firewall;
}

std::uint64_t Daemon::rule_hits(std::uint16_t counter) const {
  std::uint64_t hits = 0;
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker) {
    if (const SessionSlot* sessions = workers_.sessions(worker)) hits += sessions->rule_hits()[counter].read();
  }
  return hits;
}

void Daemon::publish_snapshot() {
  const Config& config = configurations_.running();
  follow_lost_addresses();
  auto next = std::make_unique<Published>(
      Published{snapshot_of(config, published_->snapshot.generation + 1, firewall_), firewall_.policy(), nullptr});
  Snapshot& snapshot = next->snapshot;
  for (const Interfaces::Interface& interface : interfaces_.all()) {
    InterfaceSnapshot facts = mirror_.interface(interface.number);
    facts.present = facts.present && interface.open();
    snapshot.interfaces[interface.number] = facts;
  }
  snapshot.host_ipv4 = mirror_.model().addresses().host_ipv4();
  snapshot.host_ipv6 = mirror_.model().addresses().host_ipv6();
  translate(*next);
  // Before workers send with a new address: its answers must not find the kernel.
  if (auto claimed = claim_addresses(); claimed.has_error()) report(claimed.error());
  Command command;
  command.kind = CommandKind::kUseSnapshot;
  command.snapshot = &snapshot;
  std::swap(published_, next);
  board_.set_snapshot_generation(published_->snapshot.generation);
  if (auto told = workers_.tell_all(command); told.has_error()) {
    unanswered_.push_back(std::move(next));  // a worker that does not answer may still read the old one
    missed_ = workers_.moment();
    report(told.error());
    return;
  }
  unanswered_.clear();
}

Result<void> Daemon::use(const Config& config) {
  if (config.policy.has_value() != (firewall_.policy() != nullptr)) {
    return Error{"a policy was added or removed: workers have memory for sessions, or not, from the start", 0,
                 "nothing was changed; write the file that culvertd was started with, and restart it"};
  }
  auto policy = firewall_.prepare(config, unix_time_s(), [this](std::uint16_t counter) { return rule_hits(counter); });
  if (policy.has_error()) return policy.error();
  if (auto applied = apply_to_redirect(config, configurations_.running(), redirect_); applied.has_error()) {
    return applied;
  }
  firewall_.commit(std::move(*policy));
  board_.events().set_rate(config.events.rate_limit_per_second);
  board_.observe_configuration(config);
  links_changed_ = true;  // so another snapshot goes out
  return {};
}

void Daemon::tell_of_sessions() {
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker) {
    const SessionSlot* sessions = workers_.sessions(worker);
    if (sessions == nullptr || sessions->story().empty()) continue;
    say(fmt::format("worker {}: {}", worker, sessions->story()), EventKind::kStarted);
  }
}

void Daemon::enter_session_logs() {
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker) {
    SessionSlot* const sessions = workers_.sessions(worker);
    if (sessions == nullptr) continue;
    session_logs_.push_back(std::make_unique<SessionLogReader>(sessions->log()));
    board_.registry().add(ResourceKind::kSessionLog, fmt::format("worker {}", worker), &session_logs_.back()->gauge());
  }
}

void Daemon::read_session_logs() {
  for (const auto& log : session_logs_) {
    if (log->empty()) continue;
    log->read(firewall_commands_->names(), firewall_.rule_names(), board_.events(), monotonic_ns(), unix_time_ms());
  }
}

bool Daemon::renew_policy() {
  auto policy = firewall_.prepare(configurations_.running(), unix_time_s(),
                                  [this](std::uint16_t counter) { return rule_hits(counter); });
  if (policy.has_error()) {
    report(policy.error());
    return false;
  }
  firewall_.commit(std::move(*policy));
  links_changed_ = true;
  return true;
}

void Daemon::follow_schedules() {
  if (!firewall_.due(unix_time_s()) || !renew_policy()) return;
  say("a schedule of the policy begins or ends: other rules hold now", EventKind::kConfigurationApplied);
}

}  // namespace culvert
