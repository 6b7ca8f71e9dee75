// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace culvert {

/// The CLI's end of the control socket: asks one thing at a time and waits for the answer.
class ControlConnection {
 public:
  /// The Error says what to try when culvertd does not run or the user may not talk to it.
  static Result<ControlConnection> open(const std::string& path);

  /// The `result` of the answer, or its error. Waits up to 35 s: culvertd itself gives up after 30.
  Result<boost::json::object> ask(const boost::json::object& request);

  /// Reads lines until `on_line` returns false or the connection ends (an Error).
  Error watch(const std::function<bool(const boost::json::object&)>& on_line);

 private:
  explicit ControlConnection(Fd fd) : fd_(std::move(fd)) {}
  Result<boost::json::object> read_line(int timeout_ms);

  Fd fd_;
  std::string input_;
};

}  // namespace culvert
