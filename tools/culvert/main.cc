// SPDX-License-Identifier: Apache-2.0
// culvert: the command line of culvertd. With arguments it runs one command; without, a shell.
#include <csignal>
#include <string>
#include <vector>

#include "tools/culvert/commands.h"

int main(int argc, char** argv) {
  // A closed pipe (| head) ends us quietly, as it does every tool.
  std::signal(SIGPIPE, SIG_DFL);
  const std::vector<std::string> words(argv + 1, argv + argc);
  const std::string socket = "/run/culvert/control.sock";
  if (words.empty()) return culvert::run_shell(socket);
  if (words.size() == 2 && words[0] == "--socket") return culvert::run_shell(words[1]);
  return culvert::run_words(words, socket);
}
