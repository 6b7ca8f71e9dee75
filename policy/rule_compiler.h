// SPDX-License-Identifier: Apache-2.0
// Makes the table that workers match with from the rules as people mean them. Control's: it allocates, and takes
// milliseconds for ten thousand rules, and some hundred for sets of a hundred thousand prefixes.
//
//   check          problems_of(rules): everything that is wrong, at once
//   lists          what each list of sources or destinations is: any, nothing, few prefixes, a set of many
//   prefixes       numbers for those under which rules may stand
//   entries        where each rule stands, and what is left to check there
//   sets           which combinations of sets there are, and where they change
//   forest         lists of entries become blocks, long ones trees
//   memory         all arrays in one piece
//
// What a table costs: 34 KB, and for each family
//   32 bytes a line of a rule's services in each list that has it, in blocks of 128. A rule under a prefix is in the
//   lists of the longer ones inside too; at most 2^20 times are lines below prefixes, or copied by trees, which is 128
//   MB each at worst (lists of one). What would need more is searched slower instead
//   40 bytes a prefix under which rules stand; for each direction in which a set is used at most 28 bytes (IPv4) or 56
//   (IPv6) a prefix of it
//   4 bytes a member of a combination of sets, of which there are some, unless many sets overlap in many ways: above
//   2^22 in one direction is an error
//
// Compiling needs about as much again for a moment.
#pragma once

#include <cstddef>
#include <utility>

#include "base/result.h"
#include "policy/rule_table.h"
#include "policy/rules.h"
#include "policy/table_memory.h"

namespace culvert {

/// A table and its memory. Moving it leaves the table's arrays where they are.
class CompiledRules {
 public:
  CompiledRules(TableMemory memory, const RuleTable& table) noexcept : memory_(std::move(memory)), table_(table) {}
  CompiledRules(CompiledRules&&) noexcept = default;
  CompiledRules& operator=(CompiledRules&&) noexcept = default;
  CompiledRules(const CompiledRules&) = delete;
  CompiledRules& operator=(const CompiledRules&) = delete;
  ~CompiledRules() = default;

  const RuleTable& table() const noexcept { return table_; }
  std::size_t memory_size() const noexcept { return memory_.size(); }
  PageKind pages() const noexcept { return memory_.pages(); }

 private:
  TableMemory memory_;
  RuleTable table_;
};

/// An error says the first of the problems and how many more there are, or that address sets overlap in too many ways;
/// nothing is compiled then. Throws SetupError
/// when there is no memory.
Result<CompiledRules> compile_rules(const RuleSet& rules);

/// What a rule that decides has to say; kDefaultRule: the default. The default logs when a session opens, if at all.
RuleOutcome outcome_of(const RuleSet& rules, RuleIndex rule) noexcept;

}  // namespace culvert
