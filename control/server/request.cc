// SPDX-License-Identifier: Apache-2.0
#include "control/server/request.h"

#include <boost/json.hpp>
#include <cerrno>
#include <utility>

namespace culvert {
namespace {

/// Said in full: with g++ 12 an Error can be made from a string too.
Result<std::string> string_result(std::string text) {
  return Result<std::string>(boost::system::in_place_value, std::move(text));
}

Error wrong(const char* name, const char* expected) {
  return {std::string("\"") + name + "\" must be " + expected, EINVAL, "docs/json.md says what is expected"};
}

}  // namespace

Result<std::uint64_t> number_in(const boost::json::object& request, const char* name, std::uint64_t otherwise) {
  const auto* value = request.if_contains(name);
  if (value == nullptr) return otherwise;
  boost::system::error_code error;
  const auto number = value->is_number() ? value->to_number<std::uint64_t>(error) : 0;
  if (error || !value->is_number()) return wrong(name, "a whole number, 0 or more");
  return number;
}

Result<std::string> text_in(const boost::json::object& request, const char* name,
                            std::optional<std::string> otherwise) {
  const auto* value = request.if_contains(name);
  if (value == nullptr && otherwise) return string_result(*std::move(otherwise));
  if (value == nullptr || !value->is_string()) return wrong(name, "a string");
  return string_result(std::string(value->get_string()));
}

Result<bool> flag_in(const boost::json::object& request, const char* name) {
  const auto* value = request.if_contains(name);
  if (value == nullptr) return false;
  if (!value->is_bool()) return wrong(name, "true or false");
  return value->get_bool();
}

Result<std::vector<std::string>> words_in(const boost::json::object& request, const char* name) {
  std::vector<std::string> words;
  const auto* value = request.if_contains(name);
  if (value == nullptr) return words;
  if (!value->is_array()) return wrong(name, "an array of strings");
  for (const auto& word : value->get_array()) {
    if (!word.is_string()) return wrong(name, "an array of strings");
    words.emplace_back(word.get_string());
  }
  return words;
}

}  // namespace culvert
