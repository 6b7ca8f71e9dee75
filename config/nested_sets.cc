// SPDX-License-Identifier: Apache-2.0
#include "config/nested_sets.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <vector>

#include "config/policy_nodes.h"

namespace culvert {
namespace {

std::size_t own_weight(const AddressSetConfig&) {
  return 1;
}
std::size_t own_weight(const ServiceConfig& service) {
  return service.members.values.size();
}

/// How much each set stands for, with all that it names: address sets (a rule holds the numbers of all of them),
/// members of services or prefixes (of which a rule holds copies). What is named twice counts twice.
template <typename Set>
class Weights {
 public:
  static_assert(kMostServiceMembers == kMostNestedSets);

  explicit Weights(const std::map<std::string, Set>& sets, std::size_t (*own)(const Set&) = own_weight,
                   std::size_t most = kMostServiceMembers)
      : sets_(sets), own_(own), most_(most) {}

  /// At most `most` + 1, which is "too much". A set that is met below itself is nothing, and is kept in `circle`.
  std::size_t of(const std::string& name) {
    const auto found = sets_.find(name);
    if (found == sets_.end()) return 0;
    const auto [known, is_new] = weight_.emplace(name, std::nullopt);
    if (!is_new) {
      if (!known->second && circle_.empty()) close_circle(name);
      return known->second.value_or(0);
    }
    open_.push_back(name);
    std::size_t sum = own_(found->second);
    for (const std::string& below : found->second.members.names) sum = std::min(sum + of(below), most_ + 1);
    open_.pop_back();
    weight_[name] = std::min(sum, most_ + 1);
    return *weight_[name];
  }

  std::size_t of(const std::vector<std::string>& names) {
    std::size_t sum = 0;
    for (const std::string& name : names) sum = std::min(sum + of(name), most_ + 1);
    return sum;
  }

  /// The first circle that was met: each set names the next one, the last one the first.
  const std::vector<std::string>& circle() const noexcept { return circle_; }

 private:
  void close_circle(const std::string& name) {
    circle_.assign(std::find(open_.begin(), open_.end(), name), open_.end());
  }

  const std::map<std::string, Set>& sets_;
  std::size_t (*own_)(const Set&);
  std::size_t most_;
  std::unordered_map<std::string, std::optional<std::size_t>> weight_;  ///< nothing: still open
  std::vector<std::string> open_;
  std::vector<std::string> circle_;
};

const YamlNode& set_node(const YamlNode& mapping, const std::string& name) {
  const YamlNode* node = mapping.find(name);
  return node != nullptr ? *node : mapping;
}

/// Reports a set that is part of itself; true when there is one.
bool report_circle(const std::vector<std::string>& circle, const YamlNode& mapping, const Place& place) {
  if (circle.empty()) return false;
  const auto [item, index] = item_named(members_node(&mapping, circle.back()), circle.front());
  place.at(circle.back())
      .error(item != nullptr ? *item : set_node(mapping, circle.back()),
             fmt::format("{} is part of itself: {} -> {}", circle.front(),
                         shown(fmt::format("{}", fmt::join(circle, " -> ")), 400), circle.front()),
             "take it out of one of them");
  return true;
}

std::size_t prefixes_in(const AddressSetConfig& set) {
  return set.members.values.size() + set.file.prefixes.size();
}

void check_prefix_counts(const std::map<std::string, AddressSetConfig>& sets, const YamlNode& mapping,
                         const Place& place) {
  std::size_t sum = 0;
  for (const auto& [name, set] : sets) {
    sum += prefixes_in(set);
    if (prefixes_in(set) <= kMostSetPrefixes) continue;
    place.at(name).error(set_node(mapping, name), fmt::format("the set holds {} prefixes", prefixes_in(set)),
                         fmt::format("use at most {}", kMostSetPrefixes));
  }
  if (sum <= kMostPolicyPrefixes) return;
  place.error(mapping, fmt::format("all sets together hold {} prefixes", sum),
              fmt::format("use at most {}", kMostPolicyPrefixes));
}

template <typename Rule>
void check_set_count(const Rule& rule, Weights<AddressSetConfig>& sets, const YamlNode& node, const Place& place) {
  if (sets.of(rule.source.names) <= kMostNestedSets && sets.of(rule.destination.names) <= kMostNestedSets) return;
  place.error(node, fmt::format("the rule names more than {} address sets", kMostNestedSets),
              "put their prefixes into fewer ones");
}

}  // namespace

void check_nesting(const std::map<std::string, AddressSetConfig>& sets, const YamlNode& mapping, const Place& place) {
  Weights<AddressSetConfig> weights(sets);
  for (const auto& [name, set] : sets) {
    const std::size_t weight = weights.of(name);
    if (report_circle(weights.circle(), mapping, place)) return;
    if (weight <= kMostNestedSets) continue;
    place.at(name).error(set_node(mapping, name), fmt::format("the set is made of more than {} sets", kMostNestedSets),
                         "put their prefixes into fewer ones");
    return;
  }
  check_prefix_counts(sets, mapping, place);
}

void check_nesting(const std::map<std::string, ServiceConfig>& services, const YamlNode& mapping, const Place& place) {
  Weights<ServiceConfig> weights(services);
  for (const auto& [name, service] : services) {
    const std::size_t weight = weights.of(name);
    if (report_circle(weights.circle(), mapping, place)) return;
    if (weight > kMostServiceMembers) {
      place.at(name).error(
          set_node(mapping, name),
          fmt::format("the service has more than {} members, with those that it names", kMostServiceMembers),
          "use ranges of ports");
      return;
    }
  }
}

void check_rule_sizes(const PolicyConfig& policy, const YamlNode& list, const Place& place) {
  if (place.diagnostics.errors() != 0) return;
  Weights<AddressSetConfig> sets(policy.addresses);
  Weights<ServiceConfig> services(policy.services);
  for (std::size_t i = 0; i < policy.rules.size() && !place.diagnostics.full(); ++i) {
    const RuleConfig& rule = policy.rules[i];
    const YamlNode& node = list.values[i];
    check_set_count(rule, sets, node, place.item(i));
    if (services.of(rule.service.names) + rule.service.values.size() > kMostServiceMembers) {
      place.item(i).error(node, fmt::format("the rule's services have more than {} members", kMostServiceMembers),
                          "use ranges of ports");
    }
  }
}

void check_rule_sizes(const NatConfig& nat, const std::map<std::string, AddressSetConfig>& sets, const YamlNode& list,
                      const Place& place) {
  if (place.diagnostics.errors() != 0) return;
  Weights<AddressSetConfig> counts(sets);
  Weights<AddressSetConfig> prefixes(sets, prefixes_in, kMostNatPrefixes);
  std::size_t sum = 0;
  for (std::size_t i = 0; i < nat.source.size() && !place.diagnostics.full(); ++i) {
    const SourceNatRuleConfig& rule = nat.source[i];
    check_set_count(rule, counts, list.values[i], place.item(i));
    for (const AddressList* addresses : {&rule.source, &rule.destination}) {
      sum += addresses->values.size() + prefixes.of(addresses->names);
    }
  }
  if (sum <= kMostNatPrefixes) return;
  place.error(list,
              fmt::format("the rules have more than {} prefixes, a set's counted for each rule that names it",
                          kMostNatPrefixes),
              "name large sets in one rule");
}

}  // namespace culvert
