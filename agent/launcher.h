// SPDX-License-Identifier: Apache-2.0
// The parent's side of the agent: starts it, starts it again when it ends, stops it. Belongs to the control thread.
// The listening socket is the parent's and stays open, so that while the agent is started again clients wait instead
// of being refused.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "agent/agent.h"
#include "base/fd.h"
#include "base/mapping.h"
#include "status/publication.h"
#include "status/snapshot.h"

namespace culvert {

struct LauncherOptions {
  std::string address = "127.0.0.1";  ///< IPv4 or IPv6
  std::uint16_t port = 9642;          ///< 0: any; see AgentLauncher::port()
  std::string account = "nobody";
  std::string program = "/proc/self/exe";  ///< started with agent_arguments()
  /// Time until it is started again: the first, doubled each time up to the longest; anew after it ran that long.
  std::chrono::milliseconds first_delay{100}, longest_delay{10'000};
};

class AgentLauncher {
 public:
  /// Opens the listening socket, also on an address that this host does not have yet. Throws SetupError when the
  /// address is taken or wrong.
  AgentLauncher(boost::asio::io_context& io, LauncherOptions options, const PublicationWriter& publication);
  /// Stops the agent.
  ~AgentLauncher();
  AgentLauncher(const AgentLauncher&) = delete;
  AgentLauncher& operator=(const AgentLauncher&) = delete;

  /// Called with a sentence when it was started (true) and when it ended (false); for events.
  void listen(std::function<void(bool started, const std::string& text)> listener) { listener_ = std::move(listener); }

  /// The first start. A failure is not fatal: it is told to the listener, and tried again.
  void start();
  /// Ends the agent and waits for its end, which takes no longer than the kernel needs: it has nothing to save.
  void stop();

  std::uint16_t port() const noexcept { return port_; }
  AgentStatus status() const;
  /// For the registry: ResourceKind::kAgentConnections. Written by the agent, so only numbers are to be expected.
  const AgentCells& cells() const noexcept { return *cells_; }
  /// The agent writes its peak, too: at worst a connection that comes at this moment keeps the old one.
  void clear_peak() noexcept { cells_->connections.clear_peak(); }

 private:
  void spawn();
  /// Throws SetupError; the agent may run by then.
  void start_process();
  void watch();
  void ended();
  void start_later();
  void tell(bool started, const std::string& text);

  LauncherOptions options_;
  std::uint16_t port_ = 0;  ///< set while listening_ is made
  Fd listening_, publication_;
  Mapping cells_memory_;
  AgentCells* cells_;
  boost::asio::steady_timer timer_;
  boost::asio::posix::stream_descriptor process_;  ///< a pidfd: readable when the agent has ended
  std::function<void(bool, const std::string&)> listener_;
  std::chrono::milliseconds delay_;
  std::chrono::steady_clock::time_point started_at_;
  std::optional<std::string> last_exit_;
  std::uint64_t starts_ = 0;
  int pid_ = 0;
  bool stopped_ = true;
};

}  // namespace culvert
