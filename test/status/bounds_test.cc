// SPDX-License-Identifier: Apache-2.0
// What a configuration may hold is bounded by constants kMost... of config/. Each is a row of the resources that an
// operator sees, or is named here with the reason why it is none: a new bound without either fails.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "status/resource.h"
#include "test/support/catch.h"

namespace culvert {
namespace {

/// A bound of config/ and the resource whose row has it, as its max or as the most that its max can be.
const std::multimap<std::string, std::string> kRows{
    {"kMostAddresses", "external_addresses"},
    {"kMostDenyPrefixes", "deny_list"},
    {"kMostDestinationMatches", "nat_rules"},
    {"kMostDestinationRules", "nat_rules"},
    {"kMostFailsafePorts", "failsafe_ports"},
    {"kMostFurtherStations", "further_stations"},
    {"kMostNatPrefixes", "nat_prefixes"},
    {"kMostPolicyPrefixes", "policy_prefixes"},
    {"kMostSchedules", "schedules"},
    {"kMostScreens", "screens"},
    {"kMostSessions", "sessions"},
    {"kMostSets", "address_sets"},
    {"kMostSets", "services"},
    {"kMostSourceRules", "nat_rules"},
    {"kMostZones", "zones"},
};

/// Those that are no table of a running culvertd, and what they are.
const std::map<std::string, std::string> kNoRow{
    {"kMost", "of what is said about a wrong text; of a computation's own numbers"},
    {"kMostBytes", "of a text, while it is read"},
    {"kMostCells", "of two texts, while they are compared"},
    {"kMostDepth", "of a text, while it is read"},
    {"kMostInRule", "of one rule: what all sets hold together is policy_prefixes"},
    {"kMostListed", "of what is said about a wrong name"},
    {"kMostNestedSets", "of one rule or set: all sets together are address_sets"},
    {"kMostNeutralLength", "of a prefix' length"},
    {"kMostNodes", "of a text, while it is read"},
    {"kMostPerSecond", "of a rate"},
    {"kMostQueues", "of one interface's lanes, each of which has its rows of rings"},
    {"kMostReported", "of what is said about a wrong file"},
    {"kMostServiceMembers", "of one service or rule: all services together are services"},
    {"kMostSetPrefixes", "of one set: all of them together are policy_prefixes"},
    {"kMostSourceSessions", "of a value: a source's sessions are sessions, too"},
    {"kMostSuggestions", "of what is said about a wrong name"},
    {"kMostThings", "of a value: what a screen against scans counts is scans"},
};

/// Every kMost... that is given a value in a text.
void add_bounds(const std::string& text, std::set<std::string>& bounds) {
  const std::string prefix = "kMost";
  for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + 1)) {
    std::size_t end = at;
    while (end < text.size() && std::isalnum(static_cast<unsigned char>(text[end])) != 0) ++end;
    std::size_t next = text.find_first_not_of(' ', end);
    if (next != std::string::npos && text[next] == '=' && text[next + 1] != '=')
      bounds.insert(text.substr(at, end - at));
  }
}

std::set<std::string> bounds_of_configurations() {
  std::set<std::string> bounds;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(CULVERT_SOURCE) + "/config")) {
    if (entry.path().extension() != ".h" && entry.path().extension() != ".cc") continue;
    std::ifstream file(entry.path());
    std::ostringstream text;
    text << file.rdbuf();
    add_bounds(text.str(), bounds);
  }
  return bounds;
}

bool is_resource(const std::string& name) {
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    if (resource_text(static_cast<ResourceKind>(kind)).name == name) return true;
  }
  return false;
}

TEST_CASE("every bound of a configuration has a row of the resources, or a reason to have none") {
  const std::set<std::string> bounds = bounds_of_configurations();
  CHECK(bounds.size() > 20);
  for (const std::string& bound : bounds) {
    INFO(bound);
    const bool is_known = kRows.contains(bound) != kNoRow.contains(bound);
    CHECK(is_known);
  }
  for (const auto& [bound, resource] : kRows) {
    INFO(bound << " " << resource);
    CHECK(bounds.contains(bound));
    CHECK(is_resource(resource));
  }
  for (const auto& [bound, reason] : kNoRow) {
    INFO(bound);
    CHECK(bounds.contains(bound));
    CHECK_FALSE(reason.empty());
  }
}

}  // namespace
}  // namespace culvert
