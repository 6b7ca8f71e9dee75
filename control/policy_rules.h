// SPDX-License-Identifier: Apache-2.0
// From the names of the configuration's policy to the numbers of policy/rules.h. A rule keeps its place, also when it
// is not there now; a set becomes one PrefixSet, whoever uses it, and a rule that names a set names those in it too:
//
//   zones      {internet: {}, trust: {}}                              1 internet, 2 trust
//   addresses  {web: [192.0.2.80], ours: [web, 198.18.0.0/24]}        prefixes 0: 198.18.0.0/24   1: 192.0.2.80/32
//   rules      {name: in, from: internet, destination: ours, ...}     from 0b010, destinations 0 1
//
// Control makes it again when the configuration changes, and at next_change_s, when a schedule begins or ends.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "config/config.h"
#include "policy/rules.h"

namespace culvert {

/// Which number each zone has. Sessions hold numbers, so a zone keeps its own across configurations as long as it is
/// there, and a new one gets one that was nobody's before, as long as there is one.
class ZoneNumbers {
 public:
  ZoneNumbers() = default;
  explicit ZoneNumbers(const Config& config, const ZoneNumbers& before = {});

  /// kNoZone for a name that is nobody's.
  Zone of(const std::string& zone) const noexcept;
  Zone of(const InterfaceConfig& interface) const noexcept;
  /// Of what a rule names, each of which is somebody's; of nothing, all of them and kNoZone.
  ZoneMask mask_of(const std::vector<std::string>& names) const;
  /// "trust"; "none" for kNoZone and for numbers that are nobody's.
  std::string name_of(Zone zone) const;
  const std::map<std::string, Zone>& all() const noexcept { return numbers_; }

 private:
  std::map<std::string, Zone> numbers_;
};

struct PolicyRules {
  RuleSet rules;  ///< rules.rules[i] is the configuration's i-th, of that name
  /// Unix time at which a schedule of an enabled rule begins or ends, so that these rules are no longer right.
  std::optional<std::int64_t> next_change_s;
};

/// The policy of a configuration that was checked, at a moment of Unix time.
PolicyRules policy_rules(const PolicyConfig& policy, const ZoneNumbers& zones, std::int64_t unix_time_s);

}  // namespace culvert
