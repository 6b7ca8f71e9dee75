// SPDX-License-Identifier: Apache-2.0
// Hints to the processor. Apart from base/cpu.h, whose errors a hot library may not refer to.
#pragma once

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

}  // namespace culvert
