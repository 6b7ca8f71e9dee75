// SPDX-License-Identifier: Apache-2.0
// Random rules whose prefixes meet each other, and keys near their edges.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "policy/rules.h"

namespace culvert::test {

struct PolicyShape {
  const char* name;
  std::size_t rules;
  std::size_t sets;
  std::size_t large_sets;      ///< of them, the last ones
  std::size_t large_size = 0;  ///< prefixes of each, in each family
  unsigned homes = 4;          ///< neighbourhoods from which addresses come
  unsigned zones = 1;
  unsigned any_percent = 10;    ///< sides of a rule that are any address; more of them towards the end
  unsigned large_percent = 10;  ///< sides that name a large set
};

class RandomPolicy {
 public:
  RandomPolicy(const PolicyShape& shape, std::uint64_t seed);

  const RuleSet& rules() const noexcept { return rules_; }

  /// Three of four: within a random rule, perhaps with one thing changed; the others at random.
  PolicyKey key();

 private:
  using Address = PolicyKey::Address;

  std::uint64_t below(std::uint64_t range) { return random_() % range; }
  bool chance(unsigned percent) { return below(100) < percent; }

  Address random_address(NetworkKind network);
  PrefixSet random_set(std::size_t size);
  Rule random_rule(std::size_t position);
  std::vector<std::uint32_t> random_side(unsigned any_percent);
  ServiceMatch random_service();
  PortRange random_ports();
  ZoneMask random_zones();

  PolicyKey random_key();
  PolicyKey key_within(const Rule& rule);
  Address address_within(const std::vector<std::uint32_t>& sets, NetworkKind network);
  std::uint16_t port_within(const PortRange& range);
  Zone zone_within(ZoneMask mask);

  PolicyShape shape_;
  std::mt19937_64 random_;
  std::vector<Address> homes4_;
  std::vector<Address> homes6_;
  RuleSet rules_;
};

}  // namespace culvert::test
