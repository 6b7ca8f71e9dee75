// SPDX-License-Identifier: Apache-2.0
#include "control/policy_rows.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/service.h"
#include "config/suggest.h"
#include "control/rule_page.h"
#include "control/session_rows.h"
#include "packet/icmp.h"
#include "packet/icmpv6.h"

namespace culvert {
namespace {

std::string action_text(RuleAction action) {
  switch (action) {
    case RuleAction::kPermit:
      return "permit";
    case RuleAction::kReject:
      return "reject";
    case RuleAction::kDeny:
      break;
  }
  return "deny";
}

std::string log_text(RuleLog log) {
  switch (log) {
    case RuleLog::kNone:
      return "none";
    case RuleLog::kOpen:
      return "open";
    case RuleLog::kClose:
      return "close";
    case RuleLog::kBoth:
      break;
  }
  return "both";
}

PolicyRow row_of(const RuleConfig& config, std::size_t position, bool active, std::uint64_t hits) {
  PolicyRow row;
  row.position = static_cast<std::uint32_t>(position + 1);
  row.rule = config.name;
  row.description = config.description;
  row.from = config.from;
  row.to = config.to;
  row.source = list_of(config.source);
  row.destination = list_of(config.destination);
  row.service = list_of(config.service);
  row.action = action_text(config.action);
  row.log = log_text(config.log);
  row.schedule = config.schedule;
  row.enabled = config.enabled;
  row.active = active;
  row.hits = hits;
  return row;
}

Result<Zone> zone_of(const std::string& name, const ZoneNumbers& zones) {
  if (name == "none") return kNoZone;
  const Zone zone = zones.of(name);
  if (zone != kNoZone) return zone;
  std::vector<std::string> names;
  for (const auto& [known, number] : zones.all()) names.push_back(known);
  const auto meant = nearest(name, names);
  return Error{
      fmt::format("there is no zone '{}'", name.substr(0, 64)), ENOENT,
      meant ? fmt::format("did you mean '{}'?", *meant) : fmt::format("there are: {}", fmt::join(names, ", "))};
}

PolicyKey::Address key_address(const ConfigAddress& address) {
  return address.is_ipv6 ? PolicyKey::address_of(Ipv6Address{address.bytes})
                         : PolicyKey::address_of(load<Ipv4Address>(address.bytes.data()));
}

/// As workers ask the policy: of ICMP only echo requests begin sessions.
PolicyKey key_of(const PolicyTestQuery& query, Zone from, Zone to) {
  PolicyKey key;
  key.network = query.source.is_ipv6 ? NetworkKind::kIpv6 : NetworkKind::kIpv4;
  key.from = from;
  key.to = to;
  key.protocol = query.protocol;
  key.source_port = query.source_port;
  key.destination_port = query.destination_port;
  if (is_icmp(query.protocol)) {
    key.destination_port = static_cast<std::uint16_t>((query.source.is_ipv6 ? kIcmpv6Echo : kIcmpEcho) << 8);
  }
  key.source = key_address(query.source);
  key.destination = key_address(query.destination);
  return key;
}

std::string why_text(RuleMismatch why) {
  switch (why) {
    case RuleMismatch::kDisabled:
      return "disabled";
    case RuleMismatch::kFromZone:
      return "from_zone";
    case RuleMismatch::kToZone:
      return "to_zone";
    case RuleMismatch::kSource:
      return "source";
    case RuleMismatch::kDestination:
      return "destination";
    case RuleMismatch::kService:
      break;
  }
  return "service";
}

/// The `most` that failed latest in the order of looking, which is how close they came; in the rules' order again.
std::vector<PassedRule> closest(std::vector<PassedRule> passed, std::size_t most) {
  if (passed.size() <= most) return passed;
  std::stable_sort(passed.begin(), passed.end(),
                   [](const PassedRule& a, const PassedRule& b) { return a.why > b.why; });
  passed.resize(most);
  std::sort(passed.begin(), passed.end(), [](const PassedRule& a, const PassedRule& b) { return a.rule < b.rule; });
  return passed;
}

}  // namespace

Result<PolicyPage> policy_page(const PolicyConfig& config, const RuleSet& rules, const RuleHitsOf& hits,
                               const TablePage& page) {
  const std::size_t total = std::min(config.rules.size(), rules.rules.size());
  const auto begin = rows_before(page.after, total);
  if (begin.has_error()) return begin.error();
  PolicyPage answer;
  answer.total = total;
  answer.default_action = action_text(rules.default_action);
  answer.default_log = rules.log_default;
  answer.default_hits = hits(kDefaultRule);
  const std::size_t end = *begin + std::min(page.limit, total - *begin);
  for (std::size_t i = *begin; i < end; ++i) {
    answer.policies.push_back(row_of(config.rules[i], i, rules.rules[i].enabled, hits(static_cast<RuleIndex>(i))));
  }
  if (end < total) answer.next = std::to_string(end);
  return answer;
}

PolicyStatus policy_status(const RuleSet& rules, const RuleHitsOf& hits) {
  PolicyStatus status;
  status.rules = rules.rules.size();
  status.default_hits = hits(kDefaultRule);
  const std::size_t shown = std::min(rules.rules.size(), kMostRuleHits);
  for (std::size_t i = 0; i < shown; ++i) {
    status.hits.push_back({rules.rules[i].name, hits(static_cast<RuleIndex>(i))});
  }
  return status;
}

Result<PolicyTest> policy_test(const RuleSet& rules, const ZoneNumbers& zones, const PolicyTestQuery& query) {
  const auto from = zone_of(query.from, zones);
  if (from.has_error()) return from.error();
  const auto to = zone_of(query.to, zones);
  if (to.has_error()) return to.error();
  const PolicyExplanation explanation = explain(rules, key_of(query, *from, *to));
  PolicyTest test;
  test.from_zone = query.from;
  test.to_zone = query.to;
  test.protocol = protocol_text(query.protocol);
  test.source = to_text(query.source);
  test.destination = to_text(query.destination);
  if (has_ports(query.protocol)) {
    test.source_port = query.source_port;
    test.destination_port = query.destination_port;
  }
  test.action = action_text(explanation.outcome.action);
  test.log_open = explanation.outcome.log_open;
  test.log_close = explanation.outcome.log_close;
  if (explanation.outcome.rule != kDefaultRule) {
    test.position = std::uint64_t{explanation.outcome.rule} + 1;
    test.rule = rules.rules[explanation.outcome.rule].name;
  }
  test.passed_total = explanation.passed.size();
  for (const PassedRule& passed : closest(explanation.passed, query.limit)) {
    test.passed.push_back({passed.rule + 1U, rules.rules[passed.rule].name, why_text(passed.why)});
  }
  return test;
}

}  // namespace culvert
