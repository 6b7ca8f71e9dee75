// SPDX-License-Identifier: Apache-2.0
// Tables of backends by the plain algorithms: Maglev's with weights, as lb/pick_order.h says it, without anything that
// makes it fast; and what VPP's load balancer and IPVS do, to print their figures beside ours.
//
// The two are models of what their sources describe. They take the names of our backends in the place of their hashes.
#pragma once

#include <cstdint>
#include <vector>

#include "lb/backend.h"

namespace culvert::test {

/// By slot, a place in the backends.
using Slots = std::vector<std::uint16_t>;

/// Backends 10.0.0.1, 10.0.0.2 ... with this weight, numbered in order.
std::vector<PoolBackend> some_backends(std::size_t count, std::uint8_t weight = kMostWeight, std::uint64_t seed = 1);

/// What build_maglev() must write.
Slots plain_maglev(const std::vector<PoolBackend>& backends, std::uint32_t size);
/// build_maglev().
Slots built_maglev(const std::vector<PoolBackend>& backends, std::uint32_t size);

/// VPP's lb plugin (lb_vip_update_new_flow_table of lb.c, 26.06): each backend stands for as many replicas as it
/// weighs, each with an order of its own. `size`: a power of two.
Slots model_of_vpp(const std::vector<PoolBackend>& backends, std::uint32_t size);
/// IPVS's mh scheduler (ip_vs_mh_populate of net/netfilter/ipvs/ip_vs_mh.c): weights divided by their greatest common
/// divisor and cut to six bits, that many slots in a row. `size`: a prime.
Slots model_of_ipvs(const std::vector<PoolBackend>& backends, std::uint32_t size);

/// The same backends without those whose places are marked.
std::vector<PoolBackend> without(const std::vector<PoolBackend>& backends, const std::vector<bool>& gone);

/// By slot, the number of its backend.
std::vector<BackendNumber> numbers_of(const Slots& slots, const std::vector<PoolBackend>& backends);

}  // namespace culvert::test
