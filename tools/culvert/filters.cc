// SPDX-License-Identifier: Apache-2.0
#include "tools/culvert/filters.h"

namespace culvert {

Request request_of(const Arguments& arguments, const char* command) {
  Request request = arguments.request;
  request["command"] = command;
  return request;
}

void add_filter(CLI::App& command, Arguments& arguments, const char* name, const char* key, const char* value,
                const char* sentence) {
  command.add_subcommand(name, sentence)
      ->add_option_function<std::string>(value,
                                         [&arguments, key](const std::string& text) { arguments.request[key] = text; })
      ->required();
}

void add_port_filter(CLI::App& command, Arguments& arguments, const char* name, const char* key, const char* sentence) {
  command.add_subcommand(name, sentence)
      ->add_option_function<std::uint16_t>("PORT",
                                           [&arguments, key](std::uint16_t port) { arguments.request[key] = port; })
      ->required();
}

void add_limit(CLI::App& command, Arguments& arguments, const char* sentence) {
  command.add_option_function<std::uint64_t>(
      "--limit",
      [&arguments](std::uint64_t limit) {
        arguments.limit = limit;
        arguments.limited = true;
      },
      sentence);
}

std::string cleared_text(const SessionsCleared& cleared) {
  if (cleared.cleared == cleared.matched) return fmt::format("Cleared {} sessions.\n", cleared.cleared);
  return fmt::format("Cleared {} of {} sessions; the others had ended by themselves.\n", cleared.cleared,
                     cleared.matched);
}

}  // namespace culvert
