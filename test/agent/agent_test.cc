// SPDX-License-Identifier: Apache-2.0
// The agent as a child of this process, started by the launcher as culvertd starts it: this program again.
#include "agent/agent.h"

#include <boost/json.hpp>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "agent/confine.h"
#include "agent/launcher.h"
#include "base/result.h"
#include "status/json.h"
#include "test/agent/http_client.h"
#include "test/status/fixture.h"
#include "test/support/catch.h"
#include "test/support/run_tests.h"

namespace culvert {
namespace {

using test::get;
using test::talk;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string status_of(const std::string& answer) {
  return answer.substr(0, answer.find('\r'));
}

/// A launcher on any free port of 127.0.0.1, with the fixture published.
class Core {
 public:
  explicit Core(LauncherOptions options = any_port()) : launcher(io, std::move(options), publication) {
    publish(test::fixture());
    launcher.start();
  }
  static LauncherOptions any_port() {
    LauncherOptions options;
    options.port = 0;
    return options;
  }
  void publish(const StatusSnapshot& status) { publication.publish(to_json(status).text); }
  void run_for(std::chrono::milliseconds time) { io.restart(), io.run_for(time); }
  /// Runs the launcher until it is so, 10 s at most.
  bool run_until(const std::function<bool()>& is_so) {
    for (int i = 0; i < 1000 && !is_so(); ++i) run_for(std::chrono::milliseconds(10));
    return is_so();
  }
  std::string line_of_status(const std::string& key) const {
    std::ifstream file("/proc/" + std::to_string(launcher.status().pid) + "/status");
    for (std::string line; std::getline(file, line);) {
      if (line.rfind(key + ":", 0) == 0) return line.substr(key.size() + 2);
    }
    return "";
  }

