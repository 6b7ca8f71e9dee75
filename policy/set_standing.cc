// SPDX-License-Identifier: Apache-2.0
#include "policy/set_standing.h"

#include <algorithm>

namespace culvert {
namespace {

constexpr std::size_t kImpossible = ~std::size_t{0};
constexpr std::size_t kMostPlaces = 4096;  ///< of one entry

std::size_t places(const SetRuns& sets, SetNumber set) {
  if (set == kNoSet) return kImpossible;
  std::size_t sum = 0;
  for (const CombinationRun& run : sets[set]) sum += run.last - run.first + 1;
  return sum;
}

void put(std::vector<StandingEntry>& standing, const SetRuns& sets, SetNumber set, EntryIndex entry) {
  for (const CombinationRun& run : sets[set])
    for (std::uint32_t combination = run.first; combination <= run.last; ++combination)
      standing.push_back({combination, entry});
}

class Standing {
 public:
  Standing(FamilyEntries& entries, const SetRuns& source_sets, const SetRuns& destination_sets)
      : entries_(entries), source_sets_(source_sets), destination_sets_(destination_sets) {}

  SetStanding run() {
    const std::size_t most = most_places();
    std::vector<EntryIndex> standing;
    for (auto& list : entries_.anywhere) {
      const auto stays = [&](EntryIndex entry) { return fewest(entry) > most; };
      const auto end = std::stable_partition(list.begin(), list.end(), stays);
      standing.insert(standing.end(), end, list.end());
      list.erase(end, list.end());
    }
    std::sort(standing.begin(), standing.end());
    for (const EntryIndex entry : standing) stand(entry);
    return std::move(result_);
  }

 private:
  std::size_t by_source(EntryIndex entry) const { return places(source_sets_, entries_.entries[entry].source_set); }
  std::size_t by_destination(EntryIndex entry) const {
    return places(destination_sets_, entries_.entries[entry].destination_set);
  }
  std::size_t fewest(EntryIndex entry) const { return std::min(by_source(entry), by_destination(entry)); }

  /// How many places an entry may have so that all together have few enough.
  std::size_t most_places() const {
    std::vector<std::size_t> costs;
    for (const auto& list : entries_.anywhere)
      for (const EntryIndex entry : list) costs.push_back(fewest(entry));
    for (std::size_t most = kMostPlaces; most > 0; most /= 2) {
      std::size_t sum = 0;
      for (const std::size_t cost : costs) sum += cost <= most ? cost : 0;
      if (sum <= kMaxStanding) return most;
    }
    return 0;
  }

  void stand(EntryIndex index) {
    RuleEntry& entry = entries_.entries[index];
    if (by_source(index) <= by_destination(index)) {
      put(result_.by_source, source_sets_, entry.source_set, index);
      entry.source = {};
      entry.source_set = kNoSet;
    } else {
      put(result_.by_destination, destination_sets_, entry.destination_set, index);
      entry.destination = {};
      entry.destination_set = kNoSet;
    }
  }

  FamilyEntries& entries_;
  const SetRuns& source_sets_;
  const SetRuns& destination_sets_;
  SetStanding result_;
};

}  // namespace

SetStanding stand_by_sets(FamilyEntries& entries, const SetRuns& source_sets, const SetRuns& destination_sets) {
  return Standing(entries, source_sets, destination_sets).run();
}

}  // namespace culvert
