// SPDX-License-Identifier: Apache-2.0
// How a long list of entries is best divided: by which value of a key, and where.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policy/address_sets.h"
#include "policy/rule_entries.h"
#include "policy/rule_forest.h"

namespace culvert {

/// In which combinations each set of a direction is: all that dividing needs to know of sets.
using SetRuns = std::vector<std::vector<CombinationRun>>;

/// What is known of a key that has come to a list, by RuleField.
using KnownValues = std::array<NumberRange, kRuleFields>;

struct RuleSplit {
  RuleField field{};
  std::array<std::uint32_t, 15> bounds{};  ///< as in RuleNode
  std::size_t copies = 0;                  ///< entries of all children together
};

/// What is known in child number `child`.
KnownValues known_in(const RuleSplit& split, std::size_t child, KnownValues known);

class RuleSplitter {
 public:
  using Children = std::array<std::vector<EntryIndex>, 16>;

  RuleSplitter(std::span<const RuleEntry> entries, const SetRuns& source_sets, const SetRuns& destination_sets)
      : entries_(entries), source_sets_(source_sets), destination_sets_(destination_sets) {}

  /// Nothing when no value makes the lists that keys will meet clearly shorter.
  std::optional<RuleSplit> best(std::span<const EntryIndex> list, const KnownValues& known);
  /// Each entry goes to every child whose values it may match, and keeps its order.
  Children divide(std::span<const EntryIndex> list, const RuleSplit& split, const KnownValues& known) const;

 private:
  struct Rated {
    RuleSplit split;
    double expected = 0;  ///< length of the list that a key meets when keys are spread as entries are
  };

  std::optional<Rated> rate(std::span<const EntryIndex> list, RuleField field, const NumberRange& known);
  template <typename Visit>
  void for_each_range(const RuleEntry& entry, RuleField field, Visit visit) const;
  template <typename Visit>
  void for_each_known_range(const RuleEntry& entry, RuleField field, const NumberRange& known, Visit visit) const;
  std::uint32_t children_of(const RuleEntry& entry, const RuleSplit& split, const NumberRange& known) const;

  std::span<const RuleEntry> entries_;
  const SetRuns& source_sets_;
  const SetRuns& destination_sets_;
  std::vector<std::uint32_t> bounds_;  ///< scratch
};

}  // namespace culvert
