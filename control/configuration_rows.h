// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "config/config.h"
#include "status/registry.h"

namespace culvert {

/// How much the running configuration holds of what one may hold, as rows of the registry. A bound of config/ that is a
/// table here has a row; which they are, and which have none and why, is in test/status/bounds_test.cc.
class ConfigurationRows {
 public:
  /// `registry` outlives it.
  explicit ConfigurationRows(Registry& registry) : registry_(registry) {}
  ConfigurationRows(const ConfigurationRows&) = delete;
  ConfigurationRows& operator=(const ConfigurationRows&) = delete;

  /// The one that runs from now on. It was checked.
  void observe(const Config& config);
  void clear_peaks() noexcept;

 private:
  void observe_policy(const Config& config);
  void observe_nat(const Config& config);
  void observe(ResourceKind kind, const std::string& scope, std::size_t used, std::size_t most);

  Registry& registry_;
  std::map<std::pair<ResourceKind, std::string>, Gauge> gauges_;
};

}  // namespace culvert
