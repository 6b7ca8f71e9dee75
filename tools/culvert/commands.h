// SPDX-License-Identifier: Apache-2.0
// The command tree, once: CLI11 parses and documents it, the shell completes from it, and each leaf runs one function.
//
//   main.cc      arguments or shell          commands.cc  the tree
//   restart.cc   restart
//   show.cc      show, clear, watch          config_commands.cc    config check|diff|apply|confirm|rollback
//   doctor.cc    the machine's checks        session_commands.cc   show sessions, clear sessions
//   shell.cc     completion, ?               policy_commands.cc    show policies, policy test
//   nat_commands.cc  show nat, clear nat        filters.cc            what lists share
#pragma once

#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/culvert/output.h"

namespace culvert {

/// Everything that can be typed behind a command. One instance a command line.
struct Arguments {
  std::string socket = "/run/culvert/control.sock";
  bool json = false;
  bool detail = false, check = false, from_start = false, by_interface = false;
  bool summary = false, top = false, destinations = false, bytes = false, hits = false, all = false;
  bool limited = false;            ///< `limit` was given
  std::vector<std::string> words;  ///< positional words: "detail", "by", "interface", kinds of events
  boost::json::object request;     ///< what was said about sessions, by the keys of the control socket
  std::string file;
  std::string which = "running";
  std::uint64_t limit = 1000, generation = 0, confirm_within_s = 0, count = 0;
};

/// The parsed tree: `app` first, then run() with the exit code.
struct CommandLine {
  CLI::App app{"culvert talks to culvertd, the userspace dataplane", "culvert"};
  Arguments arguments;
  std::function<int(const Arguments&, const Output&)> run;
};

/// Builds the whole tree into `line`.
void add_commands(CommandLine& line);
void add_show_commands(CLI::App& app, CommandLine& line);
void add_config_commands(CLI::App& app, CommandLine& line);
void add_session_commands(CLI::App& show, CLI::App& clear, CommandLine& line);
void add_policy_commands(CLI::App& app, CLI::App& show, CommandLine& line);
void add_nat_commands(CLI::App& show, CLI::App& clear, CommandLine& line);

/// A command that wants another behind it, and one that runs a function.
CLI::App* group(CLI::App& parent, const char* name, const char* sentence);
CLI::App* leaf(CLI::App& parent, CommandLine& line, const char* name, const char* sentence,
               std::function<int(const Arguments&, const Output&)> run);

/// Parses words (without the program's name) and runs the command. Usage errors go to stderr with a suggestion.
int run_words(const std::vector<std::string>& words, const std::string& default_socket);

/// `doctor`: works without culvertd.
int run_doctor(const Arguments& arguments, const Output& output);

/// `detach`: ends what a culvertd with fail: closed left in the kernel.
int run_detach(const Arguments& arguments, const Output& output);

/// `restart`: without a gap.
int run_restart(const Arguments& arguments, const Output& output);

/// The interactive shell, until end of file or `exit`.
int run_shell(const std::string& socket);

/// Makes each word the one command it is an unambiguous prefix of: "sh sys buf" -> "show system buffers". Words that
/// fit nothing stay as they are; an ambiguous one is an Error that lists what fits.
Result<std::vector<std::string>> expand_prefixes(const CLI::App& app, std::vector<std::string> words);

/// Names of the subcommands below `app`, in the tree's order.
std::vector<std::string> subcommand_names(const CLI::App& app);

/// Where the words lead that stand behind `app`, as far as they lead anywhere: a word may be a command's value, and
/// behind one part of a command (`source PREFIX`) may stand its next (`protocol tcp`). Null when they lead nowhere.
const CLI::App* follow(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace culvert
