// SPDX-License-Identifier: Apache-2.0
// show nat rules, show nat pools, show nat mappings, clear nat mappings.
//
//   show nat mappings inside 198.18.0.2 protocol udp
//   clear nat mappings external 198.18.1.16 external-port 40000
#include "status/json.h"
#include "status/nat_text.h"
#include "tools/culvert/filters.h"

namespace culvert {
namespace {

/// A whole table: its rows come page by page.
template <typename Page, typename Row>
int show_table(const Arguments& arguments, const Output& output, const char* command,
               Result<Page> (*read)(const boost::json::value& json), std::vector<Row> Page::*rows,
               std::string (*text)(const Page& page, const TextOptions& options)) {
  auto connection = ControlConnection::open(arguments.socket);
  if (connection.has_error()) return failed(output, connection.error());
  const auto page = all_rows(*connection, command, read, rows);
  if (page.has_error()) return failed(output, page.error());
  output.text(output.json ? to_json(*page).text + "\n" : text(*page, {output.colour, false}));
  return kExitOk;
}

int show_nat_rules(const Arguments& arguments, const Output& output) {
  return show_table(arguments, output, "show_nat_rules", nat_rules_from_json, &NatRulePage::rules, nat_rules_text);
}

int show_nat_pools(const Arguments& arguments, const Output& output) {
  return show_table(arguments, output, "show_nat_pools", nat_pools_from_json, &NatPools::addresses, nat_pools_text);
}

constexpr PagedList<NatMappingPage, NatMappingRow> kMappings{nat_mappings_from_json, &NatMappingPage::mappings,
                                                             nat_mappings_text, "mappings and permits"};

int show_nat_mappings(const Arguments& arguments, const Output& output) {
  return show_list(arguments, output, request_of(arguments, "show_nat_mappings"), kMappings);
}

int clear_nat_mappings(const Arguments& arguments, const Output& output) {
  Request request = request_of(arguments, "clear_nat_mappings");
  if (arguments.all) request["all"] = true;
  return ask(arguments, output, request, screen_of(cleared_from_json, cleared_text));
}

void add_mapping_filters(CLI::App& command, Arguments& arguments) {
  command.require_subcommand(0);
  add_filter(command, arguments, "inside", "inside", "PREFIX", "who has it");
  add_filter(command, arguments, "external", "external", "PREFIX", "the address that it has outside");
  add_filter(command, arguments, "protocol", "protocol", "PROTOCOL", "tcp, udp, sctp, icmp or icmpv6");
  add_filter(command, arguments, "family", "family", "FAMILY", "ipv4 or ipv6");
  add_port_filter(command, arguments, "port", "port", "inside; of ICMP the identifier");
  add_port_filter(command, arguments, "external-port", "external_port", "outside");
}

}  // namespace

void add_nat_commands(CLI::App& show, CLI::App& clear, CommandLine& line) {
  Arguments& arguments = line.arguments;
  auto* nat = group(show, "nat", "address translation");
  leaf(*nat, line, "rules", "which sessions get other addresses, and how many have", show_nat_rules);
  leaf(*nat, line, "pools", "external addresses and their ports", show_nat_pools);
  auto* mappings =
      leaf(*nat, line, "mappings", "who inside has which port outside for all sessions", show_nat_mappings);
  add_limit(*mappings, arguments, "at most so many, 1000 when not given; 0: all");
  add_mapping_filters(*mappings, arguments);
  auto* clear_nat = group(clear, "nat", "address translation");
  auto* cleared =
      leaf(*clear_nat, line, "mappings", "the sessions of those that fit end now, and so do they", clear_nat_mappings);
  cleared->add_flag("--all", arguments.all, "every mapping");
  add_mapping_filters(*cleared, arguments);
}

}  // namespace culvert
