// SPDX-License-Identifier: Apache-2.0
// show sessions, clear sessions: which ones is said in words behind the command, in any order.
//
//   show sessions source 198.18.0.0/24 protocol tcp state established
//   show sessions zone internet top destinations bytes
//   clear sessions policy web
#include <algorithm>
#include <fmt/format.h>

#include "config/values.h"
#include "status/firewall_text.h"
#include "status/json.h"
#include "tools/culvert/ask.h"

namespace culvert {
namespace {

/// Rows of one table, and of one object with --json.
constexpr std::uint64_t kRowsAtOnce = 1000;

Request request_of(const Arguments& arguments, const char* command) {
  Request request = arguments.request;
  request["command"] = command;
  return request;
}

/// Up to so many further sessions that fit; each answer is about a part of the tables, so there may be many of them.
Result<SessionPage> next_sessions(ControlConnection& connection, Request& request, std::uint64_t most) {
  SessionPage block;
  do {
    request["limit"] = most - block.sessions.size();
    const auto answer = connection.ask(request);
    if (answer.has_error()) return answer.error();
    auto page = sessions_from_json(*answer);
    if (page.has_error()) return page;
    std::move(page->sessions.begin(), page->sessions.end(), std::back_inserter(block.sessions));
    block.total = page->total;
    block.next = std::move(page->next);
    if (block.next) request["after"] = *block.next;
  } while (block.next && block.sessions.size() < most);
  return block;
}

int list_sessions(const Arguments& arguments, const Output& output) {
  auto connection = ControlConnection::open(arguments.socket);
  if (connection.has_error()) return failed(output, connection.error());
  Request request = request_of(arguments, "show_sessions");
  std::uint64_t shown = 0;
  for (;;) {
    const std::uint64_t left = arguments.limit == 0 ? kRowsAtOnce : arguments.limit - shown;
    const auto block = next_sessions(*connection, request, std::min(left, kRowsAtOnce));
    if (block.has_error()) return failed(output, block.error());
    shown += block->sessions.size();
    if (output.json) {
      output.text(to_json(*block).text + "\n");
    } else if (!block->sessions.empty()) {
      output.text(sessions_text(block->sessions, {output.colour, false}));
    }
    if (block->next && (arguments.limit == 0 || shown < arguments.limit)) continue;
    if (!output.json) {
      output.text(fmt::format("{} shown of {} sessions{}\n", shown, block->total,
                              block->next ? "; --limit N for more, 0 for all" : ""));
    }
    return kExitOk;
  }
}

int show_sessions(const Arguments& arguments, const Output& output) {
  const TextOptions options{output.colour, false};
  if (arguments.summary) {
    return ask(arguments, output, request_of(arguments, "show_sessions_summary"),
               screen_of(session_summary_from_json,
                         [&](const SessionSummary& summary) { return session_summary_text(summary, options); }));
  }
  if (!arguments.top) return list_sessions(arguments, output);
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
  return ask(arguments, output, request, screen_of(cleared_from_json, [](const SessionsCleared& cleared) {
               if (cleared.cleared == cleared.matched) return fmt::format("Cleared {} sessions.\n", cleared.cleared);
               return fmt::format("Cleared {} of {} sessions; the others had ended by themselves.\n", cleared.cleared,
                                  cleared.matched);
             }));
}

/// A part of the filter: a word, and its value behind it.
void add_filter(CLI::App& command, Arguments& arguments, const char* name, const char* key, const char* value,
                const char* sentence) {
  command.add_subcommand(name, sentence)
      ->add_option_function<std::string>(value,
                                         [&arguments, key](const std::string& text) { arguments.request[key] = text; })
      ->required();
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
  command.add_subcommand("port", "of either side")
      ->add_option_function<std::uint16_t>("PORT",
                                           [&arguments](std::uint16_t port) { arguments.request["port"] = port; })
      ->required();
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
  sessions->add_option_function<std::uint64_t>(
      "--limit",
      [&arguments](std::uint64_t limit) {
        arguments.limit = limit;
        arguments.limited = true;
      },
      "at most so many, 1000 when not given; 0: all; of top 10");
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
