// SPDX-License-Identifier: Apache-2.0
// The pools of a frontend, in the order in which they are preferred: the first with a backend that takes flows is
// active, and the others stand by.
//
//   pools      0: A, B    1: C
//   shares     A 0, B 65536, C 65536: pool 0 is active, and all flows are B's
//              A 0, B 0, C 65536:     pool 1
//
// With another configuration many slots may have other owners. So a frontend keeps the one before for a while, as it
// was when it was replaced: a packet from the middle of a flow that nobody knows (its session was another node's, or is
// gone) belongs to the backend that the configuration before names, if that is still there.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lb/backend_choice.h"

namespace culvert {

using PoolIndex = std::uint8_t;
inline constexpr PoolIndex kNoPool = 0xff;

/// Pools of one configuration, and what their backends take.
struct LbGeneration {
  std::span<const LbPool> pools;         ///< at most kNoPool
  std::span<const BackendShare> shares;  ///< by number

  /// The first pool with a backend that takes flows; kNoPool: there is none. Looks at all backends.
  PoolIndex first_usable() const noexcept;
};

/// What a frontend's flows are given to. Made anew whenever a pool or a share of it changes, and never changed.
class FrontendChoice {
 public:
  /// Nothing to choose from.
  FrontendChoice() noexcept = default;
  explicit FrontendChoice(const LbGeneration& generation) noexcept
      : now_(generation), active_(generation.first_usable()) {}
  /// `before`: the pools of the configuration before, with the shares that were the last ones. `numbers`: by a
  /// backend's number then, its number now, or kNoBackend when it is no longer configured.
  FrontendChoice(const LbGeneration& generation, const LbGeneration& before,
                 std::span<const BackendNumber> numbers) noexcept
      : FrontendChoice(generation) {
    before_ = before;
    active_before_ = before.first_usable();
    numbers_ = numbers;
  }

  /// kNoPool: no backend of any pool takes flows.
  PoolIndex active_pool() const noexcept { return active_; }

  /// The backend for a new flow; nothing: there is none.
  std::optional<ChosenBackend> choose(std::uint64_t hash) const noexcept {
    if (active_ == kNoPool) [[unlikely]]
      return std::nullopt;
    return choose_backend(now_.pools[active_], hash, now_.shares);
  }

  /// Whether the configuration before is still kept.
  bool has_before() const noexcept { return active_before_ != kNoPool; }
  /// The backend, by its number now, that the flow would have been given to by the configuration before; nothing when
  /// none is kept, or the backend is no longer configured. Whether it is alive is for the caller to see.
  std::optional<BackendNumber> chosen_before(std::uint64_t hash) const noexcept;

 private:
  LbGeneration now_;
  LbGeneration before_;
  std::span<const BackendNumber> numbers_;
  PoolIndex active_ = kNoPool;
  PoolIndex active_before_ = kNoPool;
};

}  // namespace culvert
