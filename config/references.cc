// SPDX-License-Identifier: Apache-2.0
#include "config/references.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "config/nested_sets.h"
#include "config/policy_nodes.h"

namespace culvert {
namespace {

/// The names that a mapping gives, right or wrong as what is below them may be.
class Names {
 public:
  /// `noun` and `nouns`: "zone", "zones"; `path`: where they are defined; `words`: what else may stand there.
  Names(std::string noun, std::string nouns, std::string path, const YamlNode* mapping,
        std::vector<std::string> words = {})
      : noun_(std::move(noun)), nouns_(std::move(nouns)), path_(std::move(path)), candidates_(std::move(words)) {
    if (mapping == nullptr) return;
    for (const YamlNode& key : mapping->keys) {
      if (key.is_scalar() && known_.insert(key.text).second) list_.push_back(key.text);
    }
    candidates_.insert(candidates_.end(), list_.begin(), list_.end());
  }

  /// Reports a name that is nobody's at its place.
  void check(const std::string& name, const YamlNode& node, const Place& place) {
    if (known_.contains(name)) return;
    place.error(node, fmt::format("there is no {} {}", noun_, shown(name)), advice(name));
  }

 private:
  /// Suggestions compare with every name: a text with nothing but mistakes gets the first of them only.
  static constexpr unsigned kMostSuggestions = 20;
  static constexpr std::size_t kMostListed = 10;

  std::string advice(const std::string& name) {
    const auto meant = suggestions_++ < kMostSuggestions ? nearest(name, candidates_) : std::nullopt;
    if (meant) return fmt::format("did you mean {}?", *meant);
    if (list_.empty() || list_.size() > kMostListed) return fmt::format("write it below {}", path_);
    return fmt::format("the {} are {}", nouns_, shown(fmt::format("{}", fmt::join(list_, ", ")), 400));
  }

  std::string noun_;
  std::string nouns_;
  std::string path_;
  std::unordered_set<std::string_view> known_;  ///< of the text
  std::vector<std::string> list_;
  std::vector<std::string> candidates_;  ///< of suggestions: the names and the words
  unsigned suggestions_ = 0;
};

/// Every name of a list, at its item: the names stand there in this order, with values between them.
void check_names(Names& known, const std::vector<std::string>& names, const YamlNode* list, const Place& place) {
  if (list == nullptr || names.empty()) return;
  if (list->is_scalar()) return known.check(names.front(), *list, place);
  std::size_t next = 0;
  for (std::size_t i = 0; i < list->values.size() && next < names.size(); ++i) {
    if (list->values[i].text != names[next]) continue;
    known.check(names[next], list->values[i], place.item(i));
    ++next;
  }
}

/// Names of sets in sets; then whether what they stand for ends, and is bounded.
template <typename Set>
void check_sets(const std::map<std::string, Set>& sets, const YamlNode* mapping, const Place& place, Names& known) {
  for (const auto& [name, set] : sets) {
    check_names(known, set.members.names, members_node(mapping, name), place.at(name));
  }
  // A set whose members were refused has none, which would be one mistake more.
  if (place.diagnostics.errors() == 0 && mapping != nullptr) check_nesting(sets, *mapping, place);
}

void check_zones(const Config& config, const YamlNode& root, const Place& place, Names& zones) {
  for (const auto& [name, interface] : config.interfaces) {
    const YamlNode* node = node_at(root, {"interfaces", name, "zone"});
    if (interface.zone && node != nullptr)
      zones.check(*interface.zone, *node, place.at("interfaces").at(name).at("zone"));
  }
}

void check_screens(const Config& config, const YamlNode& root, const Place& place) {
  Names screens("screen", "screens", "screens", root.find("screens"));
  for (const auto& [name, zone] : config.zones) {
    const YamlNode* node = node_at(root, {"zones", name, "screen"});
    if (zone.screen && node != nullptr) screens.check(*zone.screen, *node, place.at("zones").at(name).at("screen"));
  }
}

template <typename Rule>
void check_rule_names(const std::vector<Rule>& rules, const YamlNode& list, const Place& place) {
  std::unordered_map<std::string_view, std::size_t> first;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].name.empty()) continue;  // refused
    const auto [seen, is_new] = first.emplace(rules[i].name, i);
    if (is_new) continue;
    const YamlNode* node = list.values[i].find("name");
    place.item(i).at("name").error(
        node != nullptr ? *node : list.values[i], fmt::format("there is a rule {} already", rules[i].name),
        fmt::format("it is in line {}; give this one another name", list.values[seen->second].line));
  }
}

/// What rules of all kinds look at.
template <typename Rule>
void check_ends(const Rule& rule, const YamlNode& node, const Place& place, Names& zones, Names& addresses) {
  check_names(zones, rule.from, node.find("from"), place.at("from"));
  check_names(zones, rule.to, node.find("to"), place.at("to"));
  check_names(addresses, rule.source.names, node.find("source"), place.at("source"));
  check_names(addresses, rule.destination.names, node.find("destination"), place.at("destination"));
}

