// SPDX-License-Identifier: Apache-2.0
// What tests of outputs ask of texts and of documents.
#pragma once

#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>
#include <fstream>
#include <sstream>
#include <string>

#include "test/support/catch.h"

namespace culvert::test {

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::string line_with(const std::string& text, const std::string& part) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (has(line, part)) return line;
  }
  return {};
}

#ifdef CULVERT_SOURCE
/// A file of the project, where the build says where that is.
inline std::string file_text(const std::string& name) {
  std::ifstream file(std::string(CULVERT_SOURCE) + "/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
#endif

/// Each member of T is in a document, as JSON calls it.
template <typename T>
void every_member_is_documented(const std::string& document) {
  boost::mp11::mp_for_each<boost::describe::describe_members<T, boost::describe::mod_public>>([&](auto member) {
    INFO(member.name);
    CHECK(has(document, std::string("`") + member.name + "`"));
  });
}

}  // namespace culvert::test
