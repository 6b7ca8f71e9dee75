// SPDX-License-Identifier: Apache-2.0
// The policy as workers match with it: immutable, compiled from a RuleSet (rule_compiler.h). A key costs two address
// look-ups and the search of some short lists, nearly whatever the number of rules and of prefixes in their sets.
//
// A rule stands where one of its addresses leads to it:
//
//   by destination   under each prefix that it names as destination (and under the longer ones inside)
//   by source        else under each prefix that it names as source
//   anywhere         else: any address, or a set of many prefixes, on both sides
//
// so a key looks at the list of its destination's longest prefix, at that of its source's and at the third one (which
// is up to four: apart by whether they say something of the source, the destination or both); the first rule of all
// that matches decides. Lists that would be long are trees (rule_forest.h). Example:
//
//   rule 0   from 198.18.0.0/24 to any, tcp 80                by source: list of 198.18.0.0/24
//   rule 1   from a set of 100,000 prefixes to any, deny      anywhere: condition "source is in set 0"
//   rule 2   from any to 192.0.2.0/24, icmp                   by destination: list of 192.0.2.0/24
//   rule 3   from the set to 192.0.2.7, tcp 25, deny          by destination: list of 192.0.2.7/32, where rule 2 is too
//
// The key 198.18.0.9 -> 192.0.2.7 tcp 80 reads {2, 3} for its destination, {0} for its source, {1} anywhere: rule 0.
//
// A rule that stands under a prefix with very many longer ones inside would be in too many lists; it goes to the other
// side or to the third list, which is then a tree over all values. How much is bounded: rule_compiler.h says what a
// table costs. A key whose zones, ports and sets decide nothing among thousands of rules is compared with all of them,
// four at a time: no worse than a list.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "policy/address_index.h"
#include "policy/policy_key.h"
#include "policy/rule_forest.h"
#include "policy/rules.h"
#include "policy/set_combinations.h"

namespace culvert {

struct RuleOutcome {
  RuleIndex rule = kDefaultRule;
  RuleAction action = RuleAction::kDeny;
  bool log_open = false;
  bool log_close = false;

  friend bool operator==(const RuleOutcome&, const RuleOutcome&) = default;
};

/// One direction's addresses of one family.
template <typename Index>
struct AddressSide {
  Index index;
  std::span<const TreeReference> trees;      ///< by AddressPlace::prefix
  std::span<const TreeReference> set_trees;  ///< by AddressPlace::sets
};

/// Rules that no address leads to. They stand in up to four trees, apart by which addresses they say something of.
struct AnywhereRules {
  struct Tree {
    TreeReference tree = kNoTree;
    RuleField address{};  ///< what its blocks compare
  };
  std::array<Tree, 4> trees{};
  std::size_t count = 0;
};

template <typename Index>
struct FamilyRules {
  AddressSide<Index> source;
  AddressSide<Index> destination;
  AnywhereRules anywhere;
  bool has_set_trees = false;
  RuleForest::Sets sets;
};

/// Does not own its memory: CompiledRules does (rule_compiler.h).
class RuleTable {
 public:
  static constexpr std::size_t kMaxBurst = 64;

  struct Parts {
    FamilyRules<AddressIndex4> ipv4;
    FamilyRules<AddressIndex6> ipv6;
    RuleForest forest;
    std::span<const RuleOutcome> outcomes;  ///< by RuleIndex
    RuleOutcome default_outcome;
  };

  explicit RuleTable(const Parts& parts) noexcept : parts_(parts) {}

  /// The first rule that matches, or the default. Zones are below kMaxZones. A key of no family gets the default.
  RuleOutcome match(const PolicyKey& key) const noexcept;

  /// outcomes[i] = match(keys[i]) for at most kMaxBurst keys, whose cache misses overlap; outcomes.size() >=
  /// keys.size().
  void match(std::span<const PolicyKey> keys, std::span<RuleOutcome> outcomes) const noexcept;

 private:
  RuleOutcome outcome(std::uint32_t rule) const noexcept {
    return rule == kDefaultRule ? parts_.default_outcome : parts_.outcomes[rule];
  }

  Parts parts_;
};

}  // namespace culvert
