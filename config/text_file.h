// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace culvert {

/// The whole of a regular file, but never more than one byte beyond `most_bytes`: that byte tells that it is too large.
/// `what` belongs there, for hints: "YAML file".
Result<std::string> read_text_file(const std::string& path, std::size_t most_bytes, std::string_view what);

}  // namespace culvert