  boost::asio::io_context io;
  PublicationWriter publication{1 << 20};
  AgentLauncher launcher;
};

TEST_CASE("the agent serves metrics, status and health from what is published") {
  Core core;
  const std::uint16_t port = core.launcher.port();
  const std::string metrics = get(port, "/metrics");
  CHECK(status_of(metrics) == "HTTP/1.1 200 OK");
  CHECK(has(metrics, "text/plain; version=0.0.4"));
  CHECK(has(metrics, "culvert_resource_used{resource=\"tx_ring\",scope=\"wan0/0\"} 2001\n"));
  const std::string json = get(port, "/status.json");
  const auto status = status_from_json(boost::json::parse(json.substr(json.find("\r\n\r\n") + 4)));
  REQUIRE(status.has_value());
  CHECK(to_json(*status).text == to_json(test::fixture()).text);
  CHECK(has(get(port, "/healthz"), "503"));
  CHECK(has(get(port, "/healthz"), "worker 1 is stuck for 3200 ms"));
  StatusSnapshot well = test::fixture();
  well.workers[1].stuck_for_ms.reset();
  core.publish(well);
  CHECK(has(get(port, "/healthz"), "\r\n\r\nok\n"));
  CHECK(status_of(get(port, "/etc/passwd")) == "HTTP/1.1 404 Not Found");
  CHECK(core.launcher.cells().requests.read() == 6);

  // Three packets that were forwarded turn out to be lost.
  const std::string forwarded = "culvert_worker_packets_total{worker=\"0\",kind=\"forwarded\"} 1895\n";
  CHECK(has(get(port, "/metrics"), forwarded));
  well.workers[0].forwarded -= 3;
  core.publish(well);
  CHECK(has(get(port, "/metrics"), forwarded));
  CHECK(has(get(port, "/status.json"), "\"forwarded\":1892"));
}

TEST_CASE("a status that is no longer published is not healthy") {
  Core core;
  StatusSnapshot well = test::fixture();
  well.workers[1].stuck_for_ms.reset();
  core.publish(well);
  CHECK(has(get(core.launcher.port(), "/healthz"), "\r\n\r\nok\n"));
  std::this_thread::sleep_for(std::chrono::seconds(7));
  CHECK(has(get(core.launcher.port(), "/healthz"), "s old"));
}

TEST_CASE("before the first publication it says so") {
  boost::asio::io_context io;
  const PublicationWriter publication(100);
  AgentLauncher launcher(io, Core::any_port(), publication);
  launcher.start();
  CHECK(has(get(launcher.port(), "/metrics"), "has not published"));
}

TEST_CASE("only GET and HEAD, only requests of bounded size; garbage closes the connection") {
  Core core;
  const std::uint16_t port = core.launcher.port();
  const auto send = [&](const std::string& bytes) { return talk(test::connect_to(port), bytes); };
  CHECK(status_of(send("POST /metrics HTTP/1.1\r\nConnection: close\r\n\r\n")) == "HTTP/1.1 405 Method Not Allowed");
  const std::string head = send("HEAD /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(status_of(head) == "HTTP/1.1 200 OK");
  CHECK_FALSE(has(head, "culvert_"));
  CHECK(send("GET /metrics HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n").empty());
  CHECK(send(std::string(20'000, '\x01')).empty());
  CHECK(send("POST /metrics HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + std::string(1'000'000, 'x')).empty());
  CHECK(core.launcher.cells().bad_requests.read() >= 3);
  const Fd twice = test::connect_to(port);
  CHECK(has(talk(twice, "GET /healthz HTTP/1.1\r\n\r\n", 500), "503"));
  CHECK(has(talk(twice, "GET /healthz HTTP/1.1\r\n\r\n", 500), "503"));
  CHECK(status_of(get(port, "/metrics")) == "HTTP/1.1 200 OK");
}

TEST_CASE("the number of connections is bounded, counted, and the agent serves again when some close") {
  Core core;
  const std::uint16_t port = core.launcher.port();
  REQUIRE(status_of(get(port, "/metrics")) == "HTTP/1.1 200 OK");
  std::vector<Fd> connections;
  for (int i = 0; i < 80; ++i) connections.push_back(test::connect_to(port));
  const Gauge& gauge = core.launcher.cells().connections;
  CHECK(core.run_until([&] { return gauge.failures.read() == 16; }));
  CHECK(gauge.used.read() == 64);
  CHECK(gauge.max.read() == 64);
  connections.clear();
  CHECK(core.run_until([&] { return gauge.used.read() == 0; }));
  CHECK(status_of(get(port, "/metrics")) == "HTTP/1.1 200 OK");
}

TEST_CASE("the agent has no privileges, no files but its own, and a filter of system calls") {
  Core core;
  REQUIRE(status_of(get(core.launcher.port(), "/metrics")) == "HTTP/1.1 200 OK");
  CHECK(core.line_of_status("Seccomp") == "2");
  CHECK(core.line_of_status("NoNewPrivs") == "1");
  CHECK(core.line_of_status("CapEff") == "0000000000000000");
  CHECK(core.line_of_status("CapPrm") == "0000000000000000");
  if (::geteuid() == 0) {
    const std::string nobody = std::to_string(::getpwnam("nobody")->pw_uid);
    CHECK(core.line_of_status("Uid") == nobody + "\t" + nobody + "\t" + nobody + "\t" + nobody);
    CHECK(core.line_of_status("Groups").find_first_not_of(" \t") == std::string::npos);
  } else {
    WARN("not root: that the agent changes its user was not tried");
  }
}

/// Runs `work` in a child that is confined as the agent is; its result is the child's exit code.
int confined(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    drop_privileges("nobody");
    allow_only_serving();
    ::_exit(work());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST_CASE("who is confined cannot open, connect, start, trace or make memory executable") {
  CHECK(confined([] { return ::open("/etc/hostname", O_RDONLY) == -1 && errno == EPERM ? 7 : 1; }) == 7);
  CHECK(confined([] { return ::socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == EPERM ? 7 : 1; }) == 7);
  CHECK(confined([] { return ::fork() == -1 && errno == EPERM ? 7 : 1; }) == 7);
  CHECK(confined([] { return ::execl("/bin/true", "true", nullptr) == -1 && errno == EPERM ? 7 : 1; }) == 7);
  CHECK(confined([] { return ::kill(::getppid(), 0) == -1 && errno == EPERM ? 7 : 1; }) == 7);
  CHECK(confined([] {
          void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
          return memory == MAP_FAILED && errno == EPERM ? 7 : 1;
        }) == 7);
}

TEST_CASE("a killed agent is started again and serves on the same port; clients wait meanwhile") {
  Core core;
  std::vector<std::string> told;
  core.launcher.listen([&](bool started, const std::string& text) { told.push_back((started ? "+" : "-") + text); });
  REQUIRE(status_of(get(core.launcher.port(), "/metrics")) == "HTTP/1.1 200 OK");
  const auto first = core.launcher.status();
  REQUIRE(::kill(static_cast<pid_t>(first.pid), SIGKILL) == 0);
  CHECK(core.run_until([&] { return core.launcher.status().state == "waiting"; }));
  const Fd waiting = test::connect_to(core.launcher.port());
  CHECK(waiting.valid());
  CHECK(core.run_until([&] { return core.launcher.status().starts == 2; }));
  CHECK(has(talk(waiting, "GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n"), "200 OK"));
  const auto second = core.launcher.status();
  CHECK(second.pid != first.pid);
  CHECK(second.last_exit == "killed by signal 9");
  REQUIRE(told.size() == 2);
  CHECK(has(told[0], "-the agent ended (killed by signal 9) and is started again in 100 ms"));
}

TEST_CASE("an agent that cannot begin is tried again ever more rarely") {
  LauncherOptions options = Core::any_port();
  options.account = "no-such-user-here";
  options.first_delay = std::chrono::milliseconds(20);
  if (::geteuid() != 0) options.program = "/bin/false";
  Core core(options);
  core.run_for(std::chrono::milliseconds(1500));
  CHECK(core.launcher.status().starts >= 2);
  CHECK(core.launcher.status().starts <= 8);
  CHECK(core.launcher.status().last_exit.value_or("none") == "exit code 1");
}

TEST_CASE("the agent ends with its parent") {
  int pids[2];
  REQUIRE(::pipe2(pids, O_CLOEXEC) == 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    Core core;
    const auto pid = static_cast<pid_t>(core.launcher.status().pid);
    (void)!::write(pids[1], &pid, sizeof(pid));
    ::pause();
  }
  pid_t agent = 0;
  REQUIRE(::read(pids[0], &agent, sizeof(agent)) == sizeof(agent));
  ::close(pids[0]);
  ::close(pids[1]);
  CHECK(::kill(agent, 0) == 0);
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  const auto is_gone = [&] {
    std::ifstream file("/proc/" + std::to_string(agent) + "/stat");
    std::string line;
    return !std::getline(file, line) || has(line, ") Z ");
  };
  for (int i = 0; i < 500 && !is_gone(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(is_gone());
}

TEST_CASE("an address that is not there yet is listened on") {
  boost::asio::io_context io;
  const PublicationWriter publication(100);
  for (const char* address : {"192.0.2.55", "2001:db8::55"}) {
    LauncherOptions options = Core::any_port();
    options.address = address;
    const AgentLauncher launcher(io, options, publication);
    CHECK(launcher.port() != 0);
  }
}

TEST_CASE("a taken or wrong address is said at once; stopping leaves no process") {
  Core core;
  boost::asio::io_context io;
  LauncherOptions options;
  options.port = core.launcher.port();
  CHECK_THROWS_AS(AgentLauncher(io, options, core.publication), SetupError);
  options.address = "localhost";
  CHECK_THROWS_AS(AgentLauncher(io, options, core.publication), SetupError);
  const auto pid = static_cast<pid_t>(core.launcher.status().pid);
  core.launcher.stop();
  CHECK(::kill(pid, 0) == -1);
  CHECK(core.launcher.status().state == "stopped");
}

}  // namespace
}  // namespace culvert

int main(int argc, char** argv) {
  if (!culvert::is_agent(argc, argv)) return culvert::run_tests(argc, argv);
  try {
    return culvert::run_agent(culvert::parse_agent_options(argc, argv));
  } catch (const culvert::SetupError& error) {
    std::fprintf(stderr, "agent: %s\n", error.what());
    return 1;
  }
}
