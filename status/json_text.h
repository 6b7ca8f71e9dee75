// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <string>
#include <utility>

namespace culvert {

/// A JSON value as text. Small ones are made of an object; a status is written directly (status/json.h), because a tree
/// of its thousand values costs an allocation each, and monitors ask often.
struct JsonText {
  JsonText(const boost::json::object& object) : text(boost::json::serialize(object)) {}
  explicit JsonText(std::string written) : text(std::move(written)) {}

  std::string text;
};

}  // namespace culvert
