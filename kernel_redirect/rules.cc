// SPDX-License-Identifier: Apache-2.0
#include "kernel_redirect/rules.h"

#include <array>
#include <cerrno>
#include <linux/fib_rules.h>
#include <sys/socket.h>
#include <vector>

#include "kernel_redirect/route_socket.h"

namespace culvert {
namespace {

constexpr std::array kFamilies = {AF_INET, AF_INET6};

struct OurRule {
  std::string tun;
  std::uint8_t action = 0;
  std::uint8_t table = 0;
  std::uint32_t priority = 0;
  bool dead = false;  ///< no interface of that name
};

bool no_such_family(const Error& error) {
  return error.code == EAFNOSUPPORT || error.code == EOPNOTSUPP;
}

RouteRequest rule_request(std::uint16_t type, std::uint16_t flags, int family, const OurRule& rule) {
  RouteRequest request(type, flags);
  auto& header = request.family_header<fib_rule_hdr>();
  header.family = static_cast<std::uint8_t>(family);
  header.action = rule.action;
  header.table = rule.table;
  request.put(FRA_IIFNAME, rule.tun);
  request.put(FRA_PRIORITY, rule.priority);
  request.put(FRA_PROTOCOL, kRuleProtocol);
  return request;
}

Result<std::vector<OurRule>> our_rules(RouteSocket& socket, int family) {
  std::vector<OurRule> rules;
  RouteRequest request(RTM_GETRULE, NLM_F_DUMP);
  request.family_header<fib_rule_hdr>().family = static_cast<std::uint8_t>(family);
  const auto answer = socket.read(request, "reading the policy rules", [&](const nlmsghdr* message) {
    const auto* header = static_cast<const fib_rule_hdr*>(mnl_nlmsg_get_payload(message));
    const auto attributes = RouteSocket::attributes(message, sizeof(fib_rule_hdr));
    const auto* protocol = attributes[FRA_PROTOCOL];
    const auto* interface = attributes[FRA_IIFNAME];
    // A kernel without IPv6 answers a dump for it with the rules of every family.
    if (header->family != family || protocol == nullptr || interface == nullptr) return;
    if (mnl_attr_get_u8(protocol) != kRuleProtocol) return;
    const auto* priority = attributes[FRA_PRIORITY];
    rules.push_back({mnl_attr_get_str(interface), header->action, header->table,
                     priority != nullptr ? mnl_attr_get_u32(priority) : 0,
                     (header->flags & FIB_RULE_IIF_DETACHED) != 0});
  });
  if (!answer && !no_such_family(answer.error())) return answer.error();
  return rules;
}

template <typename Wanted>
Result<unsigned> remove_rules(Wanted wanted) {
  RouteSocket socket;
  unsigned removed = 0;
  for (const int family : kFamilies) {
    const auto rules = our_rules(socket, family);
    if (!rules) return rules.error();
    for (const auto& rule : *rules) {
      if (!wanted(rule)) continue;
      auto request = rule_request(RTM_DELRULE, 0, family, rule);
      if (auto done = socket.ask(request, "removing the policy rule of " + rule.tun); !done) return done.error();
      removed++;
    }
  }
  return removed;
}

}  // namespace

Result<void> add_punt_rules(const std::string& tun) {
  RouteSocket socket;
  for (const int family : kFamilies) {
    for (const auto& rule : {OurRule{tun, FR_ACT_TO_TBL, RT_TABLE_LOCAL}, OurRule{tun, FR_ACT_BLACKHOLE}}) {
      auto request = rule_request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, family, rule);
      const auto done = socket.ask(request, "adding the policy rule of " + tun);
      if (!done && !(family == AF_INET6 && no_such_family(done.error()))) return done.error();
    }
  }
  return {};
}

Result<unsigned> remove_punt_rules(const std::string& tun) {
  return remove_rules([&](const OurRule& rule) { return rule.tun == tun; });
}

Result<unsigned> remove_dead_punt_rules() {
  return remove_rules([](const OurRule& rule) { return rule.dead; });
}

}  // namespace culvert
