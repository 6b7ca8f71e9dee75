// SPDX-License-Identifier: Apache-2.0
#include "tools/culvert/output.h"

#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace culvert {

bool stdout_takes_colour() {
  return ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
}

void Output::text(const std::string& text) const {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void Output::object(const boost::json::object& object) const {
  text(boost::json::serialize(object) + "\n");
}

void Output::complaint(const Error& error) const {
  std::fflush(stdout);
  const std::string line = "culvert: " + error.to_string() + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace culvert
