// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_check.h"

#include <algorithm>

#include "packet/ipv4.h"

namespace culvert {
namespace {

class Checker {
 public:
  explicit Checker(const RuleSet& rules) : rules_(rules) {}

  std::vector<std::string> run() {
    check_size();
    for (std::size_t i = 0; i < rules_.prefixes.size(); ++i) check_prefixes(i);
    for (std::size_t i = 0; i < rules_.rules.size(); ++i) check_rule(i);
    return std::move(problems_);
  }

 private:
  void check_size() {
    if (rules_.rules.size() > kMaxRules)
      add(std::to_string(rules_.rules.size()) + " rules, and at most " + std::to_string(kMaxRules) +
          " are possible: join rules that do the same");
    std::size_t lines = 0;
    for (const Rule& rule : rules_.rules) lines += rule.services.size();
    if (lines > kMaxServiceLines)
      add(std::to_string(lines) + " lines of services in all rules, and at most " + std::to_string(kMaxServiceLines) +
          " are possible: join ranges of ports");
  }

  void check_prefixes(std::size_t index) {
    const PrefixSet& set = rules_.prefixes[index];
    const auto is_bad4 = [](const Prefix4& prefix) {
      return !prefix.valid() || Prefix4(prefix.bits, prefix.length) != prefix;
    };
    const auto is_bad6 = [](const Prefix6& prefix) {
      return !prefix.valid() || Prefix6(prefix.high, prefix.low, prefix.length) != prefix;
    };
    if (std::any_of(set.ipv4.begin(), set.ipv4.end(), is_bad4))
      add("prefix set " + std::to_string(index) + ": an IPv4 prefix is too long, or has bits behind its end");
    if (std::any_of(set.ipv6.begin(), set.ipv6.end(), is_bad6))
      add("prefix set " + std::to_string(index) + ": an IPv6 prefix is too long, or has bits behind its end");
  }

  void check_rule(std::size_t index) {
    const Rule& rule = rules_.rules[index];
    if (rule.from == 0) add(index, "no zone that packets come from");
    if (rule.to == 0) add(index, "no zone that packets go to");
    check_sets(index, "source", rule.sources);
    check_sets(index, "destination", rule.destinations);
    for (const ServiceMatch& service : rule.services)
      if (!service.any_protocol) check_service(index, service);
  }

  void check_sets(std::size_t index, const char* side, const std::vector<std::uint32_t>& sets) {
    for (const std::uint32_t set : sets)
      if (set >= rules_.prefixes.size())
        add(index, side + (" prefix set " + std::to_string(set)) + ", and there are only " +
                       std::to_string(rules_.prefixes.size()));
  }

  void check_service(std::size_t index, const ServiceMatch& service) {
    const bool is_icmp = service.protocol == kProtocolIcmp || service.protocol == kProtocolIcmpv6;
    if (is_icmp && service.source != PortRange{}) add(index, "ICMP has no source ports");
    check_range(index, is_icmp ? "ICMP type and code" : "destination port", service.destination);
    if (!is_icmp) check_range(index, "source port", service.source);
  }

  void check_range(std::size_t index, const char* what, const PortRange& range) {
    if (range.first > range.last)
      add(index, what + (" range " + std::to_string(range.first)) + "-" + std::to_string(range.last) +
                     " ends before it begins");
  }

  void add(std::size_t rule, const std::string& problem) {
    const std::string& name = rules_.rules[rule].name;
    add("rule " + std::to_string(rule) + (name.empty() ? "" : " (" + name + ")") + ": " + problem);
  }
  void add(std::string problem) { problems_.push_back(std::move(problem)); }

  const RuleSet& rules_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> problems_of(const RuleSet& rules) {
  return Checker(rules).run();
}

}  // namespace culvert
