// SPDX-License-Identifier: Apache-2.0
// Builds the blocks, nodes and details of a RuleForest from lists of entries, of both families one after the other.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "policy/rule_entries.h"
#include "policy/rule_forest.h"
#include "policy/rule_split.h"

namespace culvert {

class ForestBuilder {
 public:
  /// A longer list becomes a tree, where that helps.
  static constexpr std::size_t kLongList = 16;
  /// Entries that trees may have beyond those of their lists; when they are used up, lists stay long.
  static constexpr std::size_t kMaxCopies = std::size_t{1} << 20;

  ForestBuilder();

  /// One family's lists.
  class Grove {
   public:
    Grove(ForestBuilder& forest, std::span<const RuleEntry> entries, const SetRuns& source_sets,
          const SetRuns& destination_sets)
        : forest_(forest), entries_(entries), splitter_(entries, source_sets, destination_sets) {}

    /// `list` ascends; `address` is what blocks compare, the other one has led here or is checked by the detail.
    TreeReference plant(std::span<const EntryIndex> list, RuleField address) { return plant(list, address, {}); }

   private:
    TreeReference plant(std::span<const EntryIndex> list, RuleField address, const KnownValues& known);
    TreeReference write_list(std::span<const EntryIndex> list, RuleField address);
    void write_lane(RuleBlock& block, std::size_t lane, const RuleEntry& entry, RuleField address);
    std::uint32_t detail_of(const RuleEntry& entry, RuleField address);

    ForestBuilder& forest_;
    std::span<const RuleEntry> entries_;
    RuleSplitter splitter_;
  };

  const std::vector<RuleBlock>& blocks() const noexcept { return blocks_; }
  const std::vector<RuleNode>& nodes() const noexcept { return nodes_; }
  const std::vector<RuleDetail>& details() const noexcept { return details_; }

 private:
  std::vector<RuleBlock> blocks_;
  std::vector<RuleNode> nodes_;
  std::vector<RuleDetail> details_;
  std::map<RuleDetail, std::uint32_t> known_details_;
  std::size_t copies_left_ = kMaxCopies;
};

}  // namespace culvert