void check_rule(const RuleConfig& rule, const YamlNode& node, const Place& place, Names& zones, Names& addresses,
                Names& services, Names& schedules) {
  check_ends(rule, node, place, zones, addresses);
  check_names(services, rule.service.names, node.find("service"), place.at("service"));
  const YamlNode* schedule = node.find("schedule");
  if (rule.schedule && schedule != nullptr) schedules.check(*rule.schedule, *schedule, place.at("schedule"));
}

void check_policy(const PolicyConfig& policy, const YamlNode& node, const Place& place, Names& zones,
                  Names& addresses) {
  const YamlNode* address_node = node.find("addresses");
  const YamlNode* service_node = node.find("services");
  Names services("service", "services", "policy.services", service_node);
  Names schedules("schedule", "schedules", "policy.schedules", node.find("schedules"));
  check_sets(policy.addresses, address_node, place.at("addresses"), addresses);
  check_sets(policy.services, service_node, place.at("services"), services);
  const YamlNode* rules = node.find("rules");
  // A list that is too long was not read.
  if (rules == nullptr || rules->values.size() != policy.rules.size()) return;
  const Place here = place.at("rules");
  check_rule_names(policy.rules, *rules, here);
  for (std::size_t i = 0; i < policy.rules.size() && !place.diagnostics.full(); ++i) {
    check_rule(policy.rules[i], rules->values[i], here.item(i), zones, addresses, services, schedules);
  }
  check_rule_sizes(policy, *rules, here);
}

/// A list that is too long was not read.
template <typename Rule>
const YamlNode* list_of(const std::vector<Rule>& rules, const YamlNode& node, const char* key) {
  const YamlNode* list = node.find(key);
  return list != nullptr && list->values.size() == rules.size() ? list : nullptr;
}

void check_destinations(const Config& config, const YamlNode& node, const Place& place, const YamlNode* policy,
                        Names& zones, Names& addresses) {
  const NatConfig& nat = *config.nat;
  Names services("service", "services", "policy.services", policy != nullptr ? policy->find("services") : nullptr);
  if (const YamlNode* rules = list_of(nat.destination, node, "destination")) {
    const Place here = place.at("destination");
    check_rule_names(nat.destination, *rules, here);
    for (std::size_t i = 0; i < nat.destination.size() && !place.diagnostics.full(); ++i) {
      const DestinationNatRuleConfig& rule = nat.destination[i];
      const YamlNode& text = rules->values[i];
      check_names(zones, rule.from, text.find("from"), here.item(i).at("from"));
      check_names(addresses, rule.source.names, text.find("source"), here.item(i).at("source"));
      check_names(services, rule.service.names, text.find("service"), here.item(i).at("service"));
    }
  }
  if (const YamlNode* rules = list_of(nat.static_rules, node, "static")) {
    const Place here = place.at("static");
    check_rule_names(nat.static_rules, *rules, here);
    for (std::size_t i = 0; i < nat.static_rules.size() && !place.diagnostics.full(); ++i) {
      check_names(zones, nat.static_rules[i].outside, rules->values[i].find("outside"), here.item(i).at("outside"));
    }
  }
}

void check_nat(const Config& config, const YamlNode& node, const Place& place, const YamlNode* policy, Names& zones,
               Names& addresses) {
  if (!config.policy) {
    place.error(node, "what is translated are sessions, and there are none without a policy",
                "write policy: with rules for what may pass, or policy: {default: permit}");
  }
  const NatConfig& nat = *config.nat;
  check_destinations(config, node, place, policy, zones, addresses);
  const YamlNode* rules = list_of(nat.source, node, "source");
  if (rules == nullptr) return;
  Names pools("pool", "pools", "nat.pools", node.find("pools"), {"none", "interface"});
  const Place here = place.at("source");
  check_rule_names(nat.source, *rules, here);
  for (std::size_t i = 0; i < nat.source.size() && !place.diagnostics.full(); ++i) {
    const SourceNatRuleConfig& rule = nat.source[i];
    const YamlNode& text = rules->values[i];
    check_ends(rule, text, here.item(i), zones, addresses);
    const YamlNode* translate = text.find("translate");
    const bool named = rule.translate.action == SourceAction::kPool && translate != nullptr;
    if (named) pools.check(rule.translate.pool, *translate, here.item(i).at("translate"));
  }
  if (config.policy) check_rule_sizes(nat, config.policy->addresses, *rules, here);
}

}  // namespace

void check_references(const Config& config, const YamlNode& root, const Place& place) {
  Names zones("zone", "zones", "zones", root.find("zones"));
  Names addresses("address set", "sets", "policy.addresses", node_at(root, {"policy", "addresses"}));
  check_zones(config, root, place, zones);
  check_screens(config, root, place);
  const YamlNode* policy = root.find("policy");
  if (config.policy && policy != nullptr) check_policy(*config.policy, *policy, place.at("policy"), zones, addresses);
  const YamlNode* nat = root.find("nat");
  if (config.nat && nat != nullptr) check_nat(config, *nat, place.at("nat"), policy, zones, addresses);
}

}  // namespace culvert
