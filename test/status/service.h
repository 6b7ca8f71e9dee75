// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "control/server/handlers.h"
#include "control/server/server.h"
#include "test/status/fixture.h"

namespace culvert::test {

/// A server in a thread of its own; whatever touches it runs there.
class Service {
 public:
  explicit Service(ControlServerOptions options = {}, const FirewallHooks& firewall = {}) {
    char folder[] = "/tmp/culvert-server-XXXXXX";
    folder_ = ::mkdtemp(folder);
    options.path = folder_ + "/control.sock";
    path = options.path;
    server = std::make_unique<ControlServer>(io, options);
    ServerHooks hooks;
    hooks.version = "0.1.0";
    hooks.status = [this] { return status; };
    hooks.events = &events;
    hooks.clear_peaks = [this] { ++cleared; };
    hooks.routes = [](const TablePage& page) -> Result<TableRows> {
      if (page.after == "bad") return Error{"no such prefix", ENOENT, ""};
      TableRows rows;
      rows.rows.push_back({{"prefix", "192.0.2.0/24"}});
      rows.total = page.limit;
      return rows;
    };
    hooks.configuration = [this](const std::string& which) -> Result<boost::json::object> {
      if (which == "candidate" && !trial_ms) return Error{"no configuration runs on trial", 0, ""};
      boost::json::object answer{{"text", configuration}, {"generation", 8}};
      answer["confirm_within_ms"] = trial_ms ? boost::json::value(*trial_ms) : boost::json::value(nullptr);
      answer["previous_generation"] = trial_ms ? boost::json::value(7) : boost::json::value(nullptr);
      return answer;
    };
    hooks.config_apply = [this](const ConfigApply& apply, Reply reply) {
      applied = apply.config.text;
      if (answers_apply) {
        reply(boost::json::object{{"text", "applied\n"}});
      } else {
        pending = std::move(reply);
      }
    };
    hooks.restart = [this](const Reply& reply) {
      reply(boost::json::object{{"pid", successor}, {"interfaces", boost::json::array{"lan0"}}});
    };
    hooks.failed_successor = [this] { return failed_successor; };
    hooks.firewall = firewall;
    handlers = std::make_unique<ControlHandlers>(io, *server, hooks);
    events.produce(EventKind::kStarted, 1, 1, "started");
    thread_ = std::thread([this] {
      const auto work = boost::asio::make_work_guard(io);
      io.run();
    });
  }
  ~Service() {
    io.stop();
    thread_.join();
    handlers.reset();
    server.reset();
    std::filesystem::remove_all(folder_);
  }
  /// Runs it on the server's thread and waits.
  template <typename Work>
  void run(Work work) {
    std::atomic<bool> done{false};
    boost::asio::post(io, [&] {
      work();
      done = true;
    });
    while (!done) std::this_thread::yield();
  }
  /// What the server's thread has written; not while it may wait for the caller.
  template <typename T>
  T read(T Service::*member) {
    T copy{};
    run([&] { copy = this->*member; });
    return copy;
  }
  std::uint64_t clients_now() {
    std::uint64_t count = 0;
    run([&] { count = server->clients().used.read(); });
    return count;
  }
  bool wait_for_clients(std::uint64_t count) {
    for (int i = 0; i < 500 && clients_now() != count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return clients_now() == count;
  }

  boost::asio::io_context io;
  EventLog events{65'536};
  std::unique_ptr<ControlServer> server;
  std::unique_ptr<ControlHandlers> handlers;
  std::string path, applied;
  std::string configuration = "interfaces: {lan0: {}}\n";
  Reply pending;
  StatusSnapshot status = fixture();
  int cleared = 0;
  int successor = 0;  ///< the process that restart says is ready
  boost::json::object failed_successor;
  std::optional<std::uint64_t> trial_ms;  ///< what is left of a trial
  bool answers_apply = false;             ///< at once; otherwise `pending` is to be called

 private:
  std::string folder_;
  std::thread thread_;
};

}  // namespace culvert::test
