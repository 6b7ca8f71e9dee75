// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <cerrno>
#include <fmt/format.h>
#include <fstream>
#include <sstream>

#include "config/config.h"
#include "control/server/handlers.h"
#include "control/server/server.h"
#include "tools/culvert/client.h"
#include "tools/culvert/commands.h"

namespace culvert {
namespace {

/// Checks the file here, without culvertd: each wrong thing with its line and key.
int check(const Arguments& arguments, const Output& output) {
  const CheckResult result = check_file(arguments.file);
  if (output.json) {
    boost::json::array diagnostics;
    for (const Diagnostic& diagnostic : result.diagnostics) {
      diagnostics.push_back({{"severity", diagnostic.severity == Severity::kError ? "error" : "warning"},
                             {"line", diagnostic.line},
                             {"column", diagnostic.column},
                             {"key", diagnostic.key},
                             {"what", diagnostic.what},
                             {"right", diagnostic.right}});
    }
    output.object({{"file", arguments.file}, {"ok", result.ok()}, {"diagnostics", std::move(diagnostics)}});
    return result.ok() ? kExitOk : kExitError;
  }
  if (result.ok()) {
    output.text(result.to_text() + arguments.file + ": OK\n");
    return kExitOk;
  }
  std::fputs(result.to_text().c_str(), stderr);
  return kExitError;
}

/// The result's `text` is for people.
int send(const Arguments& arguments, const Output& output, const boost::json::object& request) {
  auto connection = ControlConnection::open(arguments.socket);
  const auto answer =
      connection.has_error() ? Result<boost::json::object>(connection.error()) : connection->ask(request);
  if (answer.has_error()) {
    output.complaint(answer.error());
    return kExitError;
  }
  const auto* text = answer->if_contains("text");
  if (output.json || text == nullptr || !text->is_string()) {
    output.object(*answer);
  } else {
    output.text(std::string(text->get_string()));
  }
  return kExitOk;
}

int send_file(const Arguments& arguments, const Output& output, const char* command) {
  std::ifstream file(arguments.file, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    output.complaint(Error{"cannot read " + arguments.file, errno, ""});
    return kExitError;
  }
  const boost::json::object request{{"command", command},
                                    {"text", text.str()},
                                    {"file", arguments.file},
                                    {"confirm_within_s", arguments.confirm_within_s}};
  // As it will be sent: JSON makes two bytes of a quote or a line's end, and six of some characters.
  const std::size_t size = boost::json::serialize(request).size();
  if (const std::size_t most = ControlServerOptions{}.max_request_bytes; size > most) {
    output.complaint(Error{fmt::format("{} is too long for the control socket: {} bytes as JSON, of at most {}",
                                       arguments.file, size, most),
                           EMSGSIZE, "put it where culvertd reads it (--config) and reload with SIGHUP"});
    return kExitError;
  }
  return send(arguments, output, request);
}

}  // namespace

void add_config_commands(CLI::App& app, CommandLine& line) {
  Arguments& arguments = line.arguments;
  auto* config = app.add_subcommand("config", "the configuration");
  config->require_subcommand(1);
  const auto add = [&](const char* name, const char* sentence, auto run) {
    auto* sub = config->add_subcommand(name, sentence);
    sub->callback([&line, run] { line.run = run; });
    return sub;
  };
  add("check", "is this file right? works without culvertd", check)
      ->add_option("FILE", arguments.file, "configuration file")
      ->required();
  add("diff", "what would this file change?",
      [](const Arguments& a, const Output& o) { return send_file(a, o, "config_diff"); })
      ->add_option("FILE", arguments.file, "configuration file")
      ->required();
  auto* apply = add("apply", "use this file",
                    [](const Arguments& a, const Output& o) { return send_file(a, o, "config_apply"); });
  apply->add_option("FILE", arguments.file, "configuration file")->required();
  apply->add_option("--confirm", arguments.confirm_within_s, "go back after so many seconds unless confirmed")
      ->check(CLI::Range(std::uint64_t{1}, kMostTrialSeconds));
  add("confirm", "keep what was applied", [](const Arguments& a, const Output& o) {
    return send(a, o, {{"command", "config_confirm"}});
  });
  add("rollback", "use an earlier configuration again", [](const Arguments& a, const Output& o) {
    return send(a, o, {{"command", "config_rollback"}, {"generation", a.generation}});
  })->add_option("N", arguments.generation, "its generation; the one before when not given");
}

}  // namespace culvert
