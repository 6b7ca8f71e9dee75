// SPDX-License-Identifier: Apache-2.0
// show sessions, clear sessions: which ones is said in words behind the command, in any order.
//
//   show sessions source 198.18.0.0/24 protocol tcp state established
//   show sessions zone internet top destinations bytes
//   clear sessions policy web
#include "config/values.h"
#include "status/firewall_text.h"
#include "status/json.h"
#include "tools/culvert/filters.h"

namespace culvert {
namespace {

constexpr PagedList<SessionPage, SessionRow> kSessions{sessions_from_json, &SessionPage::sessions, sessions_text,
                                                       "sessions"};

int show_sessions(const Arguments& arguments, const Output& output) {
  const TextOptions options{output.colour, false};
  if (arguments.summary) {
    return ask(arguments, output, request_of(arguments, "show_sessions_summary"),
               screen_of(session_summary_from_json,
                         [&](const SessionSummary& summary) { return session_summary_text(summary, options); }));
  }
  if (!arguments.top) return show_list(arguments, output, request_of(arguments, "show_sessions"), kSessions);
  Request request = request_of(arguments, "show_sessions_top");
  request["of"] = arguments.destinations ? "destinations" : "sources";
  request["by"] = arguments.bytes ? "bytes" : "sessions";
  // The usual limit of a list is none of a ranking.
  if (arguments.limited) request["limit"] = arguments.limit;
  return ask(arguments, output, request,
             screen_of(session_top_from_json, [&](const SessionTop& top) { return session_top_text(top, options); }));
}

int clear_sessions(const Arguments& arguments, const Output& output) {
  Request request = request_of(arguments, "clear_sessions");
  if (arguments.all) request["all"] = true;
  return ask(arguments, output, request, screen_of(cleared_from_json, cleared_text));
}

/// Any number of them behind the command, in any order.
void add_filters(CLI::App& command, Arguments& arguments) {
  command.require_subcommand(0);
  add_filter(command, arguments, "source", "source", "PREFIX", "who began it");
  add_filter(command, arguments, "destination", "destination", "PREFIX", "whom it was begun with");
  add_filter(command, arguments, "protocol", "protocol", "PROTOCOL", "tcp, udp, icmp, ... or protocol/N");
  add_filter(command, arguments, "family", "family", "FAMILY", "ipv4 or ipv6");
  add_filter(command, arguments, "zone", "zone", "ZONE", "of either side");
  add_filter(command, arguments, "interface", "interface", "INTERFACE", "of either side");
  add_filter(command, arguments, "state", "state", "STATE", "established, syn_sent, ...; replied, unreplied");
  add_filter(command, arguments, "policy", "policy", "RULE", "the rule that let it in; default");
  add_filter(command, arguments, "external", "external", "PREFIX", "the address that a translated one has outside");
  add_port_filter(command, arguments, "port", "port", "of either side");
  add_port_filter(command, arguments, "external-port", "external_port", "the port that a translated one has outside");
  command.add_subcommand("age", "at least so old")
      ->add_option_function<std::string>("TIME",
                                         [&arguments](const std::string& text) {
                                           const auto ns = parse_duration_ns(text);
                                           if (ns.has_error()) throw CLI::ValidationError("age", ns.error().what);
                                           arguments.request["min_age_s"] = *ns / 1'000'000'000;
                                         })
      ->required();
}

}  // namespace

void add_session_commands(CLI::App& show, CLI::App& clear, CommandLine& line) {
  Arguments& arguments = line.arguments;
  auto* sessions = leaf(show, line, "sessions", "connections that are followed", show_sessions);
  add_limit(*sessions, arguments, "at most so many, 1000 when not given; 0: all; of top 10");
  add_filters(*sessions, arguments);
  sessions->add_subcommand("summary", "how many, by protocol, state and zones")->callback([&arguments] {
    arguments.summary = true;
  });
  auto* top = sessions->add_subcommand("top", "who has most");
  top->callback([&arguments] { arguments.top = true; });
  top->add_subcommand("sources", "those who began them");
  top->add_subcommand("destinations", "whom they were begun with")->callback([&arguments] {
    arguments.destinations = true;
  });
  top->add_subcommand("bytes", "by bytes instead of sessions")->callback([&arguments] { arguments.bytes = true; });

  auto* cleared = leaf(clear, line, "sessions", "those that fit end now", clear_sessions);
  cleared->add_flag("--all", arguments.all, "every session");
  add_filters(*cleared, arguments);
}

}  // namespace culvert
