// SPDX-License-Identifier: Apache-2.0
// Compiles the sets whose members are looked up, of one direction and family: where the combination of sets that hold
// an address changes, and who is in each combination. The ranges of all sets are swept once, whatever the number of
// rules that use them; a rule that names several sets of many prefixes is a set of its own only in the combinations.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "policy/address_lists.h"
#include "policy/family.h"
#include "policy/set_combinations.h"

namespace culvert {

template <typename Address>
struct CombinationChange {
  Address at = 0;  ///< from this address to the next change
  std::uint32_t combination = 0;
};

/// Combinations [first, last].
struct CombinationRun {
  std::uint32_t first;
  std::uint32_t last;
};

template <typename Family>
class AddressSets {
 public:
  using Address = typename Family::Address;
  /// Of all combinations together.
  static constexpr std::size_t kMaxMembers = std::size_t{1} << 22;

  AddressSets(const RuleSet& rules, const AddressLists& lists, const FamilyLists<Family>& family_lists)
      : rules_(rules), lists_(lists), family_lists_(family_lists) {}

  /// The number of the set that a list (of few or many) is; to be asked for before compile().
  SetNumber number(ListIndex list);

  /// Ascending by address, the first at 0.
  std::vector<CombinationChange<Address>> compile();

  // After compile():

  /// True when the sets overlap in so many ways that not all combinations could be kept: nothing else is valid then.
  bool is_overfull() const noexcept { return is_overfull_; }

  /// Combinations.
  std::size_t count() const noexcept { return begins_.size() - 1; }
  const std::vector<std::uint32_t>& begins() const noexcept { return begins_; }
  const std::vector<SetNumber>& members() const noexcept { return members_; }
  /// By set: in which combinations it is.
  const std::vector<std::vector<CombinationRun>>& runs() const noexcept { return runs_; }

 private:
  /// Ranges that are swept, and the sets that consist of them or include them.
  struct Base {
    std::vector<AddressRange<Address>> ranges;
    std::vector<SetNumber> sets;
  };
  struct Edge {
    Address at;
    std::uint32_t base;
  };
  using Bases = std::vector<std::uint32_t>;

  Base& base_of_position(std::uint32_t position);
  std::vector<Edge> edges() const;
  std::uint32_t combination_of(const Bases& bases);
  void list_members();

  const RuleSet& rules_;
  const AddressLists& lists_;
  const FamilyLists<Family>& family_lists_;
  std::map<ListIndex, SetNumber> numbers_;
  std::vector<Base> bases_;
  std::map<std::uint32_t, std::uint32_t> base_of_position_;
  std::map<Bases, std::uint32_t> combinations_;
  std::vector<std::uint32_t> begins_;
  std::vector<SetNumber> members_;
  std::vector<std::vector<CombinationRun>> runs_;
  std::size_t member_count_ = 0;  ///< at most; a set may be counted twice in a combination
  bool is_overfull_ = false;
};

}  // namespace culvert
