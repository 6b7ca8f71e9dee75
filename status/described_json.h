// SPDX-License-Identifier: Apache-2.0
// Described structures to JSON and back. The members' names are the keys, so no field is named twice. Reading is
// tolerant where versions may differ (unknown keys are skipped, missing ones keep their default) and strict where types
// do: a string where a number belongs is an error that names the key.
#pragma once

#include <boost/describe/members.hpp>
#include <boost/json.hpp>
#include <boost/mp11/algorithm.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/result.h"

namespace culvert {

template <typename T>
inline constexpr bool kIsOptional = false;
template <typename T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <typename T>
inline constexpr bool kIsVector = false;
template <typename T>
inline constexpr bool kIsVector<std::vector<T>> = true;

template <typename T>
using DescribedMembers = boost::describe::describe_members<T, boost::describe::mod_public>;

template <typename T>
boost::json::value describe_to_json(const T& value) {
  if constexpr (kIsOptional<T>) {
    return value.has_value() ? describe_to_json(*value) : boost::json::value(nullptr);
  } else if constexpr (kIsVector<T>) {
    boost::json::array array;
    array.reserve(value.size());
    for (const auto& item : value) array.push_back(describe_to_json(item));
    return array;
  } else if constexpr (std::is_arithmetic_v<T>) {
    return boost::json::value(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return boost::json::value(boost::json::string(value));
  } else {
    boost::json::object object;
    boost::mp11::mp_for_each<DescribedMembers<T>>(
        [&](auto member) { object.emplace(member.name, describe_to_json(value.*member.pointer)); });
    return object;
  }
}

/// Returns the dotted key of the first value of a wrong type, or an empty string.
template <typename T>
std::string describe_from_json(const boost::json::value& json, T& value, const std::string& key) {
  if constexpr (kIsOptional<T>) {
    value.reset();
    return json.is_null() ? std::string() : describe_from_json(json, value.emplace(), key);
  } else if constexpr (kIsVector<T>) {
    if (!json.is_array()) return key;
    value.clear();
    for (const auto& item : json.get_array()) {
      std::string wrong = describe_from_json(item, value.emplace_back(), key + "[]");
      if (!wrong.empty()) return wrong;
    }
    return {};
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_bool()) return key;
    value = json.get_bool();
    return {};
  } else if constexpr (std::is_arithmetic_v<T>) {
    if (!json.is_number()) return key;
    boost::system::error_code error;
    value = json.to_number<T>(error);
    return error ? key : std::string();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!json.is_string()) return key;
    value = json.get_string().c_str();
    return {};
  } else {
    if (!json.is_object()) return key;
    std::string wrong;
    boost::mp11::mp_for_each<DescribedMembers<T>>([&](auto member) {
      const auto* found = json.get_object().if_contains(member.name);
      if (found == nullptr || !wrong.empty()) return;
      wrong = describe_from_json(*found, value.*member.pointer, key.empty() ? member.name : key + "." + member.name);
    });
    return wrong;
  }
}

/// The structure that the text says, or an Error that names the first key with a wrong type.
template <typename T>
Result<T> described_from_json(const boost::json::value& json, const std::string& what) {
  Result<T> result(boost::system::in_place_value);
  const std::string wrong = describe_from_json(json, *result, {});
  if (!wrong.empty() || !json.is_object()) {
    result = Error{what + ": the value of '" + wrong + "' has the wrong type", 0,
                   "are culvert and culvertd of one version?"};
  }
  return result;
}

}  // namespace culvert
