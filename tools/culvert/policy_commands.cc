// SPDX-License-Identifier: Apache-2.0
// show policies, policy test.
#include <algorithm>

#include "policy/rules.h"
#include "status/firewall_text.h"
#include "status/json.h"
#include "tools/culvert/ask.h"

namespace culvert {
namespace {

int show_policies(const Arguments& arguments, const Output& output) {
  auto connection = ControlConnection::open(arguments.socket);
  if (connection.has_error()) return failed(output, connection.error());
  auto page = all_rows(*connection, "show_policies", policies_from_json, &PolicyPage::policies);
  if (page.has_error()) return failed(output, page.error());
  if (arguments.hits) {
    std::stable_sort(page->policies.begin(), page->policies.end(),
                     [](const PolicyRow& a, const PolicyRow& b) { return a.hits > b.hits; });
  }
  const TextOptions options{output.colour, false};
  if (output.json) {
    output.text(to_json(*page).text + "\n");
  } else {
    output.text(arguments.hits ? policy_hits_text(*page, options) : policies_text(*page, options));
  }
  return kExitOk;
}

int policy_test(const Arguments& arguments, const Output& output) {
  Request request = arguments.request;
  request["command"] = "policy_test";
  if (arguments.all) request["limit"] = kMaxRules;
  return ask(arguments, output, request, screen_of(policy_test_from_json, [&](const PolicyTest& test) {
               return policy_test_text(test, {output.colour, false});
             }));
}

template <typename T>
CLI::Option* add_key(CLI::App& command, Arguments& arguments, const char* option, const char* key,
                     const char* sentence) {
  return command.add_option_function<T>(
      option, [&arguments, key](const T& value) { arguments.request[key] = value; }, sentence);
}

}  // namespace

void add_policy_commands(CLI::App& app, CLI::App& show, CommandLine& line) {
  Arguments& arguments = line.arguments;
  auto* policies = leaf(show, line, "policies", "rules in their order, and how often each has decided", show_policies);
  policies->add_subcommand("hits", "the busiest first")->callback([&arguments] { arguments.hits = true; });

  auto* policy = group(app, "policy", "what the policy does");
  auto* test = leaf(*policy, line, "test", "which rule decides about a new session, and why", policy_test);
  add_key<std::string>(*test, arguments, "--from", "from", "zone where it comes in")->required();
  add_key<std::string>(*test, arguments, "--to", "to", "zone where it leaves")->required();
  add_key<std::string>(*test, arguments, "--source", "source", "address")->required();
  add_key<std::string>(*test, arguments, "--destination", "destination", "address")->required();
  add_key<std::string>(*test, arguments, "--protocol", "protocol", "tcp, udp, icmp, ... or protocol/N")->required();
  add_key<std::uint16_t>(*test, arguments, "--source-port", "source_port", "49152 when not given");
  add_key<std::uint16_t>(*test, arguments, "--destination-port", "destination_port", "of tcp, udp and sctp");
  test->add_flag("--all", arguments.all, "every rule before the one that decides, not those that came closest");
}

}  // namespace culvert
