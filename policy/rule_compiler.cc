// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_compiler.h"

#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "policy/address_lists.h"
#include "policy/address_sets.h"
#include "policy/forest_builder.h"
#include "policy/place_ranges.h"
#include "policy/prefix_numbers.h"
#include "policy/rule_check.h"
#include "policy/rule_entries.h"
#include "policy/set_standing.h"

namespace culvert {
namespace {

template <typename Family>
using IndexArrays = std::conditional_t<std::is_same_v<Family, FamilyV4>, IndexArrays4, IndexArrays6>;

/// One direction of a family, before it is copied to where it stays.
template <typename Family>
struct SideArrays {
  IndexArrays<Family> index;
  std::vector<TreeReference> trees;
  std::vector<TreeReference> set_trees;
  std::vector<std::uint32_t> combination_begins;
  std::vector<SetNumber> combination_members;
};

template <typename Family>
struct FamilyArrays {
  SideArrays<Family> source;
  SideArrays<Family> destination;
  AnywhereRules anywhere;
  bool has_set_trees = false;
};

/// Entries by place, of each in their order.
class ByPlace {
 public:
  ByPlace(const std::vector<StandingEntry>& standing, std::size_t places)
      : begins_(places + 1), entries_(standing.size()) {
    for (const StandingEntry& one : standing) ++begins_[one.place + 1];
    for (std::size_t i = 1; i <= places; ++i) begins_[i] += begins_[i - 1];
    std::vector<std::uint32_t> next(begins_.begin(), begins_.end() - 1);
    for (const StandingEntry& one : standing) entries_[next[one.place]++] = one.entry;
  }
  std::span<const EntryIndex> operator[](std::size_t place) const {
    return std::span(entries_).subspan(begins_[place], begins_[place + 1] - begins_[place]);
  }

