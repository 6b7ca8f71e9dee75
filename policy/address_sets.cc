// SPDX-License-Identifier: Apache-2.0
#include "policy/address_sets.h"

#include <algorithm>

namespace culvert {

template <typename Family>
SetNumber AddressSets<Family>::number(ListIndex list) {
  const auto [known, is_new] = numbers_.try_emplace(list, static_cast<SetNumber>(numbers_.size()));
  const SetNumber set = known->second;
  if (!is_new) return set;
  if (family_lists_.kind(list) == ListKind::kFew) {
    const auto prefixes = family_lists_.few(list);
    bases_.push_back({ranges_of<Family>({prefixes.begin(), prefixes.end()}), {set}});
  } else {
    for (const std::uint32_t position : lists_.sets(list)) base_of_position(position).sets.push_back(set);
  }
  return set;
}

template <typename Family>
auto AddressSets<Family>::base_of_position(std::uint32_t position) -> Base& {
  const auto [known, is_new] = base_of_position_.try_emplace(position, static_cast<std::uint32_t>(bases_.size()));
  if (is_new) {
    auto prefixes = Family::of(rules_.prefixes[position]);
    keep_outer<Family>(prefixes);
    bases_.push_back({ranges_of<Family>(prefixes), {}});
  }
  return bases_[known->second];
}

/// Each range has two: its first address and the one behind its last, unless there is none behind.
template <typename Family>
auto AddressSets<Family>::edges() const -> std::vector<Edge> {
  std::vector<Edge> edges;
  for (std::uint32_t base = 0; base < bases_.size(); ++base) {
    for (const auto& range : bases_[base].ranges) {
      edges.push_back({range.first, base});
      if (range.last != static_cast<Address>(~Address{0})) edges.push_back({range.last + 1, base});
    }
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
  return edges;
}

template <typename Family>
auto AddressSets<Family>::compile() -> std::vector<CombinationChange<Address>> {
  const std::vector<Edge> edges = this->edges();
  std::vector<CombinationChange<Address>> changes = {{0, combination_of({})}};
  Bases open;  // ascending
  for (std::size_t i = 0; i < edges.size();) {
    const Address at = edges[i].at;
    // An edge enters what is not open and leaves what is: the ranges of a base don't touch.
    for (; i < edges.size() && edges[i].at == at; ++i) {
      const auto place = std::lower_bound(open.begin(), open.end(), edges[i].base);
      if (place != open.end() && *place == edges[i].base) {
        open.erase(place);
      } else {
        open.insert(place, edges[i].base);
      }
    }
    const std::uint32_t combination = combination_of(open);
    if (at == 0) changes.clear();
    changes.push_back({at, combination});
  }
  list_members();
  return changes;
}

template <typename Family>
std::uint32_t AddressSets<Family>::combination_of(const Bases& bases) {
  const auto known = combinations_.find(bases);
  if (known != combinations_.end()) return known->second;
  for (const std::uint32_t base : bases) member_count_ += bases_[base].sets.size();
  is_overfull_ = is_overfull_ || member_count_ > kMaxMembers;
  if (is_overfull_) return 0;
  return combinations_.emplace(bases, static_cast<std::uint32_t>(combinations_.size())).first->second;
}

template <typename Family>
void AddressSets<Family>::list_members() {
  std::vector<const Bases*> by_number(combinations_.size());
  for (const auto& [bases, number] : combinations_) by_number[number] = &bases;
  runs_.resize(numbers_.size());
  begins_.push_back(0);
  std::vector<SetNumber> sets;
  for (std::uint32_t number = 0; number < by_number.size(); ++number) {
    sets.clear();
    for (const std::uint32_t base : *by_number[number])
      sets.insert(sets.end(), bases_[base].sets.begin(), bases_[base].sets.end());
    std::sort(sets.begin(), sets.end());
    sets.erase(std::unique(sets.begin(), sets.end()), sets.end());
    members_.insert(members_.end(), sets.begin(), sets.end());
    begins_.push_back(static_cast<std::uint32_t>(members_.size()));
    for (const SetNumber set : sets) {
      auto& runs = runs_[set];
      if (!runs.empty() && runs.back().last + 1 == number) {
        runs.back().last = number;
      } else {
        runs.push_back({number, number});
      }
    }
  }
}

template class AddressSets<FamilyV4>;
template class AddressSets<FamilyV6>;

}  // namespace culvert
