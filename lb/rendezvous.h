// SPDX-License-Identifier: Apache-2.0
// Which backend of a pool a hash belongs to, by looking at all of them: rendezvous hashing (Thaler, Ravishankar: "Using
// name-based mappings to increase hit rates", IEEE/ACM Transactions on Networking 1998). Each backend draws a number
// for the hash, and the least wins; -log2(u) / weight of a uniform u lets each win as often as it weighs
// (Schindelhauer, Schomaker: "Weighted distributed hash tables", SPAA 2005). A backend that goes or comes changes
// nobody else's number.
//
// Integers only, so that all machines agree.
#pragma once

#include <cstdint>
#include <span>

#include "lb/backend.h"

namespace culvert {

/// The place of the backend that wins, each weighing weight * share; backends.size(): they all weigh nothing.
/// `shares`: by number.
std::size_t rendezvous(std::span<const PoolBackend> backends, std::uint64_t hash,
                       std::span<const BackendShare> shares) noexcept;

}  // namespace culvert
