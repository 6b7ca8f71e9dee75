// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace culvert::test {

struct Outcome {
  int code = -1;
  std::string out, err;
};

std::string contents(const std::string& path);

/// Runs `culvert` with these arguments; `input` is its stdin.
Outcome culvert(const std::string& arguments, const std::string& input = "");

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace culvert::test
