// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_entries.h"

#include <algorithm>
#include <array>

namespace culvert {
namespace {

enum class Stand : std::uint8_t { kNowhere, kDestination, kSource, kAnywhere };

constexpr std::size_t kImpossible = ~std::size_t{0};
/// Standing by destination is worth this many times the places: a key that finds nothing by its source saves a list.
constexpr std::size_t kDestinationWorth = 8;
constexpr std::size_t kMostPlaces = 4096;  ///< of one rule

/// In how many places a rule would be.
struct Cost {
  std::size_t destination = kImpossible;
  std::size_t source = kImpossible;
  bool matches_nothing = false;
};

template <typename Family>
std::size_t places(const FamilyLists<Family>& lists, const PrefixNumbers<Family>& numbers, ListIndex list) {
  if (lists.kind(list) != ListKind::kFew) return kImpossible;
  std::size_t sum = 0;
  for (const std::uint32_t number : numbers.of_list(list)) sum += numbers.places(number);
  return sum;
}

Stand choose(const Cost& cost, std::size_t most) {
  if (cost.matches_nothing) return Stand::kNowhere;
  const bool by_destination = cost.destination <= most;
  const bool by_source = cost.source <= most;
  if (by_destination && by_source)
    return cost.destination / kDestinationWorth > cost.source ? Stand::kSource : Stand::kDestination;
  return by_destination ? Stand::kDestination : by_source ? Stand::kSource : Stand::kAnywhere;
}

/// Rules with more places than `most` stand elsewhere; `most` shrinks until all places together are few enough.
std::vector<Stand> choose_all(const std::vector<Cost>& costs, std::size_t limit) {
  std::vector<Stand> stands(costs.size());
  for (std::size_t most = kMostPlaces;; most /= 2) {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < costs.size(); ++i) {
      stands[i] = choose(costs[i], most);
      sum += stands[i] == Stand::kDestination ? costs[i].destination : 0;
      sum += stands[i] == Stand::kSource ? costs[i].source : 0;
    }
    if (sum <= limit || most == 0) return stands;
  }
}

template <typename Family>
class Entering {
 public:
  Entering(const RuleSet& rules, const AddressLists& lists, const FamilyLists<Family>& family_lists,
           FamilySides<Family>& sides)
      : rules_(rules), lists_(lists), family_lists_(family_lists), sides_(sides) {}

  FamilyEntries run() {
    std::vector<Cost> costs;
    costs.reserve(rules_.rules.size());
    for (std::size_t i = 0; i < rules_.rules.size(); ++i) costs.push_back(cost_of(i));
    const std::vector<Stand> stands = choose_all(costs, kMaxStanding);
    result_.entries.reserve(rules_.rules.size());
    result_.by_destination.reserve(rules_.rules.size());
    for (std::size_t i = 0; i < rules_.rules.size(); ++i)
      if (stands[i] != Stand::kNowhere) enter(static_cast<RuleIndex>(i), stands[i]);
    return std::move(result_);
  }

 private:
  Cost cost_of(std::size_t index) const {
    const Rule& rule = rules_.rules[index];
    const auto [source, destination] = lists_.of_rule(index);
    Cost cost;
    cost.matches_nothing = !rule.enabled || family_lists_.kind(source) == ListKind::kNothing ||
                           family_lists_.kind(destination) == ListKind::kNothing;
    if (cost.matches_nothing) return cost;
    const std::size_t lines = std::max<std::size_t>(rule.services.size(), 1);
    const std::size_t by_destination = places(family_lists_, sides_.destinations, destination);
    const std::size_t by_source = places(family_lists_, sides_.sources, source);
    if (by_destination != kImpossible) cost.destination = by_destination * lines;
    if (by_source != kImpossible) cost.source = by_source * lines;
    return cost;
  }

  void enter(RuleIndex index, Stand stand) {
    const Rule& rule = rules_.rules[index];
    const auto [source, destination] = lists_.of_rule(index);
    RuleEntry entry;
    entry.rule = index;
    entry.from = rule.from;
    entry.to = rule.to;
    if (stand != Stand::kSource) require(source, sides_.sources, sides_.source_sets, entry.source, entry.source_set);
    if (stand != Stand::kDestination)
      require(destination, sides_.destinations, sides_.destination_sets, entry.destination, entry.destination_set);
    const std::size_t anywhere = (family_lists_.kind(source) == ListKind::kAny ? 0U : 1U) +
                                 (family_lists_.kind(destination) == ListKind::kAny ? 0U : 2U);
    static const std::vector<ServiceMatch> kAnyService = {{.any_protocol = true, .source = {}, .destination = {}}};
    for (const ServiceMatch& service : rule.services.empty() ? kAnyService : rule.services) {
      entry.service = service;
      const auto position = static_cast<EntryIndex>(result_.entries.size());
      result_.entries.push_back(entry);
      if (stand == Stand::kAnywhere) result_.anywhere[anywhere].push_back(position);
      if (stand == Stand::kSource) put(result_.by_source, sides_.sources.of_list(source), position);
      if (stand == Stand::kDestination) put(result_.by_destination, sides_.destinations.of_list(destination), position);
    }
  }

  static void put(std::vector<StandingEntry>& standing, std::span<const std::uint32_t> prefixes, EntryIndex entry) {
    for (const std::uint32_t prefix : prefixes) standing.push_back({prefix, entry});
  }

  /// What an address must fulfil that has not led to the entry. A single prefix is a range of numbers; several are a
  /// set, and the range that spans them is compared before.
  void require(ListIndex list, const PrefixNumbers<Family>& numbers, AddressSets<Family>& sets, NumberRange& range,
               SetNumber& set) {
    const ListKind kind = family_lists_.kind(list);
    if (kind == ListKind::kMany) set = sets.number(list);
    if (kind != ListKind::kFew) return;
    const auto few = numbers.of_list(list);
    range = {few.front(), numbers.last_inside(few.back())};
    if (few.size() > 1) set = sets.number(list);
  }

  const RuleSet& rules_;
  const AddressLists& lists_;
  const FamilyLists<Family>& family_lists_;
  FamilySides<Family>& sides_;
  FamilyEntries result_;
};

}  // namespace

template <typename Family>
FamilyEntries enter_rules(const RuleSet& rules, const AddressLists& lists, const FamilyLists<Family>& family_lists,
                          FamilySides<Family>& sides) {
  return Entering<Family>(rules, lists, family_lists, sides).run();
}

template FamilyEntries enter_rules(const RuleSet&, const AddressLists&, const FamilyLists<FamilyV4>&,
                                   FamilySides<FamilyV4>&);
template FamilyEntries enter_rules(const RuleSet&, const AddressLists&, const FamilyLists<FamilyV6>&,
                                   FamilySides<FamilyV6>&);

}  // namespace culvert
