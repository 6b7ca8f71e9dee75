// SPDX-License-Identifier: Apache-2.0
// Short lists of rules, and trees that lead to short lists where they would be long. A list stands in blocks of four
// lines whose conditions are compared at once; a node sends a key to one of 16 children by one of its values.
//
//   node   destination port: 0-79 | 80 | 81-442 | 443 | 444-           15 bounds, one line of them
//            |                  |
//            |                list: rule 3 (tcp, source prefixes 4-9), rule 17 (any source), ...
//          list: rule 17
//
// A block compares what nearly every rule asks for: one address (the other one has led to the list already), the
// destination port and the protocol. What few rules ask for (zones, sets, source ports) stands apart, in a detail that
// is read only when everything else holds.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/prefetch.h"
#include "policy/rules.h"
#include "policy/set_combinations.h"

namespace culvert {

/// What nodes may branch on.
enum class RuleField : std::uint8_t {
  kSourcePrefix,  ///< AddressPlace::prefix of the source
  kDestinationPrefix,
  kDestinationPort,
  kProtocol,
  kFrom,
  kTo,
  kSourceSets,  ///< AddressPlace::sets of the source
  kDestinationSets,
};
inline constexpr std::size_t kRuleFields = 8;

/// A key, when its addresses have been looked up.
struct RuleValues {
  std::array<std::uint32_t, kRuleFields> values;
  std::uint32_t source_port;

  std::uint32_t operator[](RuleField field) const noexcept { return values[static_cast<std::size_t>(field)]; }
  std::uint32_t& operator[](RuleField field) noexcept { return values[static_cast<std::size_t>(field)]; }
};

/// A range of 16-bit values as one word, so that words are compared with one instruction for four of them: the first
/// and the complement of the last.
constexpr std::uint32_t packed_range(std::uint32_t first, std::uint32_t last) noexcept {
  return first | (0xffffU - last) << 16;
}
/// In every range that includes the value, both halves are at most those of this word.
constexpr std::uint32_t packed_value(std::uint32_t value) noexcept {
  return packed_range(value, value);
}

inline constexpr std::size_t kLanes = 4;

/// Up to four rules of a list, in their order.
struct alignas(64) RuleBlock {
  std::array<std::uint32_t, kLanes> address_first{};  ///< numbers of prefixes
  std::array<std::uint32_t, kLanes> address_last{};   ///< included; an empty lane's is below its first
  std::array<std::uint32_t, kLanes> ports{};          ///< packed_range of destination ports
  std::array<std::uint32_t, kLanes> protocols{};      ///< packed_range

  // One lane more, for when none holds: taking it costs less than a branch that nothing predicts.
  std::array<std::uint32_t, kLanes + 1> rules = {kDefaultRule, kDefaultRule, kDefaultRule, kDefaultRule, kDefaultRule};
  std::array<std::uint32_t, kLanes + 1> details{};  ///< position; 0: none needed
  std::uint32_t block_count = 1;                    ///< of the list, in its first block
};
static_assert(sizeof(RuleBlock) == 128, "two cache lines");

struct alignas(64) RuleNode {
  std::array<std::uint32_t, 15> bounds{};  ///< child i has values of [bounds[i - 1], bounds[i])
  RuleField field{};
  std::array<std::uint32_t, 16> children{};  ///< TreeReference
};
static_assert(sizeof(RuleNode) == 128);

/// The rest of a rule's conditions; all must hold.
struct RuleDetail {
  ZoneMask from = kAllZones;
  ZoneMask to = kAllZones;
  SetNumber source_set = kNoSet;
  SetNumber destination_set = kNoSet;
  std::uint32_t source_first = 0;  ///< numbers of prefixes
  std::uint32_t source_last = 0xffffffff;
  std::uint32_t source_ports = packed_range(0, 0xffff);

  friend auto operator<=>(const RuleDetail&, const RuleDetail&) noexcept = default;
};

/// Bit 31: node; the other bits are its position. Else a list: position of its first block, and in bits 24 to 30 how
/// many blocks follow (127: the first block knows).
using TreeReference = std::uint32_t;
/// The list that holds no rule: block 0 never matches.
inline constexpr TreeReference kNoTree = 0;

class RuleForest {
 public:
  static constexpr TreeReference kNodeBit = 1U << 31;
  static constexpr unsigned kCountShift = 24;
  static constexpr std::uint32_t kManyBlocks = 127;
  static constexpr std::uint32_t kMaxBlocks = 1U << kCountShift;

  struct Arrays {
    std::span<const RuleBlock> blocks;
    std::span<const RuleNode> nodes;
    std::span<const RuleDetail> details;
  };
  /// Who holds the sets that details name: of one family.
  struct Sets {
    SetCombinations source;
    SetCombinations destination;
  };

  explicit RuleForest(const Arrays& arrays) noexcept : arrays_(arrays) {}

  static bool is_node(TreeReference tree) noexcept { return (tree & kNodeBit) != 0; }
  const RuleNode& node(TreeReference tree) const noexcept { return arrays_.nodes[tree & ~kNodeBit]; }
  /// The first block of a list, and how many there are.
  const RuleBlock& block(TreeReference list) const noexcept { return arrays_.blocks[list & (kMaxBlocks - 1)]; }
  static std::uint32_t block_count(TreeReference list, const RuleBlock& first) noexcept {
    const std::uint32_t more = list >> kCountShift;
    return more < kManyBlocks ? more + 1 : first.block_count;
  }
  const RuleDetail& detail(std::uint32_t position) const noexcept { return arrays_.details[position]; }

  void prefetch_tree(TreeReference tree) const noexcept {
    if (is_node(tree)) {
      prefetch(&node(tree));
      prefetch(&node(tree).children);
    } else {
      prefetch(&block(tree));
      prefetch(&block(tree).rules);
    }
  }

 private:
  Arrays arrays_;
};

}  // namespace culvert
