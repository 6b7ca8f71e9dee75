// SPDX-License-Identifier: Apache-2.0
// The control server over a real socket, with clients that behave and clients that do not.
#include "control/server/server.h"

#include <boost/json.hpp>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <sys/stat.h>
#include <thread>

#include "status/json.h"
#include "test/status/fixture.h"
#include "test/status/service.h"
#include "test/status/socket_client.h"
#include "test/support/catch.h"

namespace culvert {
namespace {

using test::Service;
using test::SocketClient;

boost::json::object parsed(const std::string& line) {
  INFO(line.substr(0, 200));
  boost::system::error_code error;
  const auto value = boost::json::parse(line, error);
  REQUIRE_FALSE(error);
  return value.as_object();
}

std::string what(const std::string& line) {
  return std::string(parsed(line).at("error").at("what").as_string());
}

TEST_CASE("a request a line gets an answer a line, in order, also when they come in pieces or together") {
  Service service;
  SocketClient client(service.path);
  REQUIRE(client.connected());
  CHECK(parsed(client.ask(R"({"command":"version"})")).at("result").at("version").as_string() == "0.1.0");
  REQUIRE(client.send(R"({"command":)"));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  REQUIRE(client.send("\"show_buffers\"}\n{\"command\":\"version\"}\n{\"command\":\"nothing\"}\n"));
  CHECK(parsed(client.line()).at("result").at("status").as_string() == "CRITICAL");
  CHECK(parsed(client.line()).at("result").at("version").as_string() == "0.1.0");
  CHECK(what(client.line()) == "there is no command 'nothing'");
}

TEST_CASE("every show answers from the same snapshot") {
  Service service;
  SocketClient client(service.path);
  const auto status = status_from_json(parsed(client.ask(R"({"command":"show_status"})")).at("result"));
  REQUIRE(status.has_value());
  CHECK(to_json(*status).text == to_json(test::fixture()).text);
  CHECK(parsed(client.ask(R"({"command":"show_drops"})")).at("result").at("drops").as_array().size() == 2);
  CHECK(parsed(client.ask(R"({"command":"show_workers"})")).at("result").at("workers").as_array().size() == 2);
  CHECK(parsed(client.ask(R"({"command":"clear_buffers_peak"})")).at("ok").as_bool());
  CHECK(service.read(&Service::cleared) == 1);
  CHECK(parsed(client.ask(R"({"command":"show_routes","limit":3})")).at("result").at("total").as_int64() == 3);
  CHECK(what(client.ask(R"({"command":"show_routes","limit":-3})")) == "\"limit\" must be a whole number, 0 or more");
  CHECK(what(client.ask(R"({"command":"show_routes","after":"bad"})")) == "no such prefix");
  CHECK(what(client.ask(R"({"command":"show_neighbors"})")) == "this culvertd has no neighbors");
}

TEST_CASE("an answer may come later; other clients are served meanwhile; one that never comes is given up") {
  ControlServerOptions options;
  options.answer_timeout = std::chrono::milliseconds(300);
  Service service(options);
  SocketClient client(service.path), other(service.path);
  REQUIRE(client.send("{\"command\":\"config_apply\",\"text\":\"interfaces: {}\"}\n"));
  CHECK(parsed(other.ask(R"({"command":"version"})")).at("ok").as_bool());
  service.run([&] { service.pending(boost::json::object{{"generation", 8}}); });
  CHECK(parsed(client.line()).at("result").at("generation").as_int64() == 8);
  CHECK(service.read(&Service::applied) == "interfaces: {}");
  CHECK(what(client.ask(R"({"command":"config_apply","text":""})")) == "no answer in time");
  service.run([&] { service.pending(boost::json::object{{"generation", 9}}); });
  CHECK(parsed(client.ask(R"({"command":"version"})")).at("result").at("version").as_string() == "0.1.0");
}

TEST_CASE("ten megabytes of garbage change nothing") {
  Service service;
  {
    SocketClient endless(service.path);
    endless.send(std::string(10'000'000, 'x'));
    CHECK(endless.closed());
  }
  std::mt19937_64 random(4711);
  SocketClient noisy(service.path);
  std::thread reader([&] { noisy.closed(); });
  for (int i = 0; i < 160; ++i) {
    std::string bytes(65536, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (!noisy.send(bytes)) break;
  }
  ::shutdown(noisy.fd(), SHUT_RDWR);
  reader.join();
  SocketClient deep(service.path);
  CHECK(what(deep.ask(std::string(30'000, '['))) == "the request is not one JSON object on one line");
  CHECK(what(deep.ask("[1]")) == "the request is not one JSON object on one line");
  CHECK(what(deep.ask("{\"command\":7}")) == "the request has no \"command\"");
  CHECK(parsed(deep.ask(R"({"command":"version"})")).at("ok").as_bool());
  std::uint64_t bad = 0;
  service.run([&] { bad = service.server->bad_requests().read(); });
  CHECK(bad > 4);
  CHECK(service.wait_for_clients(1));
}

TEST_CASE("the number of clients is bounded, and the next one is told so") {
  ControlServerOptions options;
  options.max_clients = 5;
  Service service(options);
  std::deque<SocketClient> clients;
  for (int i = 0; i < 5; ++i) clients.emplace_back(service.path);
  for (SocketClient& client : clients) CHECK(parsed(client.ask(R"({"command":"version"})")).at("ok").as_bool());
  SocketClient sixth(service.path);
  CHECK(what(sixth.line()) == "too many clients of the control socket");
  CHECK(sixth.closed());
  clients.pop_front();
  REQUIRE(service.wait_for_clients(4));
  SocketClient again(service.path);
  CHECK(parsed(again.ask(R"({"command":"version"})")).at("ok").as_bool());
  std::uint64_t failures = 0, peak = 0;
  service.run([&] {
    failures = service.server->clients().failures.read();
    peak = service.server->clients().peak.read();
  });
  CHECK(failures == 1);
  CHECK(peak == 5);
}

TEST_CASE("a client that is silent for too long is closed") {
  ControlServerOptions options;
  options.idle_timeout = std::chrono::milliseconds(200);
  Service service(options);
  SocketClient client(service.path);
  CHECK(client.closed());
  CHECK(service.wait_for_clients(0));
}

TEST_CASE("watch begins with a snapshot, and from the start with the history") {
  Service service;
  SocketClient now(service.path), start(service.path), chosen(service.path);
  const auto first = parsed(now.ask(R"({"command":"watch","what":"events"})"));
  CHECK(first.at("result").at("delivered").as_int64() == 1);
  CHECK(parsed(start.ask(R"({"command":"watch","what":"events","from_start":true})")).at("ok").as_bool());
  CHECK(parsed(chosen.ask(R"({"command":"watch","what":"events","kinds":["error"]})")).at("ok").as_bool());
  CHECK(parsed(start.line()).at("event").at("sequence").as_int64() == 1);
  service.run([&] {
    service.events.produce(EventKind::kInterfaceDown, 2, 2, "wan0 went down");
    service.events.produce(EventKind::kError, 2, 2, "an error");
  });
  CHECK(parsed(now.line()).at("event").at("sequence").as_int64() == 2);
  CHECK(parsed(start.line()).at("event").at("kind").as_string() == "interface_down");
  CHECK(parsed(chosen.line()).at("event").at("sequence").as_int64() == 3);
  SocketClient counters(service.path);
  CHECK(status_from_json(parsed(counters.ask(R"({"command":"watch","what":"counters"})")).at("result")).has_value());
  CHECK(status_from_json(parsed(counters.line()).at("counters")).has_value());
  CHECK(what(SocketClient(service.path).ask(R"({"command":"watch","what":"paint"})")) == "'paint' cannot be watched");
}

TEST_CASE("a history that is longer than the backlog is replayed as fast as it is read, and goes on with what comes") {
  Service service;
  constexpr std::uint64_t kEvents = 60'000;
  service.run([&] {
    // One a second: below the rate limit.
    for (std::uint64_t i = 2; i <= kEvents; ++i) {
      service.events.produce(EventKind::kError, i * kNanosecondsPerSecond, i, std::string(100, 'x'));
    }
  });
  SocketClient client(service.path);
  const auto first = parsed(client.ask(R"({"command":"watch","what":"events","from_start":true})"));
  CHECK(first.at("result").at("delivered").to_number<std::uint64_t>() == kEvents);
  // In the middle of it: neither lost nor told twice.
  service.run([&] { service.events.produce(EventKind::kStopping, 1, 1, "the last one"); });
  std::uint64_t expected = 1;
  std::string kind;
  while (expected <= kEvents + 1) {
    const std::string line = client.line();
    REQUIRE(!line.empty());
    const auto event = parsed(line).at("event");
    REQUIRE(event.at("sequence").to_number<std::uint64_t>() == expected++);
    kind = event.at("kind").as_string().c_str();
  }
  CHECK(kind == "stopping");
  std::uint64_t most_waited = 0;
  service.run([&] {
    CHECK(service.server->slow_clients().read() == 0);
    most_waited = service.server->backlog().peak.read();
    service.events.produce(EventKind::kStarted, 2, 2, "after the replay");
  });
  CHECK(most_waited < 256 * 1024);
  CHECK(parsed(client.line()).at("event").at("sequence").to_number<std::uint64_t>() == kEvents + 2);
}

TEST_CASE("who watches events hears how many the rate limit took away, each loss once, and is told of a wrong kind") {
  Service service;
  SocketClient early(service.path), late(service.path);
  const auto burst = [&] {
    service.run([&] {
      for (std::uint32_t i = 0; i < EventLog::kBurst + 7; ++i) service.events.produce(EventKind::kError, 2, 2, "again");
    });
  };
  CHECK(parsed(early.ask(R"({"command":"watch","what":"events"})")).at("result").at("lost").as_int64() == 0);
  burst();
  for (std::uint32_t i = 0; i < EventLog::kBurst; ++i) REQUIRE(parsed(early.line()).contains("event"));
  CHECK(parsed(early.line()).at("lost") == boost::json::value({{"events", 7}, {"total", 7}}));
  CHECK(parsed(late.ask(R"({"command":"watch","what":"events"})")).at("result").at("lost").as_int64() == 7);
  burst();
  CHECK(parsed(early.line()).at("lost") == boost::json::value({{"events", 57}, {"total", 64}}));
  CHECK(parsed(late.line()).at("lost") == boost::json::value({{"events", 57}, {"total", 64}}));
  SocketClient wrong(service.path);
  CHECK(what(wrong.ask(R"({"command":"watch","what":"events","kinds":["eror"]})")) ==
        "there is no kind of event 'eror'");
}

TEST_CASE("counters come every second, for each who watches, also after all have left") {
  Service service;
  for (int round = 0; round < 2; ++round) {
    SocketClient first(service.path), second(service.path);
    CHECK(parsed(first.ask(R"({"command":"watch","what":"counters"})")).at("ok").as_bool());
    CHECK(parsed(second.ask(R"({"command":"watch","what":"counters"})")).at("ok").as_bool());
    CHECK(parsed(first.line()).contains("counters"));
    const auto begin = std::chrono::steady_clock::now();
    CHECK(parsed(first.line()).contains("counters"));
    const auto took = std::chrono::steady_clock::now() - begin;
    CHECK(took > std::chrono::milliseconds(500));
    CHECK(took < std::chrono::milliseconds(3000));
    CHECK(parsed(second.line()).contains("counters"));
  }
}

TEST_CASE("a watcher that does not read is closed and counted; one that reads beside it misses nothing") {
  ControlServerOptions options;
  options.max_backlog_bytes = 100'000;
  Service service(options);
  std::vector<std::shared_ptr<Watcher>> watchers;
  service.run([&] {
    service.server->add_watch("flood", [&](const auto&, auto watcher) -> Result<JsonText> {
      watchers.push_back(watcher);
      return boost::json::object{};
    });
  });
  SocketClient slow(service.path), quick(service.path);
  CHECK(parsed(slow.ask(R"({"command":"flood"})")).at("ok").as_bool());
  CHECK(parsed(quick.ask(R"({"command":"flood"})")).at("ok").as_bool());
  const std::string text(1000, 'x');
  bool slow_is_gone = false;
  int sent = 0;
  for (; sent < 2000 && !slow_is_gone; ++sent) {
    service.run([&] {
      slow_is_gone = !watchers[0]->send(boost::json::object{{"n", sent}, {"text", text}});
      CHECK(watchers[1]->send(boost::json::object{{"n", sent}, {"text", text}}));
    });
    CHECK(parsed(quick.line()).at("n").as_int64() == sent);
  }
  CHECK(slow_is_gone);
  std::uint64_t slow_clients = 0, used = 0, failures = 0;
  service.run([&] {
    slow_clients = service.server->slow_clients().read();
    used = service.server->backlog().used.read();
    failures = service.server->backlog().failures.read();
    watchers.clear();
  });
  CHECK(slow_clients == 1);
  CHECK(failures == 1);
  CHECK(used < options.max_backlog_bytes);
  CHECK(service.wait_for_clients(1));
}

TEST_CASE("the socket is closed to strangers, replaced when dead, and refused when alive") {
  Service service;
  struct stat status {};
  REQUIRE(::stat(service.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0660);
  boost::asio::io_context io;
  ControlServerOptions options;
  options.path = service.path;
  CHECK_THROWS_AS(ControlServer(io, options), SetupError);
  options.path = service.path + ".file";
  std::ofstream(options.path) << "not a socket";
  CHECK_THROWS_AS(ControlServer(io, options), SetupError);
  options.path = service.path + ".dead";
  {
    const Fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, options.path.data(), options.path.size());
    REQUIRE(::bind(dead.get(), static_cast<const sockaddr*>(static_cast<const void*>(&address)), sizeof(address)) == 0);
  }
  CHECK_NOTHROW(ControlServer(io, options));
  CHECK_FALSE(std::filesystem::exists(options.path));
}

}  // namespace
}  // namespace culvert
