// SPDX-License-Identifier: Apache-2.0
// What tables of rules for people have in common.
#pragma once

#include <cerrno>
#include <charconv>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/named_list.h"

namespace culvert {

/// Names of sets, then what is written out.
template <typename T>
std::vector<std::string> list_of(const NamedList<T>& list) {
  std::vector<std::string> texts = list.names;
  for (const T& value : list.values) texts.push_back(to_text(value));
  return texts;
}

/// How many rows are before the page; an error for what was never a `next`.
inline Result<std::size_t> rows_before(const std::string& after, std::size_t rows) {
  if (after.empty()) return std::size_t{0};
  std::size_t count = 0;
  const char* end = after.data() + after.size();
  const auto [stop, error] = std::from_chars(after.data(), end, count);
  if (error != std::errc() || stop != end || count > rows) {
    return Error{"\"after\" is not the 'next' of an earlier page", EINVAL, "leave it out to begin"};
  }
  return count;
}

}  // namespace culvert
