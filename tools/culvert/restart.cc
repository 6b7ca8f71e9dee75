// SPDX-License-Identifier: Apache-2.0
// `culvert restart`: a new culvertd, with the program and the configuration file as they are now, takes the place of
// the running one, and no packet is lost on interfaces that it goes on with.
#include <chrono>
#include <fmt/format.h>
#include <thread>

#include "tools/culvert/ask.h"

namespace culvert {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// From "ready" to the first answer of the new one: it takes over lanes and sessions meanwhile.
constexpr std::chrono::seconds kThereWithin{30};

std::uint64_t number(const boost::json::object& answer, const char* key) {
  const auto* value = answer.if_contains(key);
  boost::system::error_code error;
  return value == nullptr ? 0 : value->to_number<std::uint64_t>(error);
}

std::string text(const boost::json::object& answer, const char* key) {
  const auto* value = answer.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// What is known of the culvertd of one process.
struct Successor {
  bool runs = false;
  std::string version;
  std::string failed;  ///< why it did not take over after all
};

Successor look_at(const std::string& socket, std::uint64_t pid) {
  auto connection = ControlConnection::open(socket);
  if (connection.has_error()) return {};
  const auto answer = connection->ask({{"command", "version"}});
  if (answer.has_error()) return {};
  if (number(*answer, "pid") == pid) return {true, text(*answer, "version"), {}};
  const auto* failed = answer->if_contains("failed_successor");
  if (failed == nullptr || !failed->is_object() || number(failed->get_object(), "pid") != pid) return {};
  return {false, {}, text(failed->get_object(), "why")};
}

}  // namespace

int run_restart(const Arguments& arguments, const Output& output) {
  auto connection = ControlConnection::open(arguments.socket);
  if (connection.has_error()) return failed(output, connection.error());
  const auto ready = connection->ask({{"command", "restart"}});
  if (ready.has_error()) return failed(output, ready.error());
  const std::uint64_t pid = number(*ready, "pid");
  const auto deadline = steady_clock::now() + kThereWithin;
  Successor successor = look_at(arguments.socket, pid);
  while (!successor.runs) {
    if (!successor.failed.empty()) {
      return failed(output, Error{"the successor did not start: " + successor.failed, 0, "nothing has changed"});
    }
    if (steady_clock::now() > deadline) {
      return failed(output, Error{fmt::format("process {} was ready to take over and does not answer", pid), 0,
                                  "culvertd's log says why; start it again if it has ended"});
    }
    std::this_thread::sleep_for(milliseconds(10));
    successor = look_at(arguments.socket, pid);
  }
  if (output.json) {
    boost::json::object answer = *ready;
    answer["version"] = successor.version;
    output.object(answer);
  } else {
    output.text(fmt::format("culvertd {} runs, process {}\n", successor.version, pid));
  }
  return kExitOk;
}

}  // namespace culvert
