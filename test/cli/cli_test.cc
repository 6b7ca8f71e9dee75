// SPDX-License-Identifier: Apache-2.0
// The CLI's binary against a control server in this process.
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include "status/json.h"
#include "status/text.h"
#include "test/cli/run_culvert.h"
#include "test/status/service.h"
#include "test/status/socket_client.h"
#include "test/support/catch.h"

namespace culvert {
namespace {

using test::culvert;
using test::has;
using test::Outcome;
using test::Service;

TEST_CASE("show commands print the fixture as text, and as JSON with --json, wherever the option stands") {
  Service service;
  const std::string to = "--socket " + service.path + " ";
  const Outcome buffers = culvert(to + "show system buffers");
  CHECK(buffers.code == 0);
  CHECK(has(buffers.out, "CRITICAL (wan0/0 97.7%)"));
  CHECK(buffers.err.empty());
  CHECK_FALSE(has(buffers.out, "\033"));
  CHECK_FALSE(has(buffers.out, "link down"));
  CHECK(has(culvert(to + "show system buffers detail").out, "link down"));
  CHECK(has(culvert(to + "show system userspace status").out, "stuck for 3.2 s"));
  CHECK(has(culvert(to + "show interfaces").out, "lan0"));
  CHECK(has(culvert(to + "show workers").out, "stuck"));
  CHECK(has(culvert(to + "show drops").out, "no_route"));
  CHECK_FALSE(has(culvert(to + "show drops").out, "lan0"));
  CHECK(has(culvert(to + "show drops by interface").out, "lan0"));
  CHECK(has(culvert(to + "show events").out, "#1 started: started"));
  CHECK(has(culvert(to + "show version").out, "culvertd 0.1.0"));
  CHECK(has(culvert(to + "show routes --limit 1").out, "192.0.2.0/24"));
  CHECK(has(culvert("show workers --json --socket " + service.path).out, "\"workers\":["));
  const Outcome json = culvert(to + "show system userspace status --json");
  const auto status = status_from_json(boost::json::parse(json.out));
  REQUIRE(status.has_value());
  CHECK(to_json(*status).text == to_json(test::fixture()).text);
  CHECK(boost::json::parse(culvert(to + "show system buffers detail --json").out).at("status").as_string() ==
        "CRITICAL");
}

TEST_CASE("--check has a line a warning and exits 2 when critical, 1 when warning, 0 when well") {
  Service service;
  const std::string check = "--socket " + service.path + " show system buffers --check";
  const Outcome critical = culvert(check);
  CHECK(critical.code == 2);
  CHECK(critical.out == check_text(buffer_report(test::fixture())));
  StatusSnapshot status = test::fixture();
  status.workers[1].stuck_for_ms.reset();
  status.resources[3].used = 1;
  service.run([&] { service.status = status; });
  CHECK(culvert(check).code == 1);
  status.resources[5].used = 1;
  service.run([&] { service.status = status; });
  CHECK(culvert(check).code == 0);
  CHECK(has(culvert(check + " --json").out, "\"status\":\"OK\""));
}

TEST_CASE("without culvertd: a sentence on stderr, exit code 1, and 3 with --check") {
  const Outcome show = culvert("--socket /tmp/culvert-nobody.sock show workers");
  CHECK(show.code == 1);
  CHECK(show.out.empty());
  CHECK(has(show.err, "culvertd is not reachable at /tmp/culvert-nobody.sock: No such file or directory"));
  CHECK(has(show.err, "is culvertd running?"));
  CHECK(culvert("--socket /tmp/culvert-nobody.sock show system buffers --check").code == 3);
}

TEST_CASE("a word that is not understood gets a suggestion, on stderr, with exit code 2") {
  const Outcome typo = culvert("show system bufers");
  CHECK(typo.code == 2);
  CHECK(typo.out.empty());
  CHECK(has(typo.err, "there is no command 'bufers' after 'show system'"));
  CHECK(has(typo.err, "did you mean 'buffers'?"));
  CHECK(has(culvert("shw version").err, "did you mean 'show'?"));
  CHECK(has(culvert("show").err, "'show' wants more"));
  CHECK(has(culvert("show zebra").err, "there are: system, version"));
  CHECK(culvert("show version --colour").code == 2);
  CHECK(culvert("--help").code == 0);
}

TEST_CASE("what culvertd refuses is said on stderr") {
  Service service;
  const Outcome neighbors = culvert("--socket " + service.path + " show neighbors");
  CHECK(neighbors.code == 1);
  CHECK(has(neighbors.err, "this culvertd has no neighbors"));
}

TEST_CASE("restart waits for the successor, and says why when it did not take over after all") {
  Service service;
  const std::string restart = "--socket " + service.path + " restart";
  const int running = static_cast<int>(service.status.process.pid);
  service.run([&] {
    service.successor = running;
    service.failed_successor = {{"pid", running}, {"why", "it is of an earlier restart"}};
  });
  const Outcome took_over = culvert(restart);
  CHECK(took_over.code == 0);
  CHECK(took_over.out == "culvertd 0.1.0 runs, process " + std::to_string(running) + "\n");
  service.run([&] {
    service.successor = running + 1;
    service.failed_successor = {{"pid", running + 1}, {"why", "wan0 was closed"}};
  });
  const Outcome refused = culvert(restart);
  CHECK(refused.code == 1);
  CHECK(has(refused.err, "the successor did not start: wan0 was closed (nothing has changed)"));
}

TEST_CASE("watch events begins with a snapshot, then prints what comes, and says what was lost") {
  Service service;
  const std::string to = "--socket " + service.path + " ";
  std::atomic<bool> stop{false};
  std::thread world([&] {
    // More than the rate limit lets through, once somebody watches.
    while (!stop && service.clients_now() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    service.run([&] {
      for (std::uint32_t i = 0; i < EventLog::kBurst + 7; ++i) service.events.produce(EventKind::kError, 2, 2, "again");
    });
    for (int i = 0; i < 300 && !stop; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    service.run([&] { service.events.produce(EventKind::kInterfaceDown, 2, 2, "the last one"); });
  });
  const Outcome watched = culvert(to + "watch events --count 51");
  stop = true;
  world.join();
  CHECK(watched.code == 0);
  const auto first = watched.out.find("1 events since start, 0 of them lost; the history begins with ");
  const auto event = watched.out.find("#2 error: again");
  const auto loss = watched.out.find("7 events were lost, taken away by the rate limit of their kind; 7 since start\n");
  const auto last = watched.out.find("#52 interface_down: the last one");
  CHECK(first == 0);
  CHECK(event != std::string::npos);
  CHECK(loss != std::string::npos);
  CHECK(last != std::string::npos);
  CHECK((event < loss && loss < last));
  const Outcome wrong = culvert(to + "watch events eror");
  CHECK(wrong.code == 1);
  CHECK(has(wrong.err, "there is no kind of event 'eror'"));
  CHECK(has(wrong.err, "interface_down"));
}

TEST_CASE("watch counters begins with a snapshot and shows rates, once a second") {
  Service service;
  const std::string to = "--socket " + service.path + " ";
  std::atomic<bool> stop{false};
  std::thread traffic([&] {
    while (!stop) {
      service.run([&] {
        service.status.time_unix_ms += 10;
        service.status.drops[0].packets += 5;
      });
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  const Outcome counters = culvert(to + "watch counters --count 2");
  const auto took = std::chrono::steady_clock::now() - begin;
  stop = true;
  traffic.join();
  CHECK(counters.code == 0);
  CHECK(took > std::chrono::milliseconds(1500));
  CHECK(took < std::chrono::seconds(10));
  // Three screens: the snapshot, where growth is not known, and two with 5 drops each 10 ms.
  std::vector<std::string> drops;
  std::istringstream lines(counters.out);
  for (std::string line; std::getline(lines, line);) {
    if (has(line, "no_route")) drops.push_back(line);
  }
  REQUIRE(drops.size() == 3);
  CHECK(has(drops[0], " -"));
  CHECK(has(drops[1], " 500.0"));
  CHECK(has(drops[2], " 500.0"));
  CHECK(has(counters.out, "250.0 k"));
}

TEST_CASE("show configuration says above the text that it is on trial; the candidate is what is on trial") {
  Service service;
  const std::string to = "--socket " + service.path + " ";
  CHECK(culvert(to + "show configuration").out == "interfaces: {lan0: {}}\n");
  const Outcome none = culvert(to + "show configuration candidate");
  CHECK(none.code == 1);
  CHECK(has(none.err, "no configuration runs on trial"));
  service.run([&] { service.trial_ms = 42'000; });
  for (const char* which : {"show configuration", "show configuration running", "show configuration candidate"}) {
    CHECK(culvert(to + which).out ==
          "# generation 8 on trial: back to generation 7 in 42.0 s unless you type: culvert config confirm\n"
          "interfaces: {lan0: {}}\n");
  }
  CHECK(has(culvert(to + "show configuration candidate --json").out, "\"confirm_within_ms\":42000"));
}

TEST_CASE("watch prints what comes and ends after --count") {
  Service service;
  const std::string to = "--socket " + service.path + " ";
  const Outcome events = culvert(to + "watch events --from-start --count 1");
  CHECK(events.code == 0);
  CHECK(has(events.out, "#1 started: started"));
  CHECK(has(culvert(to + "watch events --from-start --count 1 --json").out, "\"event\":{"));
  CHECK(has(culvert(to + "watch counters --count 1").out, "lan0"));
  const Outcome cleared = culvert(to + "clear system buffers peak");
  CHECK(has(cleared.out, "anew"));
  CHECK(service.read(&Service::cleared) == 1);
}

TEST_CASE("config check works without culvertd and names line and key; apply sends the file") {
  const std::string path = "/tmp/culvert-cli-" + std::to_string(::getpid()) + ".yaml";
  std::ofstream(path) << "interfaces:\n  lan0: {mode: zerocopy}\n";
  const Outcome wrong = culvert("config check " + path);
  CHECK(wrong.code == 1);
  CHECK(has(wrong.err, path + ":2:"));
  CHECK(has(wrong.err, "interfaces.lan0.mode"));
  CHECK(has(culvert("config check --json " + path).out, "\"ok\":false"));
  std::ofstream(path) << "interfaces:\n  lan0: {}\n  wan0: {}\n";
  CHECK(culvert("config check " + path).code == 0);
  Service service;
  service.run([&] { service.answers_apply = true; });
  const Outcome apply = culvert("--socket " + service.path + " config apply " + path);
  CHECK(apply.code == 0);
  CHECK(apply.out == "applied\n");
  CHECK(has(service.read(&Service::applied), "wan0"));
  CHECK(has(culvert("--socket " + service.path + " config rollback 3").err, "cannot change its configuration"));
  CHECK(culvert("config check /nonexistent.yaml").code == 1);
  std::filesystem::remove(path);
}

TEST_CASE("a trial lasts from a second to a day") {
  const std::string path = "/tmp/culvert-cli-" + std::to_string(::getpid()) + ".yaml";
  std::ofstream(path) << "interfaces: {lan0: {}}\n";
  Service service;
  service.run([&] { service.answers_apply = true; });
  const std::string apply = "--socket " + service.path + " config apply " + path + " --confirm ";
  for (const char* seconds : {"0", "86401", "18446744074"}) {
    const Outcome refused = culvert(apply + seconds);
    CHECK(refused.code == 2);
    CHECK(has(refused.err, "--confirm"));
    CHECK(service.read(&Service::applied).empty());
  }
  test::SocketClient client(service.path);
  // Times a billion it is small again.
  const std::string answer =
      client.ask(R"({"command":"config_apply","text":"interfaces: {}","confirm_within_s":18446744074})");
  CHECK(has(answer, R"(\"confirm_within_s\" must be at most 86400, a day)"));
  CHECK(service.read(&Service::applied).empty());
  CHECK(culvert(apply + "86400").out == "applied\n");
  std::filesystem::remove(path);
}

TEST_CASE("a file is too long for the control socket when its JSON is") {
  const std::string path = "/tmp/culvert-cli-" + std::to_string(::getpid()) + ".yaml";
  Service service;
  service.run([&] { service.answers_apply = true; });
  const std::string apply = "--socket " + service.path + " config apply " + path;
  std::ofstream(path) << "# " << std::string(40'000, '"') << "\n";
  const Outcome quotes = culvert(apply);
  CHECK(quotes.code == 1);
  CHECK(has(quotes.err, "bytes as JSON, of at most 65536"));
  CHECK(has(quotes.err, "reload with SIGHUP"));
  std::ofstream(path) << "# " << std::string(64'000, 'x') << "\n";
  CHECK(culvert(apply).out == "applied\n");
  std::filesystem::remove(path);
}

TEST_CASE("a watcher gets a line that is longer than what may wait for it, if it reads") {
  ControlServerOptions options;
  options.max_backlog_bytes = 10'000;
  Service service(options);
  std::shared_ptr<Watcher> watcher;
  service.run([&] {
    service.server->add_watch("flood", [&](const auto&, auto watching) -> Result<JsonText> {
      watcher = watching;
      return boost::json::object{};
    });
  });
  test::SocketClient client(service.path);
  REQUIRE(has(client.ask(R"({"command":"flood"})"), "true"));
  // More than the socket takes at once, so that it waits.
  const std::string text(1'000'000, 'x');
  for (int i = 0; i < 2; ++i) {
    // What the client has read the server knows a moment later.
    for (int tries = 0; tries < 1000 && service.server->backlog().used.read() > 0; ++tries) ::usleep(1000);
    bool sent = false;
    service.run([&] { sent = watcher->send(boost::json::object{{"text", text}}); });
    CHECK(sent);
    CHECK(client.line().size() > text.size());
  }
  bool sent = true;
  service.run([&] {
    sent = watcher->send(boost::json::object{{"text", text}}) && watcher->send(boost::json::object{{"text", text}});
  });
  CHECK_FALSE(sent);
  service.run([&] { watcher.reset(); });
}

TEST_CASE("the shell takes unambiguous prefixes, says what is ambiguous, and shows what fits at ?") {
  Service service;
  const std::string shell = "--socket " + service.path;
  CHECK(has(culvert(shell, "sh sys buf\nexit\n").out, "CRITICAL (wan0/0 97.7%)"));
  CHECK(has(culvert(shell, "sh v\n").out, "culvertd 0.1.0"));
  const Outcome ambiguous = culvert(shell, "c sys buf peak\n");
  CHECK(has(ambiguous.err, "'c' is ambiguous"));
  CHECK(has(ambiguous.err, "it may be clear, config"));
  const Outcome help = culvert(shell, "show system ?\n");
  CHECK(has(help.out, "buffers"));
  CHECK(has(help.out, "userspace"));
  CHECK(culvert(shell, "nonsense\n").code == 2);
}

TEST_CASE("doctor says what to type, with or without culvertd") {
  const Outcome alone = culvert("--socket /tmp/culvert-nobody.sock doctor lo");
  CHECK(has(alone.out, "kernel "));
  CHECK(has(alone.out, "culvertd is not reachable"));
  Service service;
  const auto json = boost::json::parse(culvert("doctor lo --json --socket " + service.path).out);
  bool names_stuck = false;
  for (const auto& finding : json.at("findings").as_array()) {
    names_stuck = names_stuck || has(finding.at("what").as_string().c_str(), "worker 1 is stuck");
  }
  CHECK(names_stuck);
}

TEST_CASE("doctor judges by the configuration that runs") {
  Service service;
  CHECK(has(culvert("doctor lo --socket " + service.path).out, "does not fit into a frame of 2048 bytes"));
  // The one device that every machine has stands for a tun whose rp_filter must be looked at.
  service.run(
      [&] { service.configuration = "system: {frame_size: 4096, punt: {device: lo}}\ninterfaces: {lan0: {}}\n"; });
  const std::string out = culvert("doctor lo --socket " + service.path).out;
  CHECK(has(out, "does not fit into a frame of 4096 bytes (at most 3818)"));
  CHECK(has(out, "rp_filter of lo "));
}

}  // namespace
}  // namespace culvert
