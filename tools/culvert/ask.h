// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>

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

/// Says it on stderr; the exit code.
int failed(const Output& output, const Error& error);

}  // namespace culvert
