// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace culvert {

/// Nanoseconds of CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns(). Tables and stages take it as an argument; only
/// workers and control read the clock, at most once a turn.
using Now = std::uint64_t;

inline constexpr std::uint64_t kNanosecondsPerMicrosecond = 1'000;
inline constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;
inline constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

/// Reads CLOCK_MONOTONIC (vDSO, about 25 ns).
Now monotonic_ns() noexcept;

/// CPU time that the calling thread has used, in ns (CLOCK_THREAD_CPUTIME_ID; a system call).
std::uint64_t thread_cpu_ns() noexcept;

}  // namespace culvert
