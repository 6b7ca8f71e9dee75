// SPDX-License-Identifier: Apache-2.0
#include "tools/culvert/commands.h"

#include <cerrno>
#include <fmt/format.h>

#include "config/suggest.h"

namespace culvert {
namespace {

const CLI::App* child(const CLI::App& app, const std::string& name) {
  for (const CLI::App* sub : app.get_subcommands({})) {
    if (sub->get_name() == name) return sub;
  }
  return nullptr;
}

/// "unknown command 'bufers' after 'show system': did you mean 'buffers'?"
Error unknown_word(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  std::string path;
  for (const std::string& word : words) {
    if (!word.empty() && word.front() == '-') continue;
    const CLI::App* next = child(*at, word);
    if (next != nullptr) {
      at = next;
      path += path.empty() ? word : " " + word;
      continue;
    }
    const std::vector<std::string> names = subcommand_names(*at);
    if (names.empty()) return {fmt::format("'{}' is not understood after '{}'", word, path), 0, "see --help"};
    const auto meant = nearest(word, names);
    const std::string where = path.empty() ? "" : fmt::format(" after '{}'", path);
    return {fmt::format("there is no command '{}'{}", word, where), 0,
            meant ? fmt::format("did you mean '{}'?", *meant) : fmt::format("there are: {}", fmt::join(names, ", "))};
  }
  const std::vector<std::string> names = subcommand_names(*at);
  return {path.empty() ? "a command is missing" : fmt::format("'{}' wants more", path), 0,
          fmt::format("there are: {}", fmt::join(names, ", "))};
}

bool is_about_words(const CLI::ParseError& error) {
  return dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr ||
         dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
}

/// Words that CLI11 would take for the value of `--socket` are not commands.
std::vector<std::string> without_option_values(const std::vector<std::string>& words) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--socket") {
      ++i;
    } else {
      kept.push_back(words[i]);
    }
  }
  return kept;
}

}  // namespace

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  return names;
}

void add_commands(CommandLine& line) {
  CLI::App& app = line.app;
  app.add_option("--socket", line.arguments.socket, "control socket of culvertd")->capture_default_str();
  app.add_flag("--json", line.arguments.json, "answer in JSON (docs/json.md)");
  app.fallthrough();
  app.require_subcommand(1);
  add_show_commands(app, line);
  add_config_commands(app, line);
  auto* doctor = app.add_subcommand("doctor", "checks the machine, and says what to type");
  doctor->add_option("interfaces", line.arguments.words, "only these; otherwise culvertd's, or all");
  doctor->callback([&line] { line.run = run_doctor; });
  app.add_subcommand("detach", "ends what fail: closed left in the kernel")->callback([&line] {
    line.run = run_detach;
  });
}

int run_words(const std::vector<std::string>& words, const std::string& default_socket) {
  CommandLine line;
  line.arguments.socket = default_socket;
  add_commands(line);
  const Output plain;
  try {
    line.app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return line.app.exit(error);  // --help
    if (is_about_words(error)) {
      plain.complaint(unknown_word(line.app, without_option_values(words)));
    } else {
      plain.complaint(Error{error.what(), 0, "see --help"});
    }
    return kExitUsage;
  }
  return line.run(line.arguments, Output{line.arguments.json, stdout_takes_colour()});
}

Result<std::vector<std::string>> expand_prefixes(const CLI::App& app, std::vector<std::string> words) {
  const CLI::App* at = &app;
  for (std::string& word : words) {
    if (word.empty() || word.front() == '-') continue;
    const CLI::App* exact = child(*at, word);
    std::vector<std::string> fits;
    for (const std::string& name : subcommand_names(*at)) {
      if (name.compare(0, word.size(), word) == 0) fits.push_back(name);
    }
    if (exact == nullptr && fits.size() > 1) {
      return Error{fmt::format("'{}' is ambiguous", word), 0, fmt::format("it may be {}", fmt::join(fits, ", "))};
    }
    if (exact == nullptr && fits.empty()) break;
    if (exact == nullptr) word = fits.front();
    at = child(*at, word);
  }
  return words;
}

}  // namespace culvert
