// SPDX-License-Identifier: Apache-2.0
// What commands about sessions and mappings share: filters in words behind the command, and lists that come in pages.
#pragma once

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <vector>

#include "status/json.h"
#include "status/text.h"
#include "tools/culvert/ask.h"

namespace culvert {

/// Rows of one table, and of one object with --json.
inline constexpr std::uint64_t kRowsAtOnce = 1000;

/// What was said in filters, as a request.
Request request_of(const Arguments& arguments, const char* command);

/// A part of the filter: a word, and its value behind it.
void add_filter(CLI::App& command, Arguments& arguments, const char* name, const char* key, const char* value,
                const char* sentence);
/// The same of a port.
void add_port_filter(CLI::App& command, Arguments& arguments, const char* name, const char* key, const char* sentence);
/// --limit of a list.
void add_limit(CLI::App& command, Arguments& arguments, const char* sentence);

/// A list that control gives in pages, each of a part of the tables.
template <typename Page, typename Row>
struct PagedList {
  Result<Page> (*read)(const boost::json::value& json);
  std::vector<Row> Page::*rows;
  std::string (*text)(const std::vector<Row>& rows, const TextOptions& options);
  const char* what;  ///< "sessions"
};

/// Up to so many further rows that fit; each answer is about a part of the tables, so there may be many of them.
template <typename Page, typename Row>
Result<Page> next_rows(ControlConnection& connection, Request& request, std::uint64_t most,
                       const PagedList<Page, Row>& list) {
  Page block;
  std::vector<Row>& rows = block.*list.rows;
  do {
    request["limit"] = most - rows.size();
    const auto answer = connection.ask(request);
    if (answer.has_error()) return answer.error();
    auto page = list.read(*answer);
    if (page.has_error()) return page;
    Page& more = page.value();
    std::move((more.*list.rows).begin(), (more.*list.rows).end(), std::back_inserter(rows));
    block.total = more.total;
    block.next = std::move(more.next);
    if (block.next) request["after"] = *block.next;
  } while (block.next && rows.size() < most);
  return block;
}

/// Prints it as it comes.
template <typename Page, typename Row>
int show_list(const Arguments& arguments, const Output& output, Request request, const PagedList<Page, Row>& list) {
  auto connection = ControlConnection::open(arguments.socket);
  if (connection.has_error()) return failed(output, connection.error());
  std::uint64_t shown = 0;
  for (;;) {
    const std::uint64_t left = arguments.limit == 0 ? kRowsAtOnce : arguments.limit - shown;
    const auto block = next_rows(*connection, request, std::min(left, kRowsAtOnce), list);
    if (block.has_error()) return failed(output, block.error());
    const Page& page = block.value();
    const std::vector<Row>& rows = page.*list.rows;
    shown += rows.size();
    if (output.json) {
      output.text(to_json(page).text + "\n");
    } else if (!rows.empty()) {
      output.text(list.text(rows, {output.colour, false}));
    }
    if (page.next && (arguments.limit == 0 || shown < arguments.limit)) continue;
    if (!output.json) {
      output.text(fmt::format("{} shown of {} {}{}\n", shown, page.total, list.what,
                              page.next ? "; --limit N for more, 0 for all" : ""));
    }
    return kExitOk;
  }
}

/// What a clear command says afterwards: "Cleared 3 sessions."
std::string cleared_text(const SessionsCleared& cleared);

}  // namespace culvert
