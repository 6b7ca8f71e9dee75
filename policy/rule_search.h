// SPDX-License-Identifier: Apache-2.0
// The search of a key's trees, all of it in line: a burst makes some hundred of these.
#pragma once

#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "policy/rule_forest.h"

namespace culvert {

/// True when a packed_range includes the value.
constexpr bool within(std::uint32_t packed, std::uint32_t value) noexcept {
  return (packed & 0xffff) <= value && (packed >> 16) <= 0xffffU - value;
}

/// A destination port and a protocol, ready to be compared with four lanes of blocks.
class WantedService {
 public:
#ifdef __SSE4_1__
  WantedService(std::uint32_t port, std::uint32_t protocol) noexcept
      : port_(word(packed_value(port))), protocol_(word(packed_value(protocol))) {}

  /// Bit i: lane i has the service, and the number of the prefix.
  unsigned lanes_of(const RuleBlock& block, std::uint32_t prefix) const noexcept {
    const __m128i wanted = word(prefix);
    const __m128i first = _mm_cmpeq_epi32(_mm_max_epu32(four(block.address_first), wanted), wanted);
    const __m128i last = _mm_cmpeq_epi32(_mm_min_epu32(four(block.address_last), wanted), wanted);
    const __m128i ports = _mm_cmpeq_epi32(_mm_max_epu16(four(block.ports), port_), port_);
    const __m128i protocols = _mm_cmpeq_epi32(_mm_max_epu16(four(block.protocols), protocol_), protocol_);
    const __m128i all = _mm_and_si128(_mm_and_si128(first, last), _mm_and_si128(ports, protocols));
    return static_cast<unsigned>(_mm_movemask_ps(_mm_castsi128_ps(all)));
  }

 private:
  static __m128i word(std::uint32_t value) noexcept {
    return _mm_set1_epi32(static_cast<std::int32_t>(value));
  }
  static __m128i four(const std::array<std::uint32_t, kLanes>& lanes) noexcept {
    return load<__m128i>(lanes.data());
  }

  __m128i port_;
  __m128i protocol_;
#else
  WantedService(std::uint32_t port, std::uint32_t protocol) noexcept : port_(port), protocol_(protocol) {}

  unsigned lanes_of(const RuleBlock& block, std::uint32_t prefix) const noexcept {
    unsigned lanes = 0;
    for (std::size_t i = 0; i < kLanes; ++i) {
      const bool holds = block.address_first[i] <= prefix && prefix <= block.address_last[i] &&
                         within(block.ports[i], port_) && within(block.protocols[i], protocol_);
      lanes |= (holds ? 1U : 0U) << i;
    }
    return lanes;
  }

 private:
  std::uint32_t port_;
  std::uint32_t protocol_;
#endif
};

/// One key's way through a forest.
class RuleSearch {
 public:
  RuleSearch(const RuleForest& forest, const RuleForest::Sets& sets, const RuleValues& key) noexcept
      : forest_(forest), sets_(sets), key_(key), wanted_(key[RuleField::kDestinationPort], key[RuleField::kProtocol]) {}

  /// The first rule of the tree that matches, or `best` when none before it does. `address`: what its blocks compare.
  std::uint32_t first(TreeReference tree, RuleField address, std::uint32_t best) const noexcept {
    while (RuleForest::is_node(tree)) tree = child_of(forest_.node(tree));
    const RuleBlock* block = &forest_.block(tree);
    const std::uint32_t prefix = key_[address];
    for (std::uint32_t left = RuleForest::block_count(tree, *block);;) {
      const unsigned lanes = wanted_.lanes_of(*block, prefix);
      const auto lane = static_cast<std::size_t>(std::countr_zero(lanes | 1U << kLanes));
      const bool needs_detail = block->details[lane] != 0;
      const std::uint32_t rule = needs_detail ? first_with_detail(*block, lanes) : block->rules[lane];
      best = std::min(best, rule);
      if (--left == 0) return best;
      ++block;
      if (block->rules[0] >= best) return best;
    }
  }

 private:
  TreeReference child_of(const RuleNode& node) const noexcept {
    const std::uint32_t value = key_[node.field];
    std::size_t child = 0;
    for (const std::uint32_t bound : node.bounds) child += bound <= value ? 1 : 0;
    return node.children[child];
  }

  std::uint32_t first_with_detail(const RuleBlock& block, unsigned lanes) const noexcept {
    for (; lanes != 0; lanes &= lanes - 1) {
      const auto lane = static_cast<std::size_t>(std::countr_zero(lanes));
      const std::uint32_t detail = block.details[lane];
      if (detail == 0 || holds(forest_.detail(detail))) return block.rules[lane];
    }
    return kDefaultRule;
  }

  bool holds(const RuleDetail& detail) const noexcept {
    const std::uint32_t source = key_[RuleField::kSourcePrefix];
    const bool near = (detail.from >> key_[RuleField::kFrom] & detail.to >> key_[RuleField::kTo] & 1) != 0 &&
                      within(detail.source_ports, key_.source_port) && detail.source_first <= source &&
                      source <= detail.source_last;
    return near &&
           (detail.source_set == kNoSet || sets_.source.holds(key_[RuleField::kSourceSets], detail.source_set)) &&
           (detail.destination_set == kNoSet ||
            sets_.destination.holds(key_[RuleField::kDestinationSets], detail.destination_set));
  }

  const RuleForest& forest_;
  const RuleForest::Sets& sets_;
  const RuleValues& key_;
  WantedService wanted_;
};

}  // namespace culvert
