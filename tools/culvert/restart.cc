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

/// Whether the culvertd of that process answers.
bool answers(const std::string& socket, std::uint64_t pid, std::string& version) {
  auto connection = ControlConnection::open(socket);
  if (connection.has_error()) return false;
  const auto answer = connection->ask({{"command", "version"}});
  if (answer.has_error() || number(*answer, "pid") != pid) return false;
  const auto* text = answer->if_contains("version");
  if (text != nullptr && text->is_string()) version = std::string(text->get_string());
  return true;
}

}  // namespace

int run_restart(const Arguments& arguments, const Output& output) {
  auto connection = ControlConnection::open(arguments.socket);
  if (connection.has_error()) return failed(output, connection.error());
  const auto ready = connection->ask({{"command", "restart"}});
  if (ready.has_error()) return failed(output, ready.error());
  const std::uint64_t pid = number(*ready, "pid");
  std::string version;
  const auto deadline = steady_clock::now() + kThereWithin;
  while (!answers(arguments.socket, pid, version)) {
    if (steady_clock::now() > deadline) {
      return failed(output, Error{fmt::format("process {} was ready to take over and does not answer", pid), 0,
                                  "culvertd's log says why; start it again if it has ended"});
    }
    std::this_thread::sleep_for(milliseconds(10));
  }
  if (output.json) {
    boost::json::object answer = *ready;
    answer["version"] = version;
    output.object(answer);
  } else {
    output.text(fmt::format("culvertd {} runs, process {}\n", version, pid));
  }
  return kExitOk;
}

}  // namespace culvert
