// SPDX-License-Identifier: Apache-2.0
#include "policy/forest_builder.h"

#include <algorithm>

#include "base/check.h"

namespace culvert {
namespace {

RuleBlock empty_block() {
  RuleBlock block;
  block.address_first.fill(1);
  block.address_last.fill(0);
  return block;
}

}  // namespace

ForestBuilder::ForestBuilder() {
  blocks_.push_back(empty_block());  // kNoTree
  details_.emplace_back();           // none needed
}

TreeReference ForestBuilder::Grove::plant(std::span<const EntryIndex> list, RuleField address,
                                          const KnownValues& known) {
  if (list.empty()) return kNoTree;
  if (list.size() <= kLongList) return write_list(list, address);
  const auto split = splitter_.best(list, known);
  const std::size_t copies = split && split->copies > list.size() ? split->copies - list.size() : 0;
  if (!split || copies > forest_.copies_left_) return write_list(list, address);
  forest_.copies_left_ -= copies;
  const auto position = static_cast<std::uint32_t>(forest_.nodes_.size());
  RuleNode node;
  node.field = split->field;
  node.bounds = split->bounds;
  forest_.nodes_.push_back(node);
  const RuleSplitter::Children children = splitter_.divide(list, *split, known);
  for (std::size_t child = 0; child < children.size(); ++child)
    node.children[child] = plant(children[child], address, known_in(*split, child, known));
  forest_.nodes_[position] = node;
  return RuleForest::kNodeBit | position;
}

TreeReference ForestBuilder::Grove::write_list(std::span<const EntryIndex> list, RuleField address) {
  auto& blocks = forest_.blocks_;
  const auto first = static_cast<std::uint32_t>(blocks.size());
  const auto count = static_cast<std::uint32_t>((list.size() + kLanes - 1) / kLanes);
  CULVERT_CHECK(first + count <= RuleForest::kMaxBlocks);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i % kLanes == 0) blocks.push_back(empty_block());
    write_lane(blocks.back(), i % kLanes, entries_[list[i]], address);
  }
  blocks[first].block_count = count;
  return first | std::min(count - 1, RuleForest::kManyBlocks) << RuleForest::kCountShift;
}

void ForestBuilder::Grove::write_lane(RuleBlock& block, std::size_t lane, const RuleEntry& entry, RuleField address) {
  const NumberRange& compared = address == RuleField::kSourcePrefix ? entry.source : entry.destination;
  const ServiceMatch& service = entry.service;
  block.address_first[lane] = compared.first;
  block.address_last[lane] = compared.last;
  block.ports[lane] = service.any_protocol ? packed_range(0, 0xffff)
                                           : packed_range(service.destination.first, service.destination.last);
  block.protocols[lane] = service.any_protocol ? packed_range(0, 0xffff) : packed_value(service.protocol);
  block.rules[lane] = entry.rule;
  block.details[lane] = detail_of(entry, address);
}

std::uint32_t ForestBuilder::Grove::detail_of(const RuleEntry& entry, RuleField address) {
  RuleDetail detail;
  detail.from = entry.from;
  detail.to = entry.to;
  detail.source_set = entry.source_set;
  detail.destination_set = entry.destination_set;
  if (address != RuleField::kSourcePrefix) {
    detail.source_first = entry.source.first;
    detail.source_last = entry.source.last;
  }
  if (!entry.service.any_protocol)
    detail.source_ports = packed_range(entry.service.source.first, entry.service.source.last);
  if (detail == RuleDetail{}) return 0;
  const auto [known, is_new] =
      forest_.known_details_.try_emplace(detail, static_cast<std::uint32_t>(forest_.details_.size()));
  if (is_new) forest_.details_.push_back(detail);
  return known->second;
}

}  // namespace culvert
