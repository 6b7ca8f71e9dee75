// SPDX-License-Identifier: Apache-2.0
#include "lb/pick_order.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace culvert {

PickOrder::PickOrder(std::span<const PoolBackend> backends, std::uint32_t slots, const Memory& memory) noexcept {
  CULVERT_CHECK(memory.pickers.size() >= backends.size() && memory.places.size() >= backends.size() &&
                memory.round.size() >= kMostPicks);
  const std::span<std::uint16_t> places = memory.places.first(backends.size());
  sort(backends, places);
  // Those that weigh nothing are last, and do not pick.
  pickers_ = memory.pickers.first(classes_[0].begin);
  set_quotas(slots);
  for (const Class& members : std::span(classes_).subspan(1)) {
    for (std::uint32_t i = members.begin; i < members.end; ++i) {
      const SlotOrder order = SlotOrder::of(backends[places[i]].name, slots);
      const std::uint32_t quota = members.quota + (i - members.begin < members.extra ? 1 : 0);
      pickers_[i] = {order.offset, order.skip, quota, places[i]};
    }
  }
  list_round(memory.round);
}

void PickOrder::sort(std::span<const PoolBackend> backends, std::span<std::uint16_t> places) noexcept {
  for (const PoolBackend& backend : backends) {
    CULVERT_CHECK(backend.weight <= kMostWeight);
    ++classes_[backend.weight].end;
  }
  std::uint32_t begin = 0;
  for (std::size_t weight = classes_.size(); weight-- > 0;) {
    Class& members = classes_[weight];
    const std::uint32_t size = members.end;
    members.begin = members.end = begin;
    begin += size;
  }
  for (std::size_t place = 0; place < backends.size(); ++place) {
    places[classes_[backends[place].weight].end++] = static_cast<std::uint16_t>(place);
  }
  for (const Class& members : classes_) {
    const auto of_class = places.subspan(members.begin, members.size());
    std::sort(of_class.begin(), of_class.end(), [&](std::uint16_t a, std::uint16_t b) {
      return backends[a].name != backends[b].name ? backends[a].name < backends[b].name : a < b;
    });
  }
}

void PickOrder::set_quotas(std::uint32_t slots) noexcept {
  std::uint64_t sum = 0;
  for (std::size_t weight = 1; weight < classes_.size(); ++weight) sum += weight * classes_[weight].size();
  if (sum == 0) return;
  std::uint32_t left = slots;
  for (std::size_t weight = 1; weight < classes_.size(); ++weight) {
    Class& members = classes_[weight];
    members.quota = static_cast<std::uint32_t>(weight * slots / sum);
    members.remainder = members.size() == 0 ? 0 : static_cast<std::uint32_t>(weight * slots % sum);
    left -= members.quota * members.size();
  }
  // Fewer are left than there are backends with a remainder, so each class is met once at most.
  while (left > 0) {
    std::size_t largest = 0;
    for (std::size_t weight = 1; weight < classes_.size(); ++weight) {
      const Class& members = classes_[weight];
      if (members.extra == 0 && members.remainder >= classes_[largest].remainder) largest = weight;
    }
    classes_[largest].extra = std::min(left, classes_[largest].size());
    left -= classes_[largest].extra;
  }
}

void PickOrder::list_round(std::span<std::uint8_t> round) noexcept {
  std::uint32_t unit = 0, heaviest = 0;
  for (std::uint32_t weight = 1; weight < classes_.size(); ++weight) {
    if (classes_[weight].size() == 0) continue;
    unit = std::gcd(unit, weight);
    heaviest = weight;
  }
  if (unit == 0) return;
  // The times of a round are the fractions below 1 with denominators up to the heaviest weight, in ascending order: a
  // Farey sequence, whose terms follow from the two before (Hardy, Wright: "An Introduction to the Theory of Numbers",
  // chapter III). Weight w picks at a/b when b divides w.
  const std::uint32_t most = heaviest / unit;
  std::size_t picks = 0;
  std::uint32_t a = 0, b = 1, c = 1, d = most;
  while (a < b) {
    for (std::uint32_t weight = most - most % b; weight > 0; weight -= b) {
      if (classes_[weight * unit].size() != 0) round[picks++] = static_cast<std::uint8_t>(weight * unit);
    }
    const std::uint32_t times = (most + b) / d;
    const std::uint32_t numerator = times * c - a, denominator = times * d - b;
    a = c;
    b = d;
    c = numerator;
    d = denominator;
  }
  round_ = round.first(picks);
}

void PickOrder::begin_class() noexcept {
  const Class& members = classes_[round_[pick_]];
  pick_ = pick_ + 1 == round_.size() ? 0 : pick_ + 1;
  picker_ = members.begin;
  end_ = members.end;
}

}  // namespace culvert
