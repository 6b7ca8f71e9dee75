// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "base/result.h"

namespace culvert {

/// Exit codes of every command; --check has its own 0, 1, 2 and 3 (docs: STATUS contract).
inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotReachable = 3;

/// Where results and complaints go. Colours only when stdout is a terminal and NO_COLOR is not set.
struct Output {
  bool json = false;
  bool colour = false;

  void text(const std::string& text) const;
  void object(const boost::json::object& object) const;
  /// To stderr: "culvert: what: errno in words (hint)".
  void complaint(const Error& error) const;
};

/// Whether stdout may be coloured.
bool stdout_takes_colour();

}  // namespace culvert
