// SPDX-License-Identifier: Apache-2.0
// The plainest thing that gives the same answers: every rule in turn, addresses as bytes.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "policy/rules.h"

namespace culvert::test {

using AddressBytes = std::array<std::uint8_t, 16>;  ///< IPv4: the last four, the others are zero

AddressBytes bytes_of_address(const PolicyKey::Address& address);

class ReferencePolicy {
 public:
  explicit ReferencePolicy(const RuleSet& rules);

  /// Position of the first rule that matches; kDefaultRule when there is none.
  RuleIndex decide(const PolicyKey& key) const;

 private:
  /// First and last addresses of prefixes, sorted by the first; `reach` is the highest last address up to here.
  struct Range {
    AddressBytes first, last, reach;
  };
  struct Family {
    std::vector<std::vector<Range>> sets;
  };

  bool matches(const Rule& rule, const PolicyKey& key, const AddressBytes& source, const AddressBytes& destination,
               const Family& family) const;

  const RuleSet& rules_;
  Family ipv4_;
  Family ipv6_;
};

}  // namespace culvert::test
