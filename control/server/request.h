// SPDX-License-Identifier: Apache-2.0
// Arguments of a request. Each has a name, a type and a default; what is wrong is said by name.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace culvert {

/// A whole number >= 0; `otherwise` when it is not there.
Result<std::uint64_t> number_in(const boost::json::object& request, const char* name, std::uint64_t otherwise);
/// A string; without `otherwise` it must be there.
Result<std::string> text_in(const boost::json::object& request, const char* name, std::optional<std::string> otherwise);
/// true or false; false when it is not there.
Result<bool> flag_in(const boost::json::object& request, const char* name);
/// An array of strings; empty when it is not there.
Result<std::vector<std::string>> words_in(const boost::json::object& request, const char* name);

}  // namespace culvert
