// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_table.h"

#include <array>

#include "base/check.h"
#include "policy/rule_search.h"

namespace culvert {
namespace {

/// The ranks of a key's addresses (IPv6 before: numbers of the search tree).
struct Ranks {
  std::uint32_t source;
  std::uint32_t destination;
};

/// The trees to which its addresses lead.
struct Trees {
  TreeReference source;
  TreeReference destination;
  TreeReference source_sets;
  TreeReference destination_sets;
};

/// What a burst keeps of each key between its steps. Nothing is zeroed first: for a burst that would be kilobytes.
using BurstRanks = std::array<Ranks, RuleTable::kMaxBurst>;
using BurstTrees = std::array<Trees, RuleTable::kMaxBurst>;
using BurstValues = std::array<RuleValues, RuleTable::kMaxBurst>;

RuleValues values_of(const PolicyKey& key, const AddressPlace& source, const AddressPlace& destination) noexcept {
  RuleValues values;
  values[RuleField::kSourcePrefix] = source.prefix;
  values[RuleField::kDestinationPrefix] = destination.prefix;
  values[RuleField::kDestinationPort] = key.destination_port;
  values[RuleField::kProtocol] = key.protocol;
  values[RuleField::kFrom] = key.from;
  values[RuleField::kTo] = key.to;
  values[RuleField::kSourceSets] = source.sets;
  values[RuleField::kDestinationSets] = destination.sets;
  values.source_port = key.source_port;
  return values;
}

/// From the places of the addresses to the trees.
template <typename Index>
Trees find_trees(const FamilyRules<Index>& rules, const RuleForest& forest, const PolicyKey& key, const Ranks& ranks,
                 RuleValues& values) noexcept {
  const AddressPlace& source = rules.source.index.place(ranks.source);
  const AddressPlace& destination = rules.destination.index.place(ranks.destination);
  values = values_of(key, source, destination);
  Trees trees = {rules.source.trees[source.prefix], rules.destination.trees[destination.prefix], kNoTree, kNoTree};
  forest.prefetch_tree(trees.destination);
  forest.prefetch_tree(trees.source);
  if (rules.has_set_trees) {
    trees.source_sets = rules.source.set_trees[source.sets];
    trees.destination_sets = rules.destination.set_trees[destination.sets];
    forest.prefetch_tree(trees.destination_sets);
    forest.prefetch_tree(trees.source_sets);
  }
  return trees;
}

template <typename Index>
std::uint32_t search(const FamilyRules<Index>& rules, const RuleForest& forest, const Trees& trees,
                     const RuleValues& values) noexcept {
  const RuleSearch search(forest, rules.sets, values);
  std::uint32_t best = kDefaultRule;
  best = search.first(trees.destination, RuleField::kSourcePrefix, best);
  best = search.first(trees.source, RuleField::kDestinationPrefix, best);
  if (rules.has_set_trees) {
    best = search.first(trees.destination_sets, RuleField::kSourcePrefix, best);
    best = search.first(trees.source_sets, RuleField::kDestinationPrefix, best);
  }
  for (std::size_t i = 0; i < rules.anywhere.count; ++i)
    best = search.first(rules.anywhere.trees[i].tree, rules.anywhere.trees[i].address, best);
  return best;
}

template <typename Index>
std::uint32_t match_one(const FamilyRules<Index>& rules, const RuleForest& forest, const PolicyKey& key) noexcept {
  const Ranks ranks = {rules.source.index.rank(key.source), rules.destination.index.rank(key.destination)};
  RuleValues values;
  const Trees trees = find_trees(rules, forest, key, ranks, values);
  return search(rules, forest, trees, values);
}

/// The IPv4 keys of a burst: each step only prefetches what the next one reads.
void rank4(const FamilyRules<AddressIndex4>& rules, std::span<const PolicyKey> keys, BurstRanks& ranks) noexcept {
  struct Buckets {
    AddressIndex4::Span source;
    AddressIndex4::Span destination;
  };
  std::array<Buckets, RuleTable::kMaxBurst> buckets;
  const AddressIndex4& sources = rules.source.index;
  const AddressIndex4& destinations = rules.destination.index;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].network != NetworkKind::kIpv4) continue;
    buckets[i] = {sources.bucket_of(keys[i].source), destinations.bucket_of(keys[i].destination)};
    sources.prefetch_bucket(buckets[i].source);
    destinations.prefetch_bucket(buckets[i].destination);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].network != NetworkKind::kIpv4) continue;
    ranks[i] = {sources.rank_within(buckets[i].source, keys[i].source),
                destinations.rank_within(buckets[i].destination, keys[i].destination)};
    sources.prefetch_place(ranks[i].source);
    destinations.prefetch_place(ranks[i].destination);
  }
}

