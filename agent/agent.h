// SPDX-License-Identifier: Apache-2.0
// The agent: culvertd's unprivileged child. It is the same program, started again as `culvertd --agent ...`, and serves
//
//   GET /metrics       Prometheus text, made from the published status
//   GET /status.json   the published status
//   GET /healthz       200 "ok", or 503 and what is wrong: the status is old, a worker is stuck
//
// What it has: one listening socket that the core opened, a read-only view of the published status, a page of its own
// counters that the core reads. What it gave up before the first request: root, capabilities, new privileges, every
// other descriptor, and all system calls but those that serving takes (confine.h). It changes nothing in the core. When
// it crashes, packets do not notice and the launcher starts it again; when the core dies, so does it.
//
//   agent.h, http.h   the child       launcher.h   the parent's side       confine.h   what the child gives up
#pragma once

#include <string>
#include <vector>

#include "base/cell.h"

namespace culvert {

/// Descriptors of the child, fixed so that everything above them can be closed.
inline constexpr int kAgentListenFd = 3;
inline constexpr int kAgentPublicationFd = 4;
inline constexpr int kAgentCellsFd = 5;

struct AgentOptions {
  int parent = 0;                  ///< the core's pid: without it the agent ends
  std::string account = "nobody";  ///< becomes this user, when it is root
};

/// What the agent counts, in memory shared with the core. The agent is the only writer; the core believes no more than
/// that they are numbers.
struct AgentCells {
  Gauge connections;
  Cell requests, bad_requests;
};

/// True when these arguments (of main) mean "be the agent".
bool is_agent(int argc, const char* const* argv);
/// The arguments behind the program's name, and back.
std::vector<std::string> agent_arguments(const AgentOptions& options);
AgentOptions parse_agent_options(int argc, const char* const* argv);

/// Serves until the parent is gone or it is told to end. Returns the exit code; throws SetupError when it cannot begin.
int run_agent(const AgentOptions& options);

}  // namespace culvert
