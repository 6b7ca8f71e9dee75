// SPDX-License-Identifier: Apache-2.0
#include "lb/pool_builder.h"

#include <utility>

namespace culvert {

BuiltPool::BuiltPool(std::vector<PoolBackend> backends, std::uint32_t slots)
    : backends_(std::move(backends)), slots_(slots) {
  std::vector<std::uint64_t> scratch(maglev_scratch_words(slots, backends_.size()));
  build_maglev(slots_, backends_, scratch);
  pool_ = {MaglevTable(slots_), backends_};
}

}  // namespace culvert
