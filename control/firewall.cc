// SPDX-License-Identifier: Apache-2.0
#include "control/firewall.h"

#include <fmt/format.h>
#include <fstream>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "control/settings.h"

namespace culvert {
namespace {

ReversePathCheck check_of(ReversePath mode) noexcept {
  switch (mode) {
    case ReversePath::kStrict:
      return ReversePathCheck::kStrict;
    case ReversePath::kLoose:
      return ReversePathCheck::kLoose;
    case ReversePath::kAutomatic:
    case ReversePath::kOff:
      break;
  }
  return ReversePathCheck::kOff;
}

/// FNV-1a, of a text that only the owner of the file and of the configuration writes.
std::uint64_t hash_of(const std::string& text) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char character : text) hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001b3;
  return hash;
}

/// Of this start of the machine (CLOCK_MONOTONIC begins anew with each).
std::array<std::uint8_t, 16> boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  std::getline(file, text);
  std::array<std::uint8_t, 16> id{};
  store(id.data(), hash_of(text));
  store(id.data() + 8, hash_of(text + "again"));
  return id;
}

}  // namespace

Result<std::shared_ptr<const Firewall::Policy>> Firewall::prepare(const Config& config, std::int64_t unix_time_s,
                                                                  const CounterHits& hits) const {
  if (!config.policy.has_value()) return std::shared_ptr<const Policy>();
  const ZoneNumbers zones(config, policy_ != nullptr ? policy_->zones : ZoneNumbers());
  PolicyRules rules = policy_rules(*config.policy, zones, unix_time_s);
  auto compiled = compile_rules(rules.rules);
  if (compiled.has_error()) return compiled.error();
  auto policy = std::make_shared<Policy>(std::move(rules), std::move(*compiled));
  policy->zones = zones;
  policy->generation = next_generation();
  for (const auto& [name, number] : interface_numbers(config)) {
    const InterfaceConfig& interface = config.interfaces.at(name);
    policy->interface_zone[number] = zones.of(interface);
    policy->reverse_path[number] = check_of(reverse_path_of(config, interface));
  }
  for (const auto& [name, number] : zones.all()) {
    const ZoneConfig& zone = config.zones.at(name);
    if (zone.screen.has_value()) policy->guards.screens[number] = zone_screens(config.screens.at(*zone.screen));
    policy->guards.limits[number] = zone_limits(zone.limits);
  }
  const std::shared_ptr<NatRules> nat = nat_rules(config, zones);
  number_counters(*policy, nat.get(), hits);
  policy->nat = nat;
  return std::shared_ptr<const Policy>(std::move(policy));
}

std::uint16_t Firewall::next_generation() const noexcept {
  const auto next = static_cast<std::uint16_t>(policy_ != nullptr ? policy_->generation + 1 : before_ + 1);
  return next != 0 ? next : std::uint16_t{1};
}

// Those of a configuration and of the one before it.
static_assert(kAllRuleCounters - kRuleCounters >= 2 * (kMostSourceRules + 2 * kMostDestinationRules));

void Firewall::number_counters(Policy& policy, NatRules* nat, const CounterHits& hits) const {
  const RuleCounters none;
  std::vector<std::string> names;
  for (const Rule& rule : policy.rules.rules.rules) names.push_back(rule.name);
  constexpr CounterRange kPolicy{kDefaultCounter + 1, static_cast<std::uint16_t>(kRuleCounters)};
  policy.rule_counters = counters_for(names, policy_ != nullptr ? policy_->rule_counters : none, kPolicy, hits);
  for (const std::string& name : names) policy.counters.push_back(policy.rule_counters.at(name).number);
  if (nat == nullptr) return;
  constexpr CounterRange kNat{static_cast<std::uint16_t>(kRuleCounters), static_cast<std::uint16_t>(kAllRuleCounters)};
  policy.nat_counters =
      counters_for(nat->counter_names(), policy_ != nullptr ? policy_->nat_counters : none, kNat, hits);
  nat->use_counters(policy.nat_counters);
}

void Firewall::commit(std::shared_ptr<const Policy> policy) {
  policy_ = std::move(policy);
  if (policy_ != nullptr) rule_names_.add(policy_->generation, policy_->rules.rules);
}

std::optional<StatefulSnapshot> Firewall::stateful(const Config& config) const {
  if (policy_ == nullptr) return std::nullopt;
  StatefulSnapshot stateful;
  stateful.rules = &policy_->compiled.table();
  stateful.rule_counters = policy_->counters;
  stateful.default_counter = kDefaultCounter;
  stateful.policy_generation = policy_->generation;
  stateful.close_on_change = config.policy->on_change == OnPolicyChange::kClose;
  stateful.tcp_pick_up = config.policy->mid_stream;
  stateful.zone = policy_->interface_zone;
  stateful.reverse_path = policy_->reverse_path;
  stateful.screens = policy_->guards.screens;
  stateful.limits = policy_->guards.limits;
  stateful.timeouts = timeouts(config);
  stateful.fragment_timeout_ms =
      static_cast<std::uint32_t>(config.system.limits.fragment_timeout_ns / kNanosecondsPerMillisecond);
  return stateful;
}

SessionTimeouts Firewall::timeouts(const Config& config) {
  const SessionTimeoutsConfig& from = config.sessions.timeouts;
  SessionTimeouts timeouts;
  timeouts.tcp_syn = flow_date_span(from.tcp_syn_ns);
  timeouts.tcp_established = flow_date_span(from.tcp_established_ns);
  timeouts.tcp_fin = flow_date_span(from.tcp_fin_ns);
  timeouts.tcp_reset = flow_date_span(from.tcp_reset_ns);
  timeouts.udp = flow_date_span(from.udp_ns);
  timeouts.icmp = flow_date_span(from.icmp_ns);
  timeouts.other = flow_date_span(from.other_ns);
  const NatTimeoutsConfig nat = config.nat.has_value() ? config.nat->timeouts : NatTimeoutsConfig{};
  timeouts.nat_tcp_transitory = flow_date_span(nat.tcp_transitory_ns);
  timeouts.nat_tcp_established = flow_date_span(nat.tcp_established_ns);
  timeouts.nat_udp = flow_date_span(nat.udp_ns);
  timeouts.nat_icmp = flow_date_span(nat.icmp_ns);
  return timeouts;
}

SessionOwner Firewall::session_owner(const Config& config, std::uint32_t workers) const {
  std::string meaning;
  for (const auto& [name, zone] : policy_->zones.all()) meaning += fmt::format("zone {} {}\n", zone, name);
  for (const auto& [name, number] : interface_numbers(config)) meaning += fmt::format("link {} {}\n", number, name);
  if (config.sessions.shared_by == SharedBy::kRss) meaning += "shared by rss\n";
  SessionOwner owner;
  owner.workers = workers;
  owner.boot_id = boot_id();
  owner.meaning = hash_of(meaning);
  return owner;
}

bool Firewall::due(std::int64_t unix_time_s) const noexcept {
  return policy_ != nullptr && policy_->rules.next_change_s.has_value() && unix_time_s >= *policy_->rules.next_change_s;
}

}  // namespace culvert
