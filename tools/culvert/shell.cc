// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <cstring>
#include <memory>
#include <readline/history.h>
#include <readline/readline.h>
#include <sstream>

#include "status/table.h"
#include "tools/culvert/commands.h"

namespace culvert {
namespace {

/// readline calls back without an argument, so what it completes from stands here while the shell runs.
CommandLine* completing = nullptr;

std::vector<std::string> split(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(std::move(word));
  return words;
}

/// Where the words before the cursor lead; null when they lead nowhere.
const CLI::App* reached(const std::string& before) {
  const auto words = expand_prefixes(completing->app, split(before));
  return words.has_error() ? nullptr : follow(completing->app, *words);
}

char* next_match(const char* text, int state) {
  static std::vector<std::string> matches;
  if (state == 0) {
    matches.clear();
    const CLI::App* at = reached(std::string(rl_line_buffer, static_cast<std::size_t>(rl_point))
                                     .substr(0, static_cast<std::size_t>(rl_point) - std::strlen(text)));
    if (at != nullptr) {
      for (const std::string& name : subcommand_names(*at)) {
        if (name.compare(0, std::strlen(text), text) == 0) matches.push_back(name);
      }
    }
  }
  if (static_cast<std::size_t>(state) >= matches.size()) return nullptr;
  return ::strdup(matches[static_cast<std::size_t>(state)].c_str());
}

char** complete(const char* text, int /*start*/, int /*end*/) {
  rl_attempted_completion_over = 1;
  return rl_completion_matches(text, next_match);
}

std::string help_after(const std::string& before) {
  const CLI::App* at = reached(before);
  if (at == nullptr) return "nothing fits\n";
  Table table({{"Command", Table::Align::kLeft}, {"", Table::Align::kLeft}});
  for (const CLI::App* sub : at->get_subcommands({})) table.row({sub->get_name(), sub->get_description()});
  return table.empty() ? at->get_description() + "\n" : table.text(false);
}

int question(int /*count*/, int /*key*/) {
  const std::string help = help_after(std::string(rl_line_buffer, static_cast<std::size_t>(rl_point)));
  std::printf("?\n%s", help.c_str());
  rl_on_new_line();
  return 0;
}

int run_line(const std::string& text, const std::string& socket) {
  std::vector<std::string> words = split(text);
  if (words.empty()) return kExitOk;
  if (words.back() == "?") {
    words.pop_back();
    std::string before;
    for (const std::string& word : words) before += word + " ";
    Output().text(help_after(before));
    return kExitOk;
  }
  const auto expanded = expand_prefixes(completing->app, words);
  if (expanded.has_error()) {
    Output().complaint(expanded.error());
    return kExitUsage;
  }
  return run_words(*expanded, socket);
}

}  // namespace

int run_shell(const std::string& socket) {
  CommandLine tree;
  add_commands(tree);
  completing = &tree;
  rl_attempted_completion_function = complete;
  rl_bind_key('?', question);
  int code = kExitOk;
  for (;;) {
    const std::unique_ptr<char, void (*)(void*)> line(::readline("culvert> "), std::free);
    if (!line) break;
    const std::string text = line.get();
    if (text == "exit" || text == "quit") break;
    if (!text.empty()) ::add_history(text.c_str());
    code = run_line(text, socket);
  }
  completing = nullptr;
  return code;
}

}  // namespace culvert
