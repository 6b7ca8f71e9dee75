// SPDX-License-Identifier: Apache-2.0
#include "tools/culvert/commands.h"

#include <cerrno>
#include <fmt/format.h>
#include <utility>

#include "config/suggest.h"

namespace culvert {
namespace {

const CLI::App* child(const CLI::App& app, const std::string& name) {
  for (const CLI::App* sub : app.get_subcommands({})) {
    if (sub->get_name() == name) return sub;
  }
  return nullptr;
}

/// Whether a command takes several others behind it, one after another: `show sessions source PREFIX protocol tcp`.
bool takes_parts(const CLI::App* app) {
  return app != nullptr && app->get_require_subcommand_max() == 0;
}

/// Where the words go on behind a part's value; null when `app` is no part that takes one.
const CLI::App* behind_value(const CLI::App& app) {
  const auto is_value = [](const CLI::Option* option) { return option->get_positional(); };
  return takes_parts(app.get_parent()) && !app.get_options(is_value).empty() ? app.get_parent() : nullptr;
}

/// The commands that a word may stand for: below `app`, or else below the one that `app` is a part of.
std::vector<const CLI::App*> fitting(const CLI::App& app, const std::string& word) {
  std::vector<const CLI::App*> fits;
  for (const CLI::App* at = &app;; at = at->get_parent()) {
    if (const CLI::App* exact = child(*at, word)) return {exact};
    for (const CLI::App* sub : at->get_subcommands({})) {
      if (sub->get_name().compare(0, word.size(), word) == 0) fits.push_back(sub);
    }
    if (!fits.empty() || !takes_parts(at->get_parent())) return fits;
  }
}

/// "unknown command 'bufers' after 'show system': did you mean 'buffers'?"
Error unknown_word(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  std::string path;
  for (const std::string& word : words) {
    if (!word.empty() && word.front() == '-') continue;
    const CLI::App* up = behind_value(*at);
    const auto fits = up == nullptr ? fitting(*at, word) : std::vector<const CLI::App*>();
    const bool is_known = fits.size() == 1 && fits.front()->get_name() == word;
    if (up != nullptr || is_known) {
      at = up != nullptr ? up : fits.front();
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

/// A word too many or too few. (A required option or value names itself.)
bool is_about_words(const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) return true;
  return dynamic_cast<const CLI::RequiredError*>(&error) != nullptr &&
         std::string_view(error.what()).find("ubcommand") != std::string_view::npos;
}

/// Whether some command has this option, and a value behind it.
bool option_takes_value(const CLI::App& app, const std::string& word) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->check_name(word)) return option->get_items_expected_max() > 0;
  }
  for (const CLI::App* sub : app.get_subcommands({})) {
    if (option_takes_value(*sub, word)) return true;
  }
  return false;
}

/// Words that CLI11 takes for the values of options are not commands.
std::vector<std::string> without_option_values(const CLI::App& app, const std::vector<std::string>& words) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i].starts_with("--") && option_takes_value(app, words[i])) {
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
  app.add_subcommand("restart", "a new culvertd takes over without a gap: another version, or settings that need it")
      ->callback([&line] { line.run = run_restart; });
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
      plain.complaint(unknown_word(line.app, without_option_values(line.app, words)));
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
    if (const CLI::App* up = behind_value(*at)) {
      at = up;
      continue;
    }
    const auto fits = fitting(*at, word);
    if (fits.size() > 1) {
      std::vector<std::string> names;
      for (const CLI::App* sub : fits) names.push_back(sub->get_name());
      return Error{fmt::format("'{}' is ambiguous", word), 0, fmt::format("it may be {}", fmt::join(names, ", "))};
    }
    if (fits.empty()) break;
    at = fits.front();
    word = at->get_name();
  }
  return words;
}

const CLI::App* follow(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  for (const std::string& word : words) {
    const CLI::App* up = behind_value(*at);
    const auto fits = up == nullptr ? fitting(*at, word) : std::vector<const CLI::App*>{up};
    if (fits.size() != 1) return nullptr;
    at = fits.front();
  }
  // A part that is complete: what may follow is what may follow the whole.
  const bool is_complete = at->get_subcommands({}).empty() && behind_value(*at) == nullptr;
  return is_complete && takes_parts(at->get_parent()) ? at->get_parent() : at;
}

CLI::App* group(CLI::App& parent, const char* name, const char* sentence) {
  auto* app = parent.add_subcommand(name, sentence);
  app->require_subcommand(1);
  return app;
}

CLI::App* leaf(CLI::App& parent, CommandLine& line, const char* name, const char* sentence,
               std::function<int(const Arguments&, const Output&)> run) {
  auto* app = parent.add_subcommand(name, sentence);
  app->callback([&line, run = std::move(run)] { line.run = run; });
  return app;
}

}  // namespace culvert
