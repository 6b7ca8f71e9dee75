// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "config/nat.h"
#include "config/node.h"
#include "config/policy.h"
#include "config/rule.h"

namespace culvert {

/// Whether sets that name each other (all of them there) end somewhere, and how much they stand for: a set that is part
/// of itself, and one that stands for too much, are errors. `mapping` is their text.
void check_nesting(const std::map<std::string, AddressSetConfig>& sets, const YamlNode& mapping, const Place& place);
void check_nesting(const std::map<std::string, ServiceConfig>& services, const YamlNode& mapping, const Place& place);

/// The same bounds for what rules name, if every name is there. `list` is their text, one value a rule.
void check_rule_sizes(const PolicyConfig& policy, const YamlNode& list, const Place& place);
/// The same for translation's rules, each of which holds copies of the prefixes that it names: also of these.
void check_rule_sizes(const NatConfig& nat, const std::map<std::string, AddressSetConfig>& sets, const YamlNode& list,
                      const Place& place);

}  // namespace culvert
