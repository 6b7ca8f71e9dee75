// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_split.h"

#include <algorithm>
#include <bit>

namespace culvert {
namespace {

constexpr std::uint32_t kHighest = 0xffffffff;
/// A node costs as much as some lines of a list; it must save more.
constexpr double kWorthwhile = 0.7;
/// Entries of all children for one of the list, at most; a list that is not very long may have more.
constexpr std::size_t kMostCopies = 4;
constexpr std::size_t kMostCopiesOfShort = 16;
constexpr std::size_t kShort = 64;
/// A set in so many runs of combinations would be in every child.
constexpr std::size_t kMostRuns = 64;

constexpr std::array<RuleField, kRuleFields> kFields = {
    RuleField::kSourcePrefix,
    RuleField::kDestinationPrefix,
    RuleField::kDestinationPort,
    RuleField::kProtocol,
    RuleField::kFrom,
    RuleField::kTo,
    RuleField::kSourceSets,
    RuleField::kDestinationSets,
};

template <typename Visit>
void for_each_zone_range(ZoneMask mask, Visit visit) {
  while (mask != 0) {
    const auto first = static_cast<std::uint32_t>(std::countr_zero(mask));
    const auto length = static_cast<std::uint32_t>(std::countr_one(mask >> first));
    const std::uint32_t end = first + length;
    visit(first, end == kMaxZones ? kHighest : end - 1);
    mask = end == kMaxZones ? 0 : mask >> end << end;
  }
}

template <typename Visit>
void for_each_set_range(const SetRuns& sets, SetNumber set, Visit visit) {
  if (set == kNoSet || sets[set].size() > kMostRuns) {
    visit(0U, kHighest);
    return;
  }
  for (const CombinationRun& run : sets[set]) visit(run.first, run.last);
}

NumberRange& of(KnownValues& known, RuleField field) {
  return known[static_cast<std::size_t>(field)];
}
const NumberRange& of(const KnownValues& known, RuleField field) {
  return known[static_cast<std::size_t>(field)];
}

std::uint32_t up_to(std::uint32_t last, std::uint32_t highest) {
  return last == highest ? kHighest : last;
}

}  // namespace

KnownValues known_in(const RuleSplit& split, std::size_t child, KnownValues known) {
  NumberRange& range = of(known, split.field);
  if (child > 0) range.first = std::max(range.first, split.bounds[child - 1]);
  if (child < split.bounds.size()) range.last = std::min(range.last, split.bounds[child] - 1);
  return known;
}

/// The values that an entry may match: visit(first, last), kHighest when there is no end.
template <typename Visit>
void RuleSplitter::for_each_range(const RuleEntry& entry, RuleField field, Visit visit) const {
  switch (field) {
    case RuleField::kSourcePrefix:
      return visit(entry.source.first, entry.source.last);
    case RuleField::kDestinationPrefix:
      return visit(entry.destination.first, entry.destination.last);
    case RuleField::kDestinationPort:
      if (entry.service.any_protocol) return visit(0U, kHighest);
      return visit(entry.service.destination.first, up_to(entry.service.destination.last, 0xffff));
    case RuleField::kProtocol:
      if (entry.service.any_protocol) return visit(0U, kHighest);
      return visit(entry.service.protocol, up_to(entry.service.protocol, 0xff));
    case RuleField::kFrom:
      return for_each_zone_range(entry.from, visit);
    case RuleField::kTo:
      return for_each_zone_range(entry.to, visit);
    case RuleField::kSourceSets:
      return for_each_set_range(source_sets_, entry.source_set, visit);
    case RuleField::kDestinationSets:
      return for_each_set_range(destination_sets_, entry.destination_set, visit);
  }
}

/// The same, but only values that keys can have here.
template <typename Visit>
void RuleSplitter::for_each_known_range(const RuleEntry& entry, RuleField field, const NumberRange& known,
                                        Visit visit) const {
  for_each_range(entry, field, [&](std::uint32_t first, std::uint32_t last) {
    first = std::max(first, known.first);
    last = std::min(last, known.last);
    if (first <= last) visit(first, last);
  });
}

/// Bit i: child i.
std::uint32_t RuleSplitter::children_of(const RuleEntry& entry, const RuleSplit& split,
                                        const NumberRange& known) const {
  std::uint32_t children = 0;
  const auto child = [&bounds = split.bounds](std::uint32_t value) {
    // Unused bounds are the highest value, which stands for "no end" as well.
    const auto end = value == kHighest ? std::lower_bound(bounds.begin(), bounds.end(), value)
                                       : std::upper_bound(bounds.begin(), bounds.end(), value);
    return static_cast<unsigned>(end - bounds.begin());
  };
  for_each_known_range(entry, split.field, known, [&](std::uint32_t first, std::uint32_t last) {
    children |= (2U << child(last)) - (1U << child(first));
  });
  return children;
}

auto RuleSplitter::rate(std::span<const EntryIndex> list, RuleField field, const NumberRange& known)
    -> std::optional<Rated> {
  bounds_.clear();
  for (const EntryIndex entry : list) {
    for_each_known_range(entries_[entry], field, known, [&](std::uint32_t first, std::uint32_t last) {
      if (first > known.first) bounds_.push_back(first);
      if (last < known.last) bounds_.push_back(last + 1);
    });
  }
  if (bounds_.empty()) return std::nullopt;
  std::sort(bounds_.begin(), bounds_.end());
  bounds_.erase(std::unique(bounds_.begin(), bounds_.end()), bounds_.end());

  Rated rated;
  rated.split.field = field;
  auto& bounds = rated.split.bounds;
  bounds.fill(kHighest);
  if (bounds_.size() <= bounds.size()) {
    std::copy(bounds_.begin(), bounds_.end(), bounds.begin());
  } else {
    for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = bounds_[(i + 1) * bounds_.size() / (bounds.size() + 1)];
  }

  std::array<std::size_t, 16> lengths{};
  for (const EntryIndex entry : list)
    for (std::uint32_t left = children_of(entries_[entry], rated.split, known); left != 0; left &= left - 1)
      ++lengths[static_cast<std::size_t>(std::countr_zero(left))];
  double squares = 0;
  for (const std::size_t length : lengths) {
    rated.split.copies += length;
    squares += static_cast<double>(length) * static_cast<double>(length);
  }
  if (rated.split.copies == 0) return std::nullopt;
  rated.expected = squares / static_cast<double>(rated.split.copies);
  return rated;
}

std::optional<RuleSplit> RuleSplitter::best(std::span<const EntryIndex> list, const KnownValues& known) {
  std::optional<RuleSplit> best;
  double expected = kWorthwhile * static_cast<double>(list.size());
  const std::size_t most = list.size() * (list.size() <= kShort ? kMostCopiesOfShort : kMostCopies);
  for (const RuleField field : kFields) {
    const auto rated = rate(list, field, of(known, field));
    if (!rated || rated->expected >= expected || rated->split.copies > most) continue;
    best = rated->split;
    expected = rated->expected;
  }
  return best;
}

auto RuleSplitter::divide(std::span<const EntryIndex> list, const RuleSplit& split, const KnownValues& known) const
    -> Children {
  Children children;
  for (const EntryIndex entry : list)
    for (std::uint32_t left = children_of(entries_[entry], split, of(known, split.field)); left != 0; left &= left - 1)
      children[static_cast<std::size_t>(std::countr_zero(left))].push_back(entry);
  return children;
}

}  // namespace culvert
