// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/section.h"

namespace culvert {

/// One difference between two configurations.
struct ConfigChange {
  enum class Kind { kChanged, kAdded, kRemoved };
  Kind kind = Kind::kChanged;
  std::string path;  ///< a value ("system.idle.spin") or an element of a map or list ("interfaces.wan1")
  std::string from;  ///< YAML, with kChanged
  std::string to;
  Reload reload = Reload::kRestart;

  friend bool operator==(const ConfigChange&, const ConfigChange&) = default;
};

/// "system.idle.spin: 50us -> 100us", "interfaces.wan1: added"; of long values the beginning.
std::string to_text(const ConfigChange& change);

/// Every difference, in the schema's order; an added or removed element is one, whatever is below it.
std::vector<ConfigChange> changes_between(const Config& from, const Config& to);

/// The same for the values of any object with a Section.
std::vector<ConfigChange> changes_between(const std::vector<KeyValue>& from, const std::vector<KeyValue>& to);

/// One sentence for each change that a running culvertd cannot take: "system.frames: auto -> 65536 needs a restart of
/// culvertd". Empty: all of them are live.
std::vector<std::string> restart_reasons(const std::vector<ConfigChange>& changes);

}  // namespace culvert
