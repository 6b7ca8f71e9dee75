// SPDX-License-Identifier: Apache-2.0
#include "control/server/firewall_handlers.h"

#include <algorithm>
#include <cerrno>

#include "control/server/handlers.h"
#include "control/server/request.h"
#include "status/json.h"

namespace culvert {
namespace {

using Request = boost::json::object;

const Error kNoFirewall{"this culvertd keeps no sessions", ENOTSUP, ""};

/// A command that is answered at once.
template <typename Hook, typename Parse>
void add_now(ControlServer& server, const char* command, const Hook& hook, Parse parse) {
  server.add(command, [&hook, parse](const Request& request) -> Result<JsonText> {
    if (!hook) return kNoFirewall;
    const auto query = parse(request);
    if (query.has_error()) return query.error();
    const auto answer = hook(*query);
    if (answer.has_error()) return answer.error();
    return to_json(*answer);
  });
}

/// A command that takes its time.
template <typename Hook, typename Parse>
void add_slow(ControlServer& server, const char* command, const Hook& hook, Parse parse) {
  server.add_later(command, [&hook, parse](const Request& request, const Reply& reply) {
    if (!hook) return reply(kNoFirewall);
    const auto query = parse(request);
    if (query.has_error()) return reply(query.error());
    hook(*query, reply);
  });
}

Result<TablePage> table_page_in(const Request& request) {
  const auto limit = number_in(request, "limit", 1000);
  if (limit.has_error()) return limit.error();
  const auto after = text_in(request, "after", "");
  if (after.has_error()) return after.error();
  if (*limit == 0) return Error{"\"limit\" must be 1 or more", EINVAL, ""};
  return TablePage{static_cast<std::size_t>(std::min<std::uint64_t>(*limit, kMostSessionRows)), *after};
}

}  // namespace

void add_firewall_commands(ControlServer& server, const FirewallHooks& hooks) {
  add_now(server, "show_sessions", hooks.sessions, session_page_query_in);
  add_slow(server, "show_sessions_summary", hooks.session_summary, session_query_in);
  add_slow(server, "show_sessions_top", hooks.session_top, session_top_query_in);
  add_slow(server, "clear_sessions", hooks.clear_sessions, session_clear_query_in);
  add_now(server, "show_policies", hooks.policies, table_page_in);
  add_now(server, "policy_test", hooks.policy_test, policy_test_query_in);
  add_now(server, "show_nat_rules", hooks.nat_rules, table_page_in);
  add_now(server, "show_nat_pools", hooks.nat_pools, table_page_in);
  add_now(server, "show_nat_mappings", hooks.nat_mappings, nat_mapping_page_query_in);
  add_slow(server, "clear_nat_mappings", hooks.clear_sessions, nat_mapping_clear_query_in);
}

}  // namespace culvert
