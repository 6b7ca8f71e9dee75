// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "config/diagnostics.h"
#include "config/node.h"

namespace culvert {

/// Bounds of a text. A configuration of 4,000 rules is about 400 kB; what is beyond these is not one, or wants to hurt.
inline constexpr std::size_t kMostBytes = 1024 * 1024;
inline constexpr std::size_t kMostNodes = 200'000;  ///< values, keys included, after aliases are replaced
inline constexpr int kMostDepth = 16;

/// Reads one YAML document (yaml-cpp's event parser). Empty text is a null node. On an error, reported with its line,
/// there is no node; never throws.
std::optional<YamlNode> read_yaml(std::string_view text, Diagnostics& diagnostics);

}  // namespace culvert
