// SPDX-License-Identifier: Apache-2.0
#include "control/configuration_rows.h"

#include <algorithm>

#include "config/policy_schema.h"
#include "config/screen_schema.h"
#include "config/service_members.h"

namespace culvert {
namespace {

/// Prefixes of lists with those of the sets that they name, as the check counts them (config/nested_sets.h): what is
/// named twice counts twice.
class PrefixCounts {
 public:
  explicit PrefixCounts(const std::map<std::string, AddressSetConfig>& sets) : sets_(sets) {}

  std::size_t of(const AddressList& list) {
    std::size_t sum = list.values.size();
    for (const std::string& name : list.names) sum += of(name);
    return sum;
  }

 private:
  std::size_t of(const std::string& name) {
    if (const auto known = counts_.find(name); known != counts_.end()) return known->second;
    const AddressSetConfig& set = sets_.at(name);
    const std::size_t count = set.file.prefixes.size() + of(set.members);
    counts_.emplace(name, count);
    return count;
  }

  const std::map<std::string, AddressSetConfig>& sets_;
  std::map<std::string, std::size_t> counts_;
};

}  // namespace

void ConfigurationRows::observe(const Config& config) {
  for (const auto& [name, interface] : config.interfaces) {
    observe(ResourceKind::kFurtherStations, name, interface.further_stations.size(), kMostFurtherStations);
  }
  if (!config.policy.has_value()) return;
  observe_policy(config);
  if (config.nat.has_value()) observe_nat(config);
}

void ConfigurationRows::observe_policy(const Config& config) {
  const PolicyConfig& policy = *config.policy;
  std::size_t prefixes = 0;
  for (const auto& [name, set] : policy.addresses) prefixes += set.members.values.size() + set.file.prefixes.size();
  observe(ResourceKind::kZones, "culvertd", config.zones.size(), kMostZones);
  observe(ResourceKind::kNamedScreens, "culvertd", config.screens.size(), kMostScreens);
  observe(ResourceKind::kAddressSets, "culvertd", policy.addresses.size(), kMostSets);
  observe(ResourceKind::kPolicyPrefixes, "culvertd", prefixes, kMostPolicyPrefixes);
  observe(ResourceKind::kServices, "culvertd", policy.services.size(), kMostSets);
  observe(ResourceKind::kSchedules, "culvertd", policy.schedules.size(), kMostSchedules);
}

void ConfigurationRows::observe_nat(const Config& config) {
  const NatConfig& nat = *config.nat;
  std::size_t services = 0;
  for (const DestinationNatRuleConfig& rule : nat.destination) {
    services += std::max<std::size_t>(members_of(config.policy->services, rule.service).size(), 1);
  }
  PrefixCounts counts(config.policy->addresses);
  std::size_t prefixes = 0;
  for (const SourceNatRuleConfig& rule : nat.source) prefixes += counts.of(rule.source) + counts.of(rule.destination);
  observe(ResourceKind::kNatRules, "source", nat.source.size(), kMostSourceRules);
  observe(ResourceKind::kNatRules, "destination", nat.destination.size(), kMostDestinationRules);
  observe(ResourceKind::kNatRules, "services", services, kMostDestinationMatches);
  observe(ResourceKind::kNatRules, "static", nat.static_rules.size(), kMostDestinationRules);
  observe(ResourceKind::kNatPrefixes, "culvertd", prefixes, kMostNatPrefixes);
}

void ConfigurationRows::observe(ResourceKind kind, const std::string& scope, std::size_t used, std::size_t most) {
  const auto [known, is_new] = gauges_.try_emplace({kind, scope});
  Gauge& gauge = known->second;
  gauge.max.set(most);
  gauge.observe(used);
  if (is_new) registry_.add(kind, scope, &gauge);
}

void ConfigurationRows::clear_peaks() noexcept {
  for (auto& [row, gauge] : gauges_) gauge.clear_peak();
}

}  // namespace culvert
