// SPDX-License-Identifier: Apache-2.0
#include "lb/pools.h"

#include "base/check.h"

namespace culvert {

PoolIndex LbGeneration::first_usable() const noexcept {
  CULVERT_CHECK(pools.size() <= kNoPool);
  for (std::size_t pool = 0; pool < pools.size(); ++pool) {
    if (is_usable(pools[pool], shares)) return static_cast<PoolIndex>(pool);
  }
  return kNoPool;
}

std::optional<BackendNumber> FrontendChoice::chosen_before(std::uint64_t hash) const noexcept {
  if (active_before_ == kNoPool) return std::nullopt;
  const auto chosen = choose_backend(before_.pools[active_before_], hash, before_.shares);
  if (!chosen.has_value() || numbers_[chosen->number] == kNoBackend) return std::nullopt;
  return numbers_[chosen->number];
}

}  // namespace culvert
