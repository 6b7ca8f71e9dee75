// SPDX-License-Identifier: Apache-2.0
// Rules as the trees hold them: one entry for each line of a rule's services, with what a key must still fulfil where
// the entry stands. And where each rule stands, which is a matter of cost: under a prefix it is in the lists of all the
// longer ones inside.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "policy/address_lists.h"
#include "policy/address_sets.h"
#include "policy/prefix_numbers.h"
#include "policy/rules.h"

namespace culvert {

/// Numbers of prefixes, the last included.
struct NumberRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0xffffffff;

  bool is_all() const noexcept { return first == 0 && last == 0xffffffff; }
};

struct RuleEntry {
  RuleIndex rule = 0;
  ServiceMatch service;
  ZoneMask from = kAllZones;
  ZoneMask to = kAllZones;
  NumberRange source;  ///< all: nothing left to check
  NumberRange destination;
  SetNumber source_set = kNoSet;
  SetNumber destination_set = kNoSet;
};

/// Entries in the order of their rules; an entry is known by its position.
using EntryIndex = std::uint32_t;

/// An entry in the list of a place: a prefix, or a combination of sets.
struct StandingEntry {
  std::uint32_t place;
  EntryIndex entry;
};

inline constexpr std::size_t kAnywhereLists = 4;
inline constexpr std::size_t kOnlySource = 1;

/// The rules of one family. Rules that match nothing in it (disabled, or addresses of the other family) have no entry.
struct FamilyEntries {
  std::vector<RuleEntry> entries;
  std::vector<StandingEntry> by_destination;  ///< in the order of entries
  std::vector<StandingEntry> by_source;
  /// Apart by what they say of addresses, so that trees can branch on it: neither, the source, the destination, both.
  std::array<std::vector<EntryIndex>, kAnywhereLists> anywhere;
};

/// Entries in lists, copies counted, that one family may have below prefixes.
inline constexpr std::size_t kMaxStanding = std::size_t{1} << 20;

template <typename Family>
struct FamilySides {
  PrefixNumbers<Family> sources;
  PrefixNumbers<Family> destinations;
  AddressSets<Family> source_sets;
  AddressSets<Family> destination_sets;
};

/// Asks `sides` for the numbers of the sets that entries need.
template <typename Family>
FamilyEntries enter_rules(const RuleSet& rules, const AddressLists& lists, const FamilyLists<Family>& family_lists,
                          FamilySides<Family>& sides);

}  // namespace culvert
