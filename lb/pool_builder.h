// SPDX-License-Identifier: Apache-2.0
// A pool with all that it needs. Control makes it when a configuration names another set of backends or other weights;
// it never changes.
#pragma once

#include <cstdint>
#include <vector>

#include "lb/backend_choice.h"

namespace culvert {

class BuiltPool {
 public:
  /// `slots`: is_maglev_size(). At most kMostPoolBackends, of different names.
  explicit BuiltPool(std::vector<PoolBackend> backends, std::uint32_t slots = kMaglevSlots);
  BuiltPool(const BuiltPool&) = delete;
  BuiltPool& operator=(const BuiltPool&) = delete;

  const LbPool& pool() const noexcept { return pool_; }

 private:
  std::vector<PoolBackend> backends_;
  std::vector<std::uint16_t> slots_;
  LbPool pool_;
};

}  // namespace culvert
