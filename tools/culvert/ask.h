// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "tools/culvert/client.h"
#include "tools/culvert/commands.h"

namespace culvert {

using Request = boost::json::object;
using Render = std::function<Result<std::string>(const boost::json::object&)>;

/// Said in full: with g++ 12 an Error can be made from a string too.
Result<std::string> rendered(std::string text);

/// Asks once and prints the answer, as JSON or as `render` makes it.
int ask(const Arguments& arguments, const Output& output, const Request& request, const Render& render);

/// A screen that is made of an answer's structure.
template <typename Read, typename Screen>
Render screen_of(Read read, Screen screen) {
  return [read, screen](const boost::json::object& answer) -> Result<std::string> {
    const auto structure = read(answer);
    if (structure.has_error()) return structure.error();
    return rendered(screen(*structure));
  };
}

/// Every row of a list that is answered page by page.
template <typename Page, typename Row>
Result<Page> all_rows(ControlConnection& connection, const char* command,
                      Result<Page> (*read)(const boost::json::value& json), std::vector<Row> Page::*rows) {
  Page all;
  Request request{{"command", command}};
  do {
    const auto answer = connection.ask(request);
    if (answer.has_error()) return answer.error();
    auto page = read(*answer);
    if (page.has_error()) return page;
    Page& next = page.value();
    (next.*rows)
        .insert((next.*rows).begin(), std::make_move_iterator((all.*rows).begin()),
                std::make_move_iterator((all.*rows).end()));
    all = std::move(next);
    if (all.next) request["after"] = *all.next;
  } while (all.next);
  return all;
}

/// Says it on stderr; the exit code.
int failed(const Output& output, const Error& error);

}  // namespace culvert
