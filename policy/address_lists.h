// SPDX-License-Identifier: Apache-2.0
// The lists of prefix sets that rules name as sources or destinations, each distinct list once, and what each is in one
// family: any address, none, a few prefixes (then rules stand under each of them) or a set (then only membership is
// looked up).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "policy/family.h"
#include "policy/rules.h"

namespace culvert {

/// Number of a distinct list of prefix sets; 0 is the empty one: any address.
using ListIndex = std::uint32_t;
inline constexpr ListIndex kAnyAddress = 0;

class AddressLists {
 public:
  struct OfRule {
    ListIndex source = kAnyAddress;
    ListIndex destination = kAnyAddress;
  };

  /// Of the enabled rules; positions of sets are valid.
  explicit AddressLists(const RuleSet& rules);

  std::size_t size() const noexcept { return begins_.size() - 1; }
  const OfRule& of_rule(std::size_t rule) const noexcept { return of_rule_[rule]; }
  /// Positions in RuleSet::prefixes, ascending, each once.
  std::span<const std::uint32_t> sets(ListIndex list) const noexcept {
    return std::span(positions_).subspan(begins_[list], begins_[list + 1] - begins_[list]);
  }

 private:
  std::vector<std::uint32_t> positions_;
  std::vector<std::uint32_t> begins_ = {0, 0};
  std::vector<OfRule> of_rule_;
};

enum class ListKind : std::uint8_t { kAny, kNothing, kFew, kMany };

template <typename Family>
class FamilyLists {
 public:
  using Prefix = typename Family::Prefix;
  /// Above it, rules do not stand under each prefix: their lists would have to be copied to too many places.
  static constexpr std::size_t kFewPrefixes = 64;

  FamilyLists(const RuleSet& rules, const AddressLists& lists);

  std::size_t size() const noexcept { return kinds_.size(); }
  ListKind kind(ListIndex list) const noexcept { return kinds_[list]; }
  /// Of a list of few: apart from each other, ascending. Of others: empty.
  std::span<const Prefix> few(ListIndex list) const noexcept {
    return std::span(few_).subspan(begins_[list], begins_[list + 1] - begins_[list]);
  }

 private:
  ListKind add(const RuleSet& rules, std::span<const std::uint32_t> sets);

  std::vector<ListKind> kinds_;
  std::vector<Prefix> few_;
  std::vector<std::uint32_t> begins_ = {0};
  std::vector<Prefix> scratch_;
};

}  // namespace culvert