/// The IPv6 keys of a burst go down their search trees level by level together.
template <bool kSource>
void rank6(const AddressIndex6& index, std::span<const PolicyKey> keys, std::span<const std::uint8_t> which,
           BurstRanks& ranks) noexcept {
  const auto address = [&keys](std::uint8_t i) { return kSource ? keys[i].source : keys[i].destination; };
  const auto state = [&ranks](std::uint8_t i) -> std::uint32_t& {
    return kSource ? ranks[i].source : ranks[i].destination;
  };
  for (const std::uint8_t i : which) state(i) = 0;
  for (std::size_t level = 0; level < index.level_count(); ++level) {
    const bool is_last = level + 1 == index.level_count();
    for (const std::uint8_t i : which) {
      state(i) = index.step(level, state(i), address(i).high);
      if (!is_last) index.prefetch_node(level + 1, state(i));
    }
  }
  for (const std::uint8_t i : which) {
    state(i) = index.rank_of(state(i), address(i));
    index.prefetch_place(state(i));
  }
}

}  // namespace

RuleOutcome RuleTable::match(const PolicyKey& key) const noexcept {
  CULVERT_ASSERT(key.from < kMaxZones && key.to < kMaxZones);
  switch (key.network) {
    case NetworkKind::kIpv4:
      return outcome(match_one(parts_.ipv4, parts_.forest, key));
    case NetworkKind::kIpv6:
      return outcome(match_one(parts_.ipv6, parts_.forest, key));
    case NetworkKind::kNone:
      break;
  }
  return parts_.default_outcome;
}

void RuleTable::match(std::span<const PolicyKey> keys, std::span<RuleOutcome> outcomes) const noexcept {
  CULVERT_CHECK(keys.size() <= kMaxBurst && outcomes.size() >= keys.size());
  BurstRanks ranks;
  BurstTrees trees;
  BurstValues values;
  std::array<std::uint8_t, kMaxBurst> ipv6_keys;
  std::size_t ipv6_count = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const PolicyKey& key = keys[i];
    CULVERT_ASSERT(key.from < kMaxZones && key.to < kMaxZones);
    ipv6_keys[ipv6_count] = static_cast<std::uint8_t>(i);
    ipv6_count += key.network == NetworkKind::kIpv6 ? 1 : 0;
  }
  if (ipv6_count < keys.size()) rank4(parts_.ipv4, keys, ranks);
  if (ipv6_count > 0) {
    const auto which = std::span(ipv6_keys).first(ipv6_count);
    rank6<true>(parts_.ipv6.source.index, keys, which, ranks);
    rank6<false>(parts_.ipv6.destination.index, keys, which, ranks);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const NetworkKind network = keys[i].network;
    if (network == NetworkKind::kIpv4) trees[i] = find_trees(parts_.ipv4, parts_.forest, keys[i], ranks[i], values[i]);
    if (network == NetworkKind::kIpv6) trees[i] = find_trees(parts_.ipv6, parts_.forest, keys[i], ranks[i], values[i]);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    std::uint32_t rule = kDefaultRule;
    if (keys[i].network == NetworkKind::kIpv4) rule = search(parts_.ipv4, parts_.forest, trees[i], values[i]);
    if (keys[i].network == NetworkKind::kIpv6) rule = search(parts_.ipv6, parts_.forest, trees[i], values[i]);
    outcomes[i] = outcome(rule);
  }
}

}  // namespace culvert
