// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace culvert {

/// What a changed value needs.
enum class Reload {
  kLive,     ///< a running culvertd takes it with the next snapshot
  kRestart,  ///< memory, sockets or threads are sized or made by it at start
};

/// One row of the schema as the manual shows it.
struct KeyInfo {
  enum class Kind {
    kValue,
    kObject,
    kOptional,  ///< an object whose presence means something
    kMap,
    kList,
    kNotBuilt,
  };
  std::string path;  ///< "interfaces.NAME.mode"
  Kind kind = Kind::kValue;
  std::string accepts;       ///< "a duration from 0 to 10ms"
  std::string default_text;  ///< YAML of the default; empty when there is none
  bool required = false;
  Reload reload = Reload::kRestart;
  std::string sentence;  ///< what it does
  std::string reason;    ///< why this default; may be empty
  std::string part;      ///< kNotBuilt: what is missing, "the firewall"
};

}  // namespace culvert
