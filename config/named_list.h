// SPDX-License-Identifier: Apache-2.0
// Names that a person gives to zones, sets, services and rules, and lists of values that may hold such names:
// [192.0.2.0/24, servers]. A name never looks like a value: it has none of the characters . : and /, and it is none of
// the words that are values.
#pragma once

#include <string>
#include <vector>

#include "config/policy.h"
#include "config/rule.h"

namespace culvert {

/// A letter, then letters, digits, _ and -, 63 at most; none of any, none, always. `noun` is what it names: "a zone".
ValueRule<std::string> name_rule(const std::string& noun);
/// The same, and no protocol's name.
ValueRule<std::string> service_name_rule();

/// What a list without items is.
enum class WhenEmpty {
  kAny,      ///< written any, and only so: an empty list is a mistake, since it looks like nobody
  kNothing,  ///< written []
  kNever,    ///< a mistake
};

/// Names of zones; empty is any.
ValueRule<std::vector<std::string>> zones_rule(std::size_t most);
/// Prefixes and names of address sets.
ValueRule<AddressList> addresses_rule(WhenEmpty when_empty, std::size_t most);
/// Protocols with ports or types, and names of services.
ValueRule<ServiceList> services_rule(WhenEmpty when_empty, std::size_t most);

}  // namespace culvert
