// SPDX-License-Identifier: Apache-2.0
#include "config/policy_check.h"

#include <set>

#include "config/policy_nodes.h"

namespace culvert {
namespace {

/// The value at a path of two keys, or what is there of it.
const YamlNode& near_node(const YamlNode& root, const std::string& first, const std::string& second) {
  const YamlNode* outer = root.find(first);
  if (outer == nullptr) return root;
  const YamlNode* inner = outer->find(second);
  return inner != nullptr ? *inner : *outer;
}

void check_zones(const Config& config, const YamlNode& root, const Place& place) {
  std::set<std::string> used;
  for (const auto& [name, interface] : config.interfaces) {
    if (interface.zone) used.insert(*interface.zone);
    if (interface.zone || !config.policy) continue;
    place.at("interfaces")
        .at(name)
        .warning(near_node(root, "interfaces", name), "is in no zone: only rules from or to any zone match its packets",
                 "give it a zone");
  }
  for (const auto& [name, zone] : config.zones) {
    if (used.contains(name)) continue;
    place.at("zones").at(name).warning(near_node(root, "zones", name), "no interface is in this zone",
                                       fmt::format("write zone: {} below an interface", name));
  }
  if (config.zones.empty() || config.policy) return;
  place.at("zones").warning(near_node(root, "zones", ""), "zones without a policy stop nobody", "write a policy");
}

/// Whoever names a screen there waits for alarms that never come.
void check_alarms(const ScreenConfig& screen, const YamlNode* list, const Place& place) {
  if (list == nullptr) return;
  for (std::size_t i = 0; i < screen.alarm_only.size() && i < list->values.size(); ++i) {
    if (is_on(screen, screen.alarm_only[i])) continue;
    const std::string_view name = name_of(screen.alarm_only[i]);
    place.item(i).warning(list->values[i], fmt::format("{} is off, so it counts nothing", name),
                          fmt::format("switch {} on, or leave it out here", name));
  }
}

void check_screens(const Config& config, const YamlNode& root, const Place& place) {
  std::set<std::string> used;
  for (const auto& [name, zone] : config.zones) {
    if (zone.screen) used.insert(*zone.screen);
  }
  for (const auto& [name, screen] : config.screens) {
    const Place here = place.at("screens").at(name);
    check_alarms(screen, node_at(root, {"screens", name, "alarm_only"}), here.at("alarm_only"));
    if (used.contains(name)) continue;
    here.warning(near_node(root, "screens", name), "no zone has this screen",
                 fmt::format("write screen: {} below a zone", name));
  }
}

void check_sets(const PolicyConfig& policy, const YamlNode& node, const Place& place) {
  for (const auto& [name, set] : policy.addresses) {
    if (!set.members.empty() || !set.file.path.empty()) continue;
    place.at("addresses")
        .at(name)
        .warning(near_node(node, "addresses", name),
                 "nobody is in this set: a rule that names it alone matches nothing", "give it members, or a file");
  }
}

}  // namespace

void check_firewall(const Config& config, const YamlNode& root, const Place& place) {
  check_zones(config, root, place);
  check_screens(config, root, place);
  const YamlNode* node = root.find("policy");
  if (!config.policy || node == nullptr) return;
  const Place here = place.at("policy");
  check_sets(*config.policy, *node, here);
  if (config.system.fail == FailChoice::kOpen) {
    place.at("system").at("fail").warning(
        near_node(root, "system", "fail"),
        "the policy holds only while culvertd runs: then the kernel lets everything pass, and connections that begin "
        "meanwhile are dropped afterwards",
        "use closed, or auto");
  }
  if (config.policy->default_action != RuleAction::kPermit) return;
  here.at("default").warning(near_node(root, "policy", "default"), "what no rule denies may pass",
                             "use deny, and rules for what may pass");
}

}  // namespace culvert
