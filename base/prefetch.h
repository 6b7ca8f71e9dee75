// SPDX-License-Identifier: Apache-2.0
// Hints to the processor. Apart from base/cpu.h, whose errors a hot library may not refer to.
#pragma once

namespace culvert {

/// Fetch a cache line that will be read soon. Never faults, whatever the address. Not by __builtin_prefetch where there
/// is another way: to g++ 12 a function that does nothing else has no effect, and it leaves out calls of it.
inline void prefetch(const void* address) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 0, 3);
#endif
}
inline void prefetch_for_write(const void* address) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1, 3);
#endif
}

/// One breath of a spinning loop.
inline void cpu_pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace culvert
