// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/fd.h"
#include "umem/region_view.h"

namespace culvert {

/// Registers the region as the UMEM of one socket. Every lane registers the same memory anew: so each queue has fill
/// and completion rings and a mode of its own (a shared UMEM would force the first lane's mode on all), and frames
/// still cross from one interface to another without a copy. Costs 128 bytes of kernel memory for each frame and lane,
/// and the pages are counted against RLIMIT_MEMLOCK for each unless the process has CAP_IPC_LOCK. Throws SetupError.
void register_region(const Fd& socket, RegionView region, const std::string& lane);

}  // namespace culvert
