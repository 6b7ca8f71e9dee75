// SPDX-License-Identifier: Apache-2.0
// culvertd: reads its configuration, becomes the daemon, and ends with 0 when it was asked to, with 1 and a sentence
// when it could not start.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

#include "agent/agent.h"
#include "base/cpu.h"
#include "base/service_manager.h"
#include "control/daemon.h"

namespace {

int run(const std::string& config_file, bool check_only, int predecessor) {
  using namespace culvert;
  // A reload that comes before the file has been read has nothing to do; the daemon hears of those that come later.
  std::signal(SIGHUP, SIG_IGN);
  if (auto level = check_cpu_level(); level.has_error()) throw SetupError(level.error());
  CheckResult checked = check_file(config_file);
  std::fputs(checked.to_text().c_str(), stderr);
  if (!checked.ok()) return 1;
  if (check_only) return 0;
  std::optional<HandoverSocket> socket;
  if (predecessor >= 0) socket.emplace(Fd(::fcntl(predecessor, F_DUPFD_CLOEXEC, 3)));
  // Whatever else the predecessor forgot to keep to itself.
  if (predecessor >= 0) ::close_range(static_cast<unsigned>(socket->descriptor()) + 1, ~0U, 0);
  if (predecessor >= 0) ::close(predecessor);
  Daemon daemon(std::move(checked), CULVERT_VERSION, std::move(socket));
  std::fputs("culvertd " CULVERT_VERSION " runs\n", stderr);
  tell_service_manager("READY=1");
  daemon.run();
  return 0;
}

int be_agent(int argc, char** argv) {
  try {
    return culvert::run_agent(culvert::parse_agent_options(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "culvertd agent: %s\n", error.what());
    return 1;
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Whoever reads our log may go; the write fails then, which harms nothing.
  std::signal(SIGPIPE, SIG_IGN);
  if (culvert::is_agent(argc, argv)) return be_agent(argc, argv);
  CLI::App app("culvertd: a userspace dataplane on AF_XDP");
  app.set_version_flag("--version", CULVERT_VERSION);
  std::string config_file = "/etc/culvert/culvert.yaml";
  bool check_only = false;
  app.add_option("--config", config_file, "the configuration, YAML")->capture_default_str();
  app.add_flag("--check", check_only, "check the configuration and end");
  int predecessor = -1;
  // Not for people: `culvert restart` makes a running culvertd start its successor so.
  app.add_option("--successor-of", predecessor, "a socket to a culvertd whose place it takes")->group("");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(config_file, check_only, predecessor);
  } catch (const culvert::SetupError& error) {
    std::fprintf(stderr, "culvertd: %s\n", error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "culvertd: %s\n", error.what());
  }
  return 1;
}
