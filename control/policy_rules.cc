// SPDX-License-Identifier: Apache-2.0
#include "control/policy_rules.h"

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "config/address.h"
#include "config/service_members.h"
#include "control/schedule_times.h"

namespace culvert {
namespace {

void add_prefixes(const std::vector<ConfigPrefix>& from, PrefixSet& to) {
  for (const ConfigPrefix& prefix : from) {
    if (prefix.address.is_ipv6) {
      to.ipv6.emplace_back(Ipv6Address{prefix.address.bytes}, prefix.length);
    } else {
      to.ipv4.emplace_back(load<Ipv4Address>(prefix.address.bytes.data()), prefix.length);
    }
  }
}

/// Numbers sets when a rule first needs them.
class Prefixes {
 public:
  Prefixes(const std::map<std::string, AddressSetConfig>& sets, std::vector<PrefixSet>& out) : sets_(sets), out_(out) {}

  /// The sets of a list: those that it names with all that they name, and one of what it holds itself. No number twice;
  /// never empty unless the list is, which is any.
  std::vector<std::uint32_t> of(const AddressList& list) {
    std::set<std::uint32_t> numbers;
    for (const std::string& name : list.names) add_named(name, numbers);
    if (!list.values.empty()) numbers.insert(literal(list.values));
    return {numbers.begin(), numbers.end()};
  }

 private:
  void add_named(const std::string& name, std::set<std::uint32_t>& numbers) {
    const AddressSetConfig& set = sets_.at(name);
    const auto [known, is_new] = named_.emplace(name, static_cast<std::uint32_t>(out_.size()));
    if (is_new) {
      PrefixSet& prefixes = out_.emplace_back();
      add_prefixes(set.members.values, prefixes);
      add_prefixes(set.file.prefixes, prefixes);
    }
    if (!numbers.insert(known->second).second) return;
    for (const std::string& below : set.members.names) add_named(below, numbers);
  }

  /// Rules that hold the same prefixes share one set of them.
  std::uint32_t literal(std::vector<ConfigPrefix> prefixes) {
    std::sort(prefixes.begin(), prefixes.end());
    const auto [known, is_new] = literal_.emplace(std::move(prefixes), static_cast<std::uint32_t>(out_.size()));
    if (is_new) add_prefixes(known->first, out_.emplace_back());
    return known->second;
  }

  const std::map<std::string, AddressSetConfig>& sets_;
  std::vector<PrefixSet>& out_;
  std::map<std::string, std::uint32_t> named_;
  std::map<std::vector<ConfigPrefix>, std::uint32_t> literal_;
};

/// Which schedules hold, each looked at once.
class Schedules {
 public:
  Schedules(const std::map<std::string, ScheduleConfig>& schedules, std::int64_t unix_time_s)
      : schedules_(schedules), unix_time_s_(unix_time_s) {}

  bool holds(const std::string& name) {
    const auto [known, is_new] = holds_.emplace(name, false);
    if (!is_new) return known->second;
    const ScheduleConfig& schedule = schedules_.at(name);
    known->second = holds_at(schedule, unix_time_s_);
    const auto change = culvert::next_change_s(schedule, unix_time_s_);
    if (change) next_change_s_ = std::min(next_change_s_.value_or(*change), *change);
    return known->second;
  }

  std::optional<std::int64_t> next_change_s() const noexcept { return next_change_s_; }

 private:
  const std::map<std::string, ScheduleConfig>& schedules_;
  std::int64_t unix_time_s_;
  std::map<std::string, bool> holds_;
  std::optional<std::int64_t> next_change_s_;
};

Rule rule_of(const RuleConfig& config, const PolicyConfig& policy, const ZoneNumbers& zones, Prefixes& prefixes,
             Schedules& schedules) {
  Rule rule;
  rule.name = config.name;
  rule.enabled = config.enabled && (!config.schedule || schedules.holds(*config.schedule));
  rule.from = zones.mask_of(config.from);
  rule.to = zones.mask_of(config.to);
  rule.sources = prefixes.of(config.source);
  rule.destinations = prefixes.of(config.destination);
  rule.services = members_of(policy.services, config.service);
  // No service would be any service; the check refuses services without members.
  CULVERT_CHECK(config.service.empty() || !rule.services.empty());
  rule.action = config.action;
  rule.log_open = config.log == RuleLog::kOpen || config.log == RuleLog::kBoth;
  rule.log_close = config.log == RuleLog::kClose || config.log == RuleLog::kBoth;
  return rule;
}

}  // namespace

ZoneNumbers::ZoneNumbers(const Config& config, const ZoneNumbers& before) {
  std::uint64_t free = ~(std::uint64_t{1} << kNoZone);
  for (const auto& [name, zone] : config.zones) {
    const auto known = before.numbers_.find(name);
    if (known != before.numbers_.end()) numbers_.insert(*known);
  }
  for (const auto& [name, number] : numbers_) free &= ~(std::uint64_t{1} << number);
  std::uint64_t never_used = free;
  for (const auto& [name, number] : before.numbers_) never_used &= ~(std::uint64_t{1} << number);
  for (const auto& [name, zone] : config.zones) {
    if (numbers_.contains(name)) continue;
    const auto number = static_cast<Zone>(std::countr_zero(never_used != 0 ? never_used : free));
    CULVERT_CHECK(number < kMaxZones);
    numbers_.emplace(name, number);
    free &= ~(std::uint64_t{1} << number);
    never_used &= ~(std::uint64_t{1} << number);
  }
}

ZoneMask ZoneNumbers::mask_of(const std::vector<std::string>& names) const {
  if (names.empty()) return kAllZones;
  ZoneMask mask = 0;
  for (const std::string& name : names) {
    const Zone zone = of(name);
    CULVERT_CHECK(zone != kNoZone);  // the check knows them all
    mask |= ZoneMask{1} << zone;
  }
  return mask;
}

Zone ZoneNumbers::of(const std::string& zone) const noexcept {
  const auto known = numbers_.find(zone);
  return known != numbers_.end() ? known->second : kNoZone;
}

Zone ZoneNumbers::of(const InterfaceConfig& interface) const noexcept {
  return interface.zone ? of(*interface.zone) : kNoZone;
}

std::string ZoneNumbers::name_of(Zone zone) const {
  for (const auto& [name, number] : numbers_) {
    if (number == zone) return name;
  }
  return "none";
}

PolicyRules policy_rules(const PolicyConfig& policy, const ZoneNumbers& zones, std::int64_t unix_time_s) {
  PolicyRules result;
  Prefixes prefixes(policy.addresses, result.rules.prefixes);
  Schedules schedules(policy.schedules, unix_time_s);
  result.rules.rules.reserve(policy.rules.size());
  for (const RuleConfig& rule : policy.rules) {
    result.rules.rules.push_back(rule_of(rule, policy, zones, prefixes, schedules));
  }
  result.rules.default_action = policy.default_action;
  result.rules.log_default = policy.default_log;
  result.next_change_s = schedules.next_change_s();
  return result;
}

}  // namespace culvert
