// SPDX-License-Identifier: Apache-2.0
#include "tools/culvert/ask.h"

#include <utility>

namespace culvert {

Result<std::string> rendered(std::string text) {
  return Result<std::string>(boost::system::in_place_value, std::move(text));
}

int failed(const Output& output, const Error& error) {
  output.complaint(error);
  return kExitError;
}

int ask(const Arguments& arguments, const Output& output, const Request& request, const Render& render) {
  auto connection = ControlConnection::open(arguments.socket);
  if (connection.has_error()) return failed(output, connection.error());
  const auto answer = connection->ask(request);
  if (answer.has_error()) return failed(output, answer.error());
  if (output.json) {
    output.object(*answer);
    return kExitOk;
  }
  const auto text = render(*answer);
  if (text.has_error()) return failed(output, text.error());
  output.text(*text);
  return kExitOk;
}

}  // namespace culvert
