// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

#include "config/policy_check.h"
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

}  // namespace

void check_shadows(const Config& config, const YamlNode& root, const Place& place) {
  const YamlNode* policy = root.find("policy");
  const YamlNode* list = policy != nullptr ? policy->find("rules") : nullptr;
  if (!config.policy || list == nullptr) return;
  std::unordered_map<std::string_view, unsigned> zones;
  for (const auto& [name, zone] : config.zones) zones.emplace(name, static_cast<unsigned>(zones.size()) + 1);
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
    here.item(i).warning(list->values[i],
                         fmt::format("{} can never match: it is shadowed by {} (line {}), which matches all of it",
                                     rule.name, rules[*cover].name, list->values[*cover].line),
                         "move it up, or remove it");
  }
}

}  // namespace culvert
