// SPDX-License-Identifier: Apache-2.0
// Which backend of a pool a new flow goes to, in two steps: the pool's table says whose the flow is, whoever is up; if
// that backend does not take it now, the flow draws other slots, until one of them has a backend that does.
//
//   hash 0x83b1...  slot 33713: backend 7, share 65536         it is 7's
//                   slot 33713: backend 7, share 0 (down)      draws slot 51208: backend 2, share 65536: it is 2's
//
// What a flow draws, and which flows a backend takes while its share is below the whole, depend on the flow's hash and
// the backend's name alone. So the choice is a function of the configuration, the shares and the hash, whatever came
// before:
//   - when a backend goes down, its flows move, and nobody else's; when it comes back, the same flows return;
//   - when a share grows, the backend gets flows that it did not have, and loses none;
//   - nodes that have the same configuration and shares and hash alike choose alike.
// A flow draws by its own hash and not by its slot, so the flows of one slot spread over all backends that are left.
//
// A flow whose draws all failed goes by rendezvous (lb/rendezvous.h), which has the same properties and looks at the
// whole pool: one in four billion where half of the slots have takers, 3 % where a tenth have.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/hash.h"
#include "lb/backend.h"
#include "lb/maglev_table.h"

namespace culvert {

/// Backends that share the flows of a frontend. What it points to does not change.
struct LbPool {
  MaglevTable table;  ///< of `backends`
  std::span<const PoolBackend> backends;
};

/// Slots that a flow draws at most after its own.
inline constexpr std::uint8_t kMostDraws = 32;
/// In the place of a number of draws: by rendezvous.
inline constexpr std::uint8_t kByRendezvous = 0xff;

struct ChosenBackend {
  std::uint32_t slot = 0;  ///< the flow's own, or the one that it drew last; its own, by rendezvous
  BackendNumber number = kNoBackend;
  std::uint8_t draws = 0;  ///< 0: its own slot's backend; up to kMostDraws; kByRendezvous

  friend constexpr bool operator==(const ChosenBackend&, const ChosenBackend&) noexcept = default;
};

/// Whether some backend of the pool takes flows. `shares`: by number. Looks at all backends.
bool is_usable(const LbPool& pool, std::span<const BackendShare> shares) noexcept;

/// Whether a backend with this share takes the flow. With a larger share it takes the same flows, and others.
inline bool takes(const PoolBackend& backend, std::uint64_t hash, BackendShare share) noexcept {
  if (share >= kWholeShare) return true;
  std::uint64_t state = backend.name ^ hash;
  return splitmix64(state) >> 48 < share;
}

namespace choice_detail {
std::optional<ChosenBackend> choose_other(const LbPool& pool, std::uint64_t hash,
                                          std::span<const BackendShare> shares) noexcept;
}  // namespace choice_detail

/// The backend for a new flow; nothing: none of the pool takes any. `hash`: of what the flow's backend is to depend on,
/// keyed, 64 good bits; where nodes are to choose alike, by a hash that they all have. `shares`: by number, of all
/// backends of the pool.
inline std::optional<ChosenBackend> choose_backend(const LbPool& pool, std::uint64_t hash,
                                                   std::span<const BackendShare> shares) noexcept {
  const std::uint32_t slot = pool.table.slot_of(hash);
  const std::uint16_t place = pool.table.place_at(slot);
  if (place >= pool.backends.size()) [[unlikely]]
    return std::nullopt;
  const PoolBackend& backend = pool.backends[place];
  if (takes(backend, hash, shares[backend.number])) [[likely]]
    return ChosenBackend{slot, backend.number, 0};
  return choice_detail::choose_other(pool, hash, shares);
}

}  // namespace culvert
