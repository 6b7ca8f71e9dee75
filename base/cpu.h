// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.h"

namespace culvert {

/// Fetch a cache line that will be read soon. Never faults, whatever the address.
inline void prefetch(const void* address) noexcept {
  __builtin_prefetch(address, 0, 3);
}
inline void prefetch_for_write(const void* address) noexcept {
  __builtin_prefetch(address, 1, 3);
}

/// One breath of a spinning loop.
inline void cpu_pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Pins the calling thread to one CPU; an error names the CPUs that the process may use.
Result<void> pin_this_thread(int cpu);

/// The CPUs that this process may run on, ascending (sched_getaffinity).
std::vector<int> allowed_cpus();

/// An error when this binary was built for x86-64-v3 and the CPU is not one (AVX2, BMI2, FMA, MOVBE, F16C, LZCNT).
Result<void> check_cpu_level();

}  // namespace culvert
