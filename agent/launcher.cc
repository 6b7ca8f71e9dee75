// SPDX-License-Identifier: Apache-2.0
#include "agent/launcher.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "base/result.h"
#include "base/spawn.h"

namespace culvert {
namespace {

using Tcp = boost::asio::ip::tcp;

/// To listen on an address that this host does not have yet: DHCP, VRRP or a tunnel may bring it after the start.
boost::system::error_code allow_absent_address(Tcp::acceptor& acceptor, bool ipv6) {
  const int on = 1;
  const int done = ipv6 ? ::setsockopt(acceptor.native_handle(), IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on))
                        : ::setsockopt(acceptor.native_handle(), IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
  return {done == 0 ? 0 : errno, boost::system::system_category()};
}

Fd listen_on(boost::asio::io_context& io, const LauncherOptions& options, std::uint16_t& port) {
  const std::string what = fmt::format("serving metrics on {} port {}", options.address, options.port);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(options.address, error);
  if (error) throw SetupError(Error{what, EINVAL, "metrics.listen wants an IPv4 or IPv6 address and a port"});
  Tcp::acceptor acceptor(io);
  const Tcp::endpoint endpoint(address, options.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) error = allow_absent_address(acceptor, address.is_v6());
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(64, error);
  if (error) throw SetupError(Error{what, error.value(), "set metrics.listen, or metrics.enabled: false"});
  port = acceptor.local_endpoint().port();
  return Fd(acceptor.release());
}

Mapping make_cells_memory() {
  Mapping memory = Mapping::shared(sizeof(AgentCells), "culvert-agent-cells");
  // Without the seals the agent could make the file shorter, and our next read would be a SIGBUS.
  if (::fcntl(memory.fd().get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    throw SetupError(errno_error("sealing the agent's counters"));
  }
  return memory;
}

/// Above the descriptors of the child, so that putting one in place never overwrites another.
Fd high_copy(const Fd& fd) {
  Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 64));
  if (!copy) throw SetupError(errno_error("copying a descriptor for the agent"));
  return copy;
}

std::string exit_text(int status) {
  if (WIFSIGNALED(status)) return fmt::format("killed by signal {}", WTERMSIG(status));
  return fmt::format("exit code {}", WEXITSTATUS(status));
}

}  // namespace

AgentLauncher::AgentLauncher(boost::asio::io_context& io, LauncherOptions options, const PublicationWriter& publication)
    : options_(std::move(options)),
      listening_(high_copy(listen_on(io, options_, port_))),
      publication_(high_copy(publication.fd())),
      cells_memory_(make_cells_memory()),
      cells_(std::construct_at(static_cast<AgentCells*>(static_cast<void*>(cells_memory_.data())))),
      timer_(io),
      process_(io),
      delay_(options_.first_delay) {}

AgentLauncher::~AgentLauncher() {
  stop();
}

void AgentLauncher::tell(bool started, const std::string& text) {
  if (listener_) listener_(started, text);
}

void AgentLauncher::start() {
  stopped_ = false;
  spawn();
}

/// culvertd and its packets do not depend on the agent, so whatever keeps it from starting is told and tried again.
void AgentLauncher::spawn() {
  try {
    start_process();
  } catch (const SetupError& error) {
    stop();
    stopped_ = false;
    last_exit_ = error.what();
    tell(false, *last_exit_);
    start_later();
  }
}

void AgentLauncher::start_process() {
  const Fd cells = high_copy(cells_memory_.fd());
  // A group of its own: ^C at culvertd's terminal is for culvertd.
  Spawn parameters(ProcessGroup::kOwn);
  parameters.give(listening_, kAgentListenFd);
  parameters.give(publication_, kAgentPublicationFd);
  parameters.give(cells, kAgentCellsFd);
  const int error = parameters.spawn(pid_, options_.program, agent_arguments({::getpid(), options_.account}));
  if (error != 0) {
    pid_ = 0;
    throw SetupError(Error{"the agent cannot be started from " + options_.program, error, "it is tried again"});
  }
  ++starts_;
  started_at_ = std::chrono::steady_clock::now();
  tell(true, fmt::format("the agent serves metrics on {} port {}", options_.address, port_));
  watch();
}

void AgentLauncher::watch() {
  // pidfd_open(2): readable when the process has ended.
  const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U));
  if (pidfd < 0) throw SetupError(errno_error("watching the agent", "Linux 5.3 or later is needed"));
  process_.assign(pidfd);
  process_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (!error) ended();
  });
}

void AgentLauncher::ended() {
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = 0;
  process_.close();
  cells_->connections.used.set(0);
  last_exit_ = exit_text(status);
  if (std::chrono::steady_clock::now() - started_at_ >= options_.longest_delay) delay_ = options_.first_delay;
  tell(false, fmt::format("the agent ended ({}) and is started again in {} ms", *last_exit_, delay_.count()));
  start_later();
}

void AgentLauncher::start_later() {
  timer_.expires_after(delay_);
  delay_ = std::min(delay_ * 2, options_.longest_delay);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error && !stopped_) spawn();
  });
}

void AgentLauncher::stop() {
  stopped_ = true;
  timer_.cancel();
  if (pid_ == 0) return;
  if (process_.is_open()) process_.close();
  ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = 0;
  last_exit_ = "stopped";
}

AgentStatus AgentLauncher::status() const {
  AgentStatus status;
  status.state = stopped_ ? "stopped" : pid_ == 0 ? "waiting" : "running";
  status.pid = static_cast<std::uint64_t>(pid_);
  status.starts = starts_;
  status.last_exit = last_exit_;
  return status;
}

}  // namespace culvert
