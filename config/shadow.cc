// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "config/nat_check.h"
#include "config/policy_check.h"
#include "config/policy_nodes.h"
#include "config/service.h"

namespace culvert {
namespace {

/// A number for each different list, in whatever order it was written; 0 is the empty one, which is any.
class Lists {
 public:
  template <typename T>
  std::uint64_t number_of(const NamedList<T>& list) {
    if (list.empty()) return 0;
    std::vector<std::string> texts = list.names;
    for (const T& value : list.values) texts.push_back(to_text(value));
    std::sort(texts.begin(), texts.end());
    return numbers_.emplace(fmt::format("{}", fmt::join(texts, "\n")), numbers_.size() + 1).first->second;
  }

 private:
  std::unordered_map<std::string, std::uint64_t> numbers_;
};

/// What a rule looks at, as numbers.
struct Shape {
  ZoneMask from = kAllZones;
  ZoneMask to = kAllZones;
  std::uint64_t source = 0;
  std::uint64_t destination = 0;
  std::uint64_t service = 0;
};

ZoneMask mask_of(const std::vector<std::string>& zones, const std::unordered_map<std::string_view, unsigned>& numbers) {
  if (zones.empty()) return kAllZones;
  ZoneMask mask = 0;
  for (const std::string& zone : zones) mask |= ZoneMask{1} << numbers.at(zone);
  return mask;
}

/// Rules by what they match besides zones, for the rules behind them.
class Earlier {
 public:
  explicit Earlier(const std::vector<RuleConfig>& rules) : rules_(rules) {}

  /// The first rule that covers this one, if there is one. It does whenever it is there: always, or when this one is.
  std::optional<std::size_t> covering(std::size_t index, const Shape& shape) const {
    std::optional<std::size_t> first;
    for (unsigned any = 0; any < 8; ++any) {
      const auto lists = by_lists_.find(key_of(shape, any));
      if (lists == by_lists_.end()) continue;
      for (const auto& [earlier, mask] : lists->second) {
        const std::optional<std::string>& schedule = rules_[earlier].schedule;
        const bool covers = (shape.from & ~mask.from) == 0 && (shape.to & ~mask.to) == 0 &&
                            (!schedule || schedule == rules_[index].schedule);
        if (!covers) continue;
        first = std::min(first.value_or(earlier), earlier);
        break;  // the others of this list are later ones
      }
    }
    return first;
  }

  void add(std::size_t index, const Shape& shape) { by_lists_[key_of(shape, 0)].emplace_back(index, shape); }

 private:
  /// The lists as one word; bits of `any` say which of them are replaced by any.
  static std::uint64_t key_of(const Shape& shape, unsigned any) {
    constexpr unsigned kBits = 20;
    static_assert(2 * kMaxRules < (1U << kBits), "a rule has at most two lists of one kind");
    const auto part = [&](unsigned bit, std::uint64_t number) { return (any >> bit & 1U) != 0 ? 0 : number; };
    return part(0, shape.source) << (2 * kBits) | part(1, shape.destination) << kBits | part(2, shape.service);
  }

  const std::vector<RuleConfig>& rules_;
  std::unordered_map<std::uint64_t, std::vector<std::pair<std::size_t, Shape>>> by_lists_;
};

/// Each zone's number.
std::unordered_map<std::string_view, unsigned> zone_numbers(const Config& config) {
  std::unordered_map<std::string_view, unsigned> zones;
  for (const auto& [name, zone] : config.zones) zones.emplace(name, static_cast<unsigned>(zones.size()) + 1);
  return zones;
}

/// Says of a rule that it comes too late.
void warn(const std::string& rule, const YamlNode& node, const std::string& cover, const YamlNode& cover_node,
          const Place& place) {
  place.warning(node,
                fmt::format("{} can never match: it is shadowed by {} (line {}), which matches all of it", rule, cover,
                            cover_node.line),
                "move it up, or remove it");
}

/// A rule of address translation, which has no service.
struct NatShape {
  Shape shape;
  NatFamily family = NatFamily::kBoth;

  bool covers(const NatShape& other) const noexcept {
    const auto list_covers = [](std::uint64_t ours, std::uint64_t theirs) { return ours == 0 || ours == theirs; };
    return (other.shape.from & ~shape.from) == 0 && (other.shape.to & ~shape.to) == 0 &&
           list_covers(shape.source, other.shape.source) && list_covers(shape.destination, other.shape.destination) &&
           (family == NatFamily::kBoth || family == other.family);
  }
};

}  // namespace

void check_shadows(const Config& config, const YamlNode& root, const Place& place) {
  const YamlNode* policy = root.find("policy");
  const YamlNode* list = policy != nullptr ? policy->find("rules") : nullptr;
  if (!config.policy || list == nullptr) return;
  const auto zones = zone_numbers(config);
  const std::vector<RuleConfig>& rules = config.policy->rules;
  const Place here = place.at("policy").at("rules");
  Lists addresses;
  Lists services;
  Earlier earlier(rules);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const RuleConfig& rule = rules[i];
    if (!rule.enabled) continue;
    const Shape shape{mask_of(rule.from, zones), mask_of(rule.to, zones), addresses.number_of(rule.source),
                      addresses.number_of(rule.destination), services.number_of(rule.service)};
    const auto cover = earlier.covering(i, shape);
    if (!cover) {
      earlier.add(i, shape);
      continue;
    }
    warn(rule.name, list->values[i], rules[*cover].name, list->values[*cover], here.item(i));
  }
}

void check_nat_shadows(const Config& config, const YamlNode& root, const Place& place) {
  const YamlNode* list = node_at(root, {"nat", "source"});
  if (!config.nat || list == nullptr) return;
  const auto zones = zone_numbers(config);
  const std::vector<SourceNatRuleConfig>& rules = config.nat->source;
  const Place here = place.at("nat").at("source");
  Lists addresses;
  std::vector<std::pair<std::size_t, NatShape>> earlier;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const SourceNatRuleConfig& rule = rules[i];
    if (!rule.enabled) continue;
    const NatShape shape{{mask_of(rule.from, zones), mask_of(rule.to, zones), addresses.number_of(rule.source),
                          addresses.number_of(rule.destination), 0},
                         rule.family};
    const auto cover =
        std::find_if(earlier.begin(), earlier.end(), [&](const auto& other) { return other.second.covers(shape); });
    if (cover == earlier.end()) {
      earlier.emplace_back(i, shape);
    } else {
      warn(rule.name, list->values[i], rules[cover->first].name, list->values[cover->first], here.item(i));
    }
  }
}

}  // namespace culvert
