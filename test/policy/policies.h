// SPDX-License-Identifier: Apache-2.0
// Rules and keys as tests write them.
//
//   PolicyWriter policy;
//   policy.rule({.sources = {policy.set({"198.18.0.0/24"})}, .services = {tcp(80)}, .action = RuleAction::kPermit});
//   CHECK(policy.decide(key("198.18.0.9", "192.0.2.1", 6, 1024, 80)) == 0);
#pragma once

#include <arpa/inet.h>
#include <array>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "packet/ipv4.h"
#include "policy/explain.h"
#include "policy/rule_compiler.h"
#include "test/support/catch.h"

namespace culvert::test {

inline PolicyKey::Address address_of(const std::string& text) {
  if (text.find(':') == std::string::npos) {
    Ipv4Address address;
    REQUIRE(inet_pton(AF_INET, text.c_str(), &address) == 1);
    return PolicyKey::address_of(address);
  }
  Ipv6Address address;
  REQUIRE(inet_pton(AF_INET6, text.c_str(), &address) == 1);
  return PolicyKey::address_of(address);
}

/// "192.0.2.0/24", "2001:db8::/32".
inline void add_prefix(PrefixSet& set, const std::string& text) {
  const std::size_t slash = text.find('/');
  const PolicyKey::Address address = address_of(text.substr(0, slash));
  const auto length = static_cast<unsigned>(std::stoul(text.substr(slash + 1)));
  if (text.find(':') == std::string::npos) {
    set.ipv4.emplace_back(static_cast<std::uint32_t>(address.low), length);
  } else {
    set.ipv6.emplace_back(address.high, address.low, length);
  }
}

inline PolicyKey key(const std::string& source, const std::string& destination, std::uint8_t protocol = kProtocolTcp,
                     std::uint16_t source_port = 1024, std::uint16_t destination_port = 80) {
  PolicyKey key;
  key.network = source.find(':') == std::string::npos ? NetworkKind::kIpv4 : NetworkKind::kIpv6;
  key.protocol = protocol;
  key.source_port = source_port;
  key.destination_port = destination_port;
  key.source = address_of(source);
  key.destination = address_of(destination);
  return key;
}

inline PolicyKey between_zones(PolicyKey key, Zone from, Zone to) {
  key.from = from;
  key.to = to;
  return key;
}

inline ServiceMatch service(std::uint8_t protocol, PortRange destination = {}, PortRange source = {}) {
  return {.any_protocol = false, .protocol = protocol, .source = source, .destination = destination};
}
inline ServiceMatch tcp(std::uint16_t port) {
  return service(kProtocolTcp, {port, port});
}

class PolicyWriter {
 public:
  /// The position of a new set of prefixes.
  std::uint32_t set(std::initializer_list<const char*> prefixes) {
    PrefixSet set;
    for (const char* prefix : prefixes) add_prefix(set, prefix);
    return add(std::move(set));
  }
  std::uint32_t add(PrefixSet set) {
    rules_.prefixes.push_back(std::move(set));
    return static_cast<std::uint32_t>(rules_.prefixes.size() - 1);
  }
  void rule(Rule rule) {
    rules_.rules.push_back(std::move(rule));
    compiled_.reset();
  }
  RuleSet& rules() {
    compiled_.reset();
    return rules_;
  }

  /// What the table says of a key alone, in a burst, and what the explanation says, which must agree.
  RuleOutcome outcome(const PolicyKey& key) {
    if (!compiled_) {
      auto result = compile_rules(rules_);
      REQUIRE(result.has_value());
      compiled_ = std::make_unique<CompiledRules>(std::move(*result));
    }
    const RuleOutcome outcome = compiled_->table().match(key);
    std::array<PolicyKey, 3> burst = {PolicyKey{}, key, key};
    std::array<RuleOutcome, 3> outcomes;
    compiled_->table().match(burst, outcomes);
    CHECK(outcomes[0].rule == kDefaultRule);
    CHECK(outcomes[1] == outcome);
    CHECK(outcomes[2] == outcome);
    CHECK(explain(rules_, key).outcome == outcome);
    return outcome;
  }
  /// The rule that decides.
  RuleIndex decide(const PolicyKey& key) { return outcome(key).rule; }

 private:
  RuleSet rules_;
  std::unique_ptr<CompiledRules> compiled_;
};

}  // namespace culvert::test
