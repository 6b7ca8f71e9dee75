// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/changes.h"

namespace culvert {

/// A unified diff (as diff -u, three lines of context); empty when the texts are equal. Minimal for texts that differ
/// in a stretch of up to some thousand lines; beyond, the stretch is shown as removed and added as a whole, so that the
/// work stays bounded.
std::string unified_diff(std::string_view from, std::string_view to, std::string_view from_name,
                         std::string_view to_name);

/// Two configurations side by side.
struct ConfigDiff {
  std::string lines;                  ///< unified diff of the texts
  bool values_known = false;          ///< both texts are configurations of this version
  std::vector<ConfigChange> changes;  ///< of the values, when known; a comment changes lines and no value
};

ConfigDiff diff_configurations(std::string_view from, std::string_view to, std::string_view from_name,
                               std::string_view to_name);

}  // namespace culvert