 private:
  std::vector<std::uint32_t> begins_;
  std::vector<EntryIndex> entries_;
};

/// The lists by number of prefix: a prefix has the entries of the next outer one, and its own.
template <typename Family>
std::vector<TreeReference> plant_below(const PrefixNumbers<Family>& prefixes,
                                       const std::vector<StandingEntry>& standing, ForestBuilder::Grove& grove,
                                       RuleField address) {
  const std::size_t count = std::size_t{prefixes.count()} + 1;
  const ByPlace by_place(standing, count);
  std::vector<TreeReference> trees(count, kNoTree);
  std::vector<std::vector<EntryIndex>> open(1);  // the lists of the prefixes around, outermost first
  std::vector<std::uint32_t> numbers = {0};
  for (std::uint32_t number = 1; number < count; ++number) {
    while (numbers.back() != prefixes.outer(number)) numbers.pop_back();
    const auto own = by_place[number];
    const std::size_t depth = numbers.size();
    if (open.size() <= depth) open.emplace_back();
    std::vector<EntryIndex>& list = open[depth];
    const std::vector<EntryIndex>& around = open[depth - 1];
    list.resize(around.size() + own.size());
    std::merge(around.begin(), around.end(), own.begin(), own.end(), list.begin());
    trees[number] = own.empty() ? trees[numbers.back()] : grove.plant(list, address);
    numbers.push_back(number);
  }
  return trees;
}

std::vector<TreeReference> plant_by_sets(const std::vector<StandingEntry>& standing, std::size_t combinations,
                                         ForestBuilder::Grove& grove, RuleField address) {
  const ByPlace by_place(standing, combinations);
  std::vector<TreeReference> trees;
  trees.reserve(combinations);
  for (std::size_t i = 0; i < combinations; ++i) trees.push_back(grove.plant(by_place[i], address));
  return trees;
}

AnywhereRules plant_anywhere(const FamilyEntries& entries, ForestBuilder::Grove& grove) {
  AnywhereRules anywhere;
  for (std::size_t i = 0; i < entries.anywhere.size(); ++i) {
    if (entries.anywhere[i].empty()) continue;
    const RuleField address = i == kOnlySource ? RuleField::kSourcePrefix : RuleField::kDestinationPrefix;
    anywhere.trees[anywhere.count++] = {grove.plant(entries.anywhere[i], address), address};
  }
  return anywhere;
}

std::vector<bool> named_as(const AddressLists& lists, const RuleSet& rules, ListIndex AddressLists::OfRule::*side) {
  std::vector<bool> wanted(lists.size());
  for (std::size_t i = 0; i < rules.rules.size(); ++i) wanted[lists.of_rule(i).*side] = true;
  return wanted;
}

/// Nothing when address sets overlap in too many ways.
template <typename Family>
std::optional<FamilyArrays<Family>> compile_family(const RuleSet& rules, const AddressLists& lists,
                                                   ForestBuilder& forest) {
  const FamilyLists<Family> family_lists(rules, lists);
  FamilySides<Family> sides = {
      PrefixNumbers<Family>(family_lists, named_as(lists, rules, &AddressLists::OfRule::source)),
      PrefixNumbers<Family>(family_lists, named_as(lists, rules, &AddressLists::OfRule::destination)),
      AddressSets<Family>(rules, lists, family_lists), AddressSets<Family>(rules, lists, family_lists)};
  FamilyEntries entries = enter_rules(rules, lists, family_lists, sides);
  const auto& [sources, destinations, source_sets, destination_sets] = sides;
  const auto source_changes = sides.source_sets.compile();
  const auto destination_changes = sides.destination_sets.compile();
  if (source_sets.is_overfull() || destination_sets.is_overfull()) return std::nullopt;
  const SetStanding standing = stand_by_sets(entries, source_sets.runs(), destination_sets.runs());

  constexpr RuleField kSource = RuleField::kSourcePrefix;
  constexpr RuleField kDestination = RuleField::kDestinationPrefix;
  ForestBuilder::Grove grove(forest, entries.entries, source_sets.runs(), destination_sets.runs());
  SideArrays<Family> source = {IndexArrays<Family>(place_ranges(sources, source_changes)),
                               plant_below(sources, entries.by_source, grove, kDestination),
                               plant_by_sets(standing.by_source, source_sets.count(), grove, kDestination),
                               source_sets.begins(), source_sets.members()};
  SideArrays<Family> destination = {IndexArrays<Family>(place_ranges(destinations, destination_changes)),
                                    plant_below(destinations, entries.by_destination, grove, kSource),
                                    plant_by_sets(standing.by_destination, destination_sets.count(), grove, kSource),
                                    destination_sets.begins(), destination_sets.members()};
  const bool has_set_trees = !standing.by_source.empty() || !standing.by_destination.empty();
  return FamilyArrays<Family>{std::move(source), std::move(destination), plant_anywhere(entries, grove), has_set_trees};
}

/// Calls visit with each array.
template <typename Visit>
void for_each_array(const IndexArrays4& index, Visit visit) {
  visit(index.buckets);
  visit(index.begins);
  visit(index.lows);
  visit(index.places);
}
template <typename Visit>
void for_each_array(const IndexArrays6& index, Visit visit) {
  visit(index.keys);
  visit(index.firsts);
  visit(index.lows);
  visit(index.places);
}

template <typename Family>
std::size_t size_of(const SideArrays<Family>& side) {
  std::size_t size = TableMemory::size_of(side.trees) + TableMemory::size_of(side.set_trees) +
                     TableMemory::size_of(side.combination_begins) + TableMemory::size_of(side.combination_members);
  for_each_array(side.index, [&size](const auto& array) { size += TableMemory::size_of(array); });
  return size;
}

AddressIndex4 keep(TableMemory& memory, const IndexArrays4& index) {
  return AddressIndex4(
      {memory.keep(index.buckets), memory.keep(index.begins), memory.keep(index.lows), memory.keep(index.places)});
}
AddressIndex6 keep(TableMemory& memory, const IndexArrays6& index) {
  return AddressIndex6({memory.keep(index.keys), index.levels, index.level_count, memory.keep(index.firsts),
                        memory.keep(index.lows), memory.keep(index.places)});
}

template <typename Index, typename Family>
FamilyRules<Index> keep_family(TableMemory& memory, const FamilyArrays<Family>& arrays) {
  const auto sets = [&memory](const SideArrays<Family>& side) {
    return SetCombinations(memory.keep(side.combination_begins), memory.keep(side.combination_members));
  };
  const auto& [source, destination, anywhere, has_set_trees] = arrays;
  return {{keep(memory, source.index), memory.keep(source.trees), memory.keep(source.set_trees)},
          {keep(memory, destination.index), memory.keep(destination.trees), memory.keep(destination.set_trees)},
          anywhere,
          has_set_trees,
          {sets(source), sets(destination)}};
}

CompiledRules keep_all(const RuleSet& rules, const FamilyArrays<FamilyV4>& ipv4, const FamilyArrays<FamilyV6>& ipv6,
                       const ForestBuilder& forest) {
  std::vector<RuleOutcome> outcomes;
  outcomes.reserve(rules.rules.size());
  for (std::size_t i = 0; i < rules.rules.size(); ++i) outcomes.push_back(outcome_of(rules, static_cast<RuleIndex>(i)));

  TableMemory memory(size_of(ipv4.source) + size_of(ipv4.destination) + size_of(ipv6.source) +
                     size_of(ipv6.destination) + TableMemory::size_of(forest.blocks()) +
                     TableMemory::size_of(forest.nodes()) + TableMemory::size_of(forest.details()) +
                     TableMemory::size_of(outcomes));
  const RuleTable table(
      {keep_family<AddressIndex4>(memory, ipv4), keep_family<AddressIndex6>(memory, ipv6),
       RuleForest({memory.keep(forest.blocks()), memory.keep(forest.nodes()), memory.keep(forest.details())}),
       memory.keep(outcomes), outcome_of(rules, kDefaultRule)});
  return CompiledRules(std::move(memory), table);
}

Result<CompiledRules> compile_checked(const RuleSet& rules) {
  const AddressLists lists(rules);
  ForestBuilder forest;
  const auto ipv4 = compile_family<FamilyV4>(rules, lists, forest);
  const auto ipv6 = compile_family<FamilyV6>(rules, lists, forest);
  if (!ipv4 || !ipv6) {
    return Error{std::string("the ") + (ipv4 ? "IPv6" : "IPv4") + " address sets overlap in too many ways", 0,
                 "let more rules name the same sets, or sets that do not overlap"};
  }
  return keep_all(rules, *ipv4, *ipv6, forest);
}

}  // namespace

Result<CompiledRules> compile_rules(const RuleSet& rules) {
  const std::vector<std::string> problems = problems_of(rules);
  if (problems.empty()) return compile_checked(rules);
  const std::size_t more = problems.size() - 1;
  return Error{problems.front(), 0, more > 0 ? "and " + std::to_string(more) + " more problems of these rules" : ""};
}

RuleOutcome outcome_of(const RuleSet& rules, RuleIndex rule) noexcept {
  if (rule == kDefaultRule) return {kDefaultRule, rules.default_action, rules.log_default, false};
  const Rule& decided = rules.rules[rule];
  return {rule, decided.action, decided.log_open, decided.log_close};
}

}  // namespace culvert
