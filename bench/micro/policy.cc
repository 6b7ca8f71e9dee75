// SPDX-License-Identifier: Apache-2.0
// R2 and what has no bar: which of many rules matches, in bursts of 32, beside DPDK's rte_acl; 10,000 rules with sets
// of 100,000 prefixes beside ten rules; IPv6; compiling. All contenders must agree on every key before they are timed.
#include <array>
#include <cstdlib>
#include <fmt/format.h>
#include <memory>
#include <string_view>

#include "base/hash.h"
#include "base/time.h"
#include "bench/support/bench.h"
#include "bench/support/dpdk_acl.h"
#include "bench/support/dpdk_routes.h"
#include "bench/support/prefixes.h"
#include "packet/ipv4.h"
#include "policy/explain.h"
#include "policy/rule_compiler.h"

using namespace culvert;
using namespace culvert::bench;

namespace {

constexpr std::size_t kKeys = std::size_t{1} << 14;
constexpr std::size_t kPasses = 4;  ///< of one call: after the first, what the contender before evicted is back
constexpr std::size_t kBurst = 32;
constexpr std::size_t kSets = 4;
constexpr std::size_t kSetPrefixes = 100'000;

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t operator()() { return splitmix64(state_); }
  std::uint64_t below(std::uint64_t range) { return (*this)() % range; }
  std::uint32_t word() { return static_cast<std::uint32_t>((*this)()); }
  std::uint16_t port(std::uint64_t first, std::uint64_t last) {
    return static_cast<std::uint16_t>(first + below(last - first + 1));
  }

 private:
  std::uint64_t state_;
};

constexpr std::array<std::uint16_t, 16> kServices = {80,   443,  22,  53,  25,  123,  3306, 5432,
                                                     8080, 8443, 161, 389, 636, 1433, 3389, 5060};

/// Any address in 12 % of the cases, else a prefix of /16 to /32 in one of the site's networks.
Prefix4 draw_prefix(Random& random, const std::vector<std::uint32_t>& networks) {
  const std::uint64_t share = random.below(100);
  if (share < 12) return {};
  const unsigned length = share < 20 ? 16 : share < 30 ? 20 : share < 60 ? 24 : share < 70 ? 28 : 32;
  return {networks[random.below(networks.size())] | (random.word() & 0xffff), length};
}

