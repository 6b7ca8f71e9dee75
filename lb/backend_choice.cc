// SPDX-License-Identifier: Apache-2.0
#include "lb/backend_choice.h"

#include <algorithm>

#include "lb/rendezvous.h"

namespace culvert {

bool is_usable(const LbPool& pool, std::span<const BackendShare> shares) noexcept {
  return std::any_of(pool.backends.begin(), pool.backends.end(),
                     [&](const PoolBackend& backend) { return backend.weight != 0 && shares[backend.number] != 0; });
}

namespace choice_detail {

std::optional<ChosenBackend> choose_other(const LbPool& pool, std::uint64_t hash,
                                          std::span<const BackendShare> shares) noexcept {
  std::uint64_t state = hash;
  for (std::uint8_t draws = 1; draws <= kMostDraws; ++draws) {
    const std::uint32_t slot = pool.table.slot_of(splitmix64(state));
    const PoolBackend& backend = pool.backends[pool.table.place_at(slot)];
    if (takes(backend, hash, shares[backend.number])) return ChosenBackend{slot, backend.number, draws};
  }
  const std::size_t place = rendezvous(pool.backends, hash, shares);
  if (place == pool.backends.size()) return std::nullopt;
  return ChosenBackend{pool.table.slot_of(hash), pool.backends[place].number, kByRendezvous};
}

}  // namespace choice_detail
}  // namespace culvert
