// SPDX-License-Identifier: Apache-2.0
// Described structures to JSON and back. The members' names are the keys, so no field is named twice. Reading is
// tolerant where versions may differ (unknown keys are skipped, missing ones keep their default) and strict where types
// do: a string where a number belongs is an error that names the key.
#pragma once

#include <algorithm>
#include <array>
#include <boost/describe/members.hpp>
#include <boost/json.hpp>
#include <boost/mp11/algorithm.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
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

void append_json(std::string& text, std::string_view value);
void append_json(std::string& text, std::uint64_t value);
void append_json(std::string& text, std::int64_t value);
/// null for what JSON has no number for.
void append_json(std::string& text, double value);

template <typename T>
void append_described_json(std::string& text, const T& value);

/// A member's key as it stands in a text behind another member: `,"name":`.
template <typename Member>
inline constexpr auto kJsonKey = [] {
  constexpr std::string_view kName = Member::name;
  std::array<char, kName.size() + 4> key{',', '"'};
  std::copy(kName.begin(), kName.end(), key.begin() + 2);
  key[kName.size() + 2] = '"';
  key[kName.size() + 3] = ':';
  return key;
}();

/// `wanted` says of each member's name whether it is written.
template <typename T, typename Wanted>
void append_described_members(std::string& text, const T& value, Wanted wanted) {
  text += '{';
  std::size_t comma = 1;  // not before the first
  boost::mp11::mp_for_each<DescribedMembers<T>>([&](auto member) {
    using Member = decltype(member);
    if (!wanted(std::string_view(Member::name))) return;
    text.append(kJsonKey<Member>.data() + comma, kJsonKey<Member>.size() - comma);
    comma = 0;
    append_described_json(text, value.*Member::pointer);
  });
  text += '}';
}

/// Written at the end of `text`, without a tree of values in between.
template <typename T>
void append_described_json(std::string& text, const T& value) {
  if constexpr (kIsOptional<T>) {
    value.has_value() ? append_described_json(text, *value) : void(text += "null");
  } else if constexpr (kIsVector<T>) {
    char before = '[';
    for (const auto& item : value) {
      text += std::exchange(before, ',');
      append_described_json(text, item);
    }
    text += before == '[' ? "[]" : "]";
  } else if constexpr (std::is_same_v<T, bool>) {
    text += value ? "true" : "false";
  } else if constexpr (std::is_floating_point_v<T>) {
    append_json(text, double{value});
  } else if constexpr (std::is_arithmetic_v<T>) {
    using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    append_json(text, static_cast<Wide>(value));
  } else if constexpr (std::is_same_v<T, std::string>) {
    append_json(text, std::string_view(value));
  } else {
    append_described_members(text, value, [](std::string_view) { return true; });
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