ServiceMatch draw_service(Random& random) {
  ServiceMatch service;
  const std::uint64_t protocol = random.below(100);
  service.any_protocol = protocol >= 85;
  service.protocol = protocol < 60 ? kProtocolTcp : kProtocolUdp;
  if (random.below(100) < 5) service.source.first = 1024;
  const std::uint64_t kind = random.below(100);
  if (kind < 25) return service;
  if (kind < 85) {
    service.destination.first = service.destination.last = kServices[random.below(kServices.size())];
  } else if (kind < 95) {
    service.destination.first = 1024;
  } else {
    service.destination.first = random.port(0, 59'999);
    service.destination.last = static_cast<std::uint16_t>(service.destination.first + random.below(2000));
  }
  return service;
}

/// `count` rules, the last of which matches everything. There are eight rules a /16 network.
std::vector<AclRule> draw_rules(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::uint32_t> networks(count / 8 + 20);
  for (std::uint32_t& network : networks) network = random.word() & 0xffff0000;
  std::vector<AclRule> rules;
  while (rules.size() + 1 < count) {
    AclRule rule = {draw_prefix(random, networks), draw_prefix(random, networks), draw_service(random)};
    if (rule.source.length == 0 && rule.destination.length == 0)
      rule.destination = Prefix4(networks[random.below(networks.size())], 24);
    rules.push_back(rule);
  }
  rules.push_back({{}, {}, {.any_protocol = true, .source = {}, .destination = {}}});
  return rules;
}

/// IPv4 addresses as the upper halves of IPv6 ones, hosts as /128.
PolicyKey::Address as_ipv6(std::uint32_t address) {
  return {0x20010db800000000ULL | address, 1};
}
Prefix6 as_ipv6(const Prefix4& prefix) {
  if (prefix.length == 0) return {};
  const PolicyKey::Address address = as_ipv6(prefix.bits);
  return {address.high, address.low, prefix.length == 32 ? 128U : prefix.length + 32U};
}

std::vector<std::uint32_t> own_set(RuleSet& rules, NetworkKind network, const Prefix4& prefix) {
  if (prefix.length == 0) return {};
  PrefixSet set;
  if (network == NetworkKind::kIpv4) {
    set.ipv4 = {prefix};
  } else {
    set.ipv6 = {as_ipv6(prefix)};
  }
  rules.prefixes.push_back(std::move(set));
  return {static_cast<std::uint32_t>(rules.prefixes.size() - 1)};
}

RuleSet as_rule_set(const std::vector<AclRule>& drawn, NetworkKind network) {
  RuleSet rules;
  for (const AclRule& line : drawn) {
    Rule& rule = rules.rules.emplace_back();
    rule.sources = own_set(rules, network, line.source);
    rule.destinations = own_set(rules, network, line.destination);
    if (!line.service.any_protocol) rule.services = {line.service};
    rule.action = RuleAction::kPermit;
  }
  return rules;
}

/// Every 25th rule has a set as source or destination, each set in turn.
void give_sets(RuleSet& rules, NetworkKind network) {
  const auto first = static_cast<std::uint32_t>(rules.prefixes.size());
  for (std::size_t i = 0; i < kSets; ++i) {
    PrefixSet& set = rules.prefixes.emplace_back();
    if (network == NetworkKind::kIpv4) {
      for (const Route4& route : internet4(kSetPrefixes, 31 + i)) set.ipv4.push_back(route.prefix);
    } else {
      for (const Route6& route : internet6(kSetPrefixes, 31 + i)) set.ipv6.push_back(route.prefix);
    }
  }
  for (std::size_t i = 0; i + 1 < rules.rules.size(); i += 25) {
    Rule& rule = rules.rules[i];
    const std::uint32_t set = first + static_cast<std::uint32_t>(i / 25 % kSets);
    (i / 25 / kSets % 2 == 0 ? rule.sources : rule.destinations) = {set};
  }
}

PolicyKey::Address key_address(NetworkKind network, std::uint32_t address) {
  return network == NetworkKind::kIpv4 ? PolicyKey::Address{0, address} : as_ipv6(address);
}

/// Half of the keys match a random rule or one before it, the others come from anywhere to the networks of the rules.
std::vector<PolicyKey> draw_keys(const std::vector<AclRule>& rules, NetworkKind network, std::uint64_t seed) {
  Random random(seed);
  std::vector<PolicyKey> keys(kKeys);
  for (PolicyKey& key : keys) {
    const AclRule& rule = rules[random.below(rules.size())];
    const std::uint32_t in_source = rule.source.bits | (random.word() & ~Prefix4::mask(rule.source.length));
    const std::uint32_t in_destination =
        rule.destination.bits | (random.word() & ~Prefix4::mask(rule.destination.length));
    key.network = network;
    if (random.below(2) == 0) {
      const ServiceMatch service = rule.service.any_protocol ? ServiceMatch{} : rule.service;
      key.source = key_address(network, in_source);
      key.destination = key_address(network, in_destination);
      key.source_port = random.port(service.source.first, service.source.last);
      key.destination_port = random.port(service.destination.first, service.destination.last);
      key.protocol = !rule.service.any_protocol ? rule.service.protocol
                     : random.below(2) == 0     ? kProtocolTcp
                                                : kProtocolUdp;
    } else {
      key.source = key_address(network, random.word());
      key.destination = key_address(network, rule.destination.bits | (random.word() & 0xff));
      key.source_port = random.port(1024, 61'023);
      key.destination_port = random.below(2) == 0 ? std::uint16_t{443} : random.port(0, 65'535);
      key.protocol = random.below(2) == 0 ? kProtocolTcp : kProtocolUdp;
    }
  }
  return keys;
}

/// A quarter of the keys comes from addresses of the sets, another goes there.
void lead_to_sets(std::vector<PolicyKey>& keys, const RuleSet& rules, std::uint64_t seed) {
  Random random(seed);
  const std::size_t first = rules.prefixes.size() - kSets;
  for (PolicyKey& key : keys) {
    const std::uint64_t side = random.below(4);
    if (side > 1) continue;
    PolicyKey::Address& address = side == 0 ? key.source : key.destination;
    const PrefixSet& set = rules.prefixes[first + random.below(kSets)];
    if (key.network == NetworkKind::kIpv4) {
      const Prefix4& prefix = set.ipv4[random.below(set.ipv4.size())];
      address = {0, prefix.bits | (random.word() & ~Prefix4::mask(prefix.length))};
    } else {
      const Prefix6& prefix = set.ipv6[random.below(set.ipv6.size())];
      address = {prefix.high | (random() & ~Prefix6::mask(prefix.length)), prefix.low | random.below(2)};
    }
  }
}

[[noreturn]] void disagree(std::string_view who, std::size_t key) {
  fmt::print(stderr, "{} does not agree about key {}\n", who, key);
  std::exit(3);
}

/// Rules, their table and keys. Alone and in bursts the table says the same, and of some keys what explain() says.
struct Case {
  Case(RuleSet set, std::vector<PolicyKey> drawn)
      : rules(std::move(set)), keys(std::move(drawn)), compiled(compile_rules(rules).value()) {
    std::size_t by_default = 0;
    for (std::size_t i = 0; i < keys.size(); i += kBurst) {
      std::array<RuleOutcome, kBurst> outcomes;
      compiled.table().match(std::span(keys).subspan(i, kBurst), outcomes);
      for (std::size_t k = 0; k < kBurst; ++k) {
        if (outcomes[k] != compiled.table().match(keys[i + k])) disagree("one by one", i + k);
        by_default += outcomes[k].rule + 1U >= rules.rules.size() ? 1U : 0U;
      }
      if (i % 1024 == 0 && explain(rules, keys[i]).outcome != outcomes[0]) disagree("explain()", i);
    }
    fmt::print("{} rules: {:.2f} MB ({}), {:.0f} % of the keys meet only the last\n", rules.rules.size(),
               static_cast<double>(compiled.memory_size()) * 1e-6, page_kind_text(compiled.pages()),
               100.0 * static_cast<double>(by_default) / static_cast<double>(keys.size()));
  }

  void in_bursts() const {
    std::array<RuleOutcome, kBurst> outcomes;
    for (std::size_t i = 0; i < kPasses * kKeys; i += kBurst) {
      compiled.table().match(std::span(keys).subspan(i % kKeys, kBurst), outcomes);
      keep(outcomes);
    }
  }
  void one_by_one() const {
    for (std::size_t i = 0; i < kPasses * kKeys; ++i) keep(compiled.table().match(keys[i % kKeys]));
  }

  RuleSet rules;
  std::vector<PolicyKey> keys;
  CompiledRules compiled;
};

void classify_all(const RteAcl& acl, const std::vector<AclKey>& keys) {
  std::array<std::uint32_t, kBurst> results;
  for (std::size_t i = 0; i < kPasses * kKeys; i += kBurst) {
    acl.classify(std::span(keys).subspan(i % kKeys, kBurst), results);
    keep(results);
  }
}

void check_agreement(const Case& ours, const RteAcl& acl, const std::vector<AclKey>& keys) {
  std::array<std::uint32_t, kBurst> results;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    acl.classify(std::span(keys).subspan(i, 1), results);
    if (results[0] != ours.compiled.table().match(ours.keys[i]).rule + 1U) disagree("rte_acl", i);
  }
}

void compare_with_dpdk(std::size_t count, double bar, bool has_dpdk, const Options& options, Report& report) {
  const auto drawn = draw_rules(count, 21);
  const Case ours(as_rule_set(drawn, NetworkKind::kIpv4), draw_keys(drawn, NetworkKind::kIpv4, 5));
  std::vector<AclKey> keys;
  for (const PolicyKey& key : ours.keys) keys.push_back(AclKey::of(key));
  const auto acl = has_dpdk ? RteAcl::of(drawn) : nullptr;

  Comparison comparison(fmt::format("{} rules, IPv4", count), kPasses * kKeys, options);
  comparison.add("bursts of 32", [&] { ours.in_bursts(); });
  comparison.add("one by one", [&] { ours.one_by_one(); });
  const auto add = [&](const char* name, AclAlgorithm algorithm) {
    if (!acl || !acl->choose(algorithm)) return;
    check_agreement(ours, *acl, keys);
    comparison.add(name, [&, algorithm] {
      acl->choose(algorithm);
      classify_all(*acl, keys);
    });
  };
  add("rte_acl AVX2", AclAlgorithm::kAvx2);
  add("rte_acl AVX-512", AclAlgorithm::kAvx512);
  comparison.run();
  report.bar("R2", comparison, "bursts of 32", "rte_acl AVX2", bar);
  report.ratio("policy", comparison, "bursts of 32", "rte_acl AVX-512");
}

void compare_sets(NetworkKind network, const Options& options, Report& report) {
  const char* family = network == NetworkKind::kIpv4 ? "IPv4" : "IPv6";
  const auto few = draw_rules(10, 22);
  const auto many = draw_rules(10'000, 21);
  const Case ten(as_rule_set(few, network), draw_keys(few, network, 5));
  const Case plain(as_rule_set(many, network), draw_keys(many, network, 5));
  RuleSet rules = as_rule_set(many, network);
  give_sets(rules, network);
  auto keys = draw_keys(many, network, 5);
  lead_to_sets(keys, rules, 6);
  const std::uint64_t begin = thread_cpu_ns();
  const Case sets(std::move(rules), std::move(keys));
  fmt::print("with 4 sets of 100,000 prefixes: compiled and checked in {:.0f} ms\n",
             static_cast<double>(thread_cpu_ns() - begin) * 1e-6);

  Comparison comparison(fmt::format("sets, {}", family), kPasses * kKeys, options);
  comparison.add("10,000 rules and 4 sets", [&] { sets.in_bursts(); });
  comparison.add("10,000 rules", [&] { plain.in_bursts(); });
  comparison.add("10 rules", [&] { ten.in_bursts(); });
  comparison.run();
  report.ratio("sets", comparison, "10,000 rules and 4 sets", "10 rules");
  report.ratio("rules", comparison, "10,000 rules", "10 rules");
}

void compile(const Options& options, Report& report) {
  const RuleSet rules = as_rule_set(draw_rules(10'000, 21), NetworkKind::kIpv4);
  Comparison comparison("compile 10,000 rules, IPv4", 1, options);
  comparison.add("compile_rules", [&] { keep(compile_rules(rules).value()); });
  comparison.run();
  report.limit("R2", comparison, "compile_rules", 5e6);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Report report(options);
  const bool has_dpdk = start_dpdk(std::size_t{1} << 30);
  compare_with_dpdk(1'000, 0.95, has_dpdk, options, report);
  compare_with_dpdk(10'000, 0.45, has_dpdk, options, report);
  compare_sets(NetworkKind::kIpv4, options, report);
  compare_sets(NetworkKind::kIpv6, options, report);
  compile(options, report);
  return report.finish();
}
