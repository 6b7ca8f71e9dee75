// SPDX-License-Identifier: Apache-2.0
#include "policy/address_lists.h"

#include <map>

namespace culvert {
namespace {

/// Gives lists their numbers. Most lists are a single set, whose number is found without comparing lists.
class Numbering {
 public:
  Numbering(std::vector<std::uint32_t>& positions, std::vector<std::uint32_t>& begins, std::size_t sets)
      : positions_(positions), begins_(begins), single_(sets, kAnyAddress) {}

  ListIndex number(const std::vector<std::uint32_t>& list) {
    if (list.empty()) return kAnyAddress;
    if (list.size() == 1) return single(list[0]);
    std::vector<std::uint32_t> sorted = list;
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    if (sorted.size() == 1) return single(sorted[0]);
    const auto [known, is_new] = several_.try_emplace(std::move(sorted), next());
    if (is_new) append(known->first);
    return known->second;
  }

 private:
  ListIndex next() const { return static_cast<ListIndex>(begins_.size() - 1); }
  ListIndex single(std::uint32_t set) {
    if (single_[set] == kAnyAddress) {
      single_[set] = next();
      append(std::span(&set, 1));
    }
    return single_[set];
  }
  void append(std::span<const std::uint32_t> list) {
    positions_.insert(positions_.end(), list.begin(), list.end());
    begins_.push_back(static_cast<std::uint32_t>(positions_.size()));
  }

  std::vector<std::uint32_t>& positions_;
  std::vector<std::uint32_t>& begins_;
  std::vector<ListIndex> single_;
  std::map<std::vector<std::uint32_t>, ListIndex> several_;
};

}  // namespace

AddressLists::AddressLists(const RuleSet& rules) : of_rule_(rules.rules.size()) {
  Numbering numbering(positions_, begins_, rules.prefixes.size());
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    const Rule& rule = rules.rules[i];
    if (rule.enabled) of_rule_[i] = {numbering.number(rule.sources), numbering.number(rule.destinations)};
  }
}

template <typename Family>
FamilyLists<Family>::FamilyLists(const RuleSet& rules, const AddressLists& lists) {
  kinds_.reserve(lists.size());
  begins_.reserve(lists.size() + 1);
  for (ListIndex list = 0; list < lists.size(); ++list) {
    kinds_.push_back(list == kAnyAddress ? ListKind::kAny : add(rules, lists.sets(list)));
    begins_.push_back(static_cast<std::uint32_t>(few_.size()));
  }
}

template <typename Family>
ListKind FamilyLists<Family>::add(const RuleSet& rules, std::span<const std::uint32_t> sets) {
  std::size_t count = 0;
  for (const std::uint32_t set : sets) {
    const auto& prefixes = Family::of(rules.prefixes[set]);
    count += prefixes.size();
    for (const Prefix& prefix : prefixes)
      if (prefix.length == 0) return ListKind::kAny;
  }
  if (count == 0) return ListKind::kNothing;
  // Duplicates and covered prefixes may make few of some more.
  if (count > 4 * kFewPrefixes) return ListKind::kMany;
  scratch_.clear();
  for (const std::uint32_t set : sets) {
    const auto& prefixes = Family::of(rules.prefixes[set]);
    scratch_.insert(scratch_.end(), prefixes.begin(), prefixes.end());
  }
  keep_outer<Family>(scratch_);
  if (scratch_.size() > kFewPrefixes) return ListKind::kMany;
  few_.insert(few_.end(), scratch_.begin(), scratch_.end());
  return ListKind::kFew;
}

template class FamilyLists<FamilyV4>;
template class FamilyLists<FamilyV6>;

}  // namespace culvert
