// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "config/diagnostics.h"
#include "config/node.h"

namespace culvert {

/// Bounds of a text. A configuration of 10,000 rules has about 1.5 MB and 200,000 values; what is beyond these is not
/// one, or wants to hurt. A value takes some 200 bytes while it is read: 100 MB for the most of them.
inline constexpr std::size_t kMostBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kMostNodes = 500'000;  ///< values, keys included, after aliases are replaced
inline constexpr int kMostDepth = 16;

/// Reads one YAML document (yaml-cpp's event parser). Empty text is a null node. On an error, reported with its line,
/// there is no node; never throws.
std::optional<YamlNode> read_yaml(std::string_view text, Diagnostics& diagnostics);

}  // namespace culvert
