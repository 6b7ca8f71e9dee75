// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <ctime>

namespace culvert {
namespace {
std::uint64_t read_clock(clockid_t clock) noexcept {
  timespec at{};
  ::clock_gettime(clock, &at);
  return static_cast<std::uint64_t>(at.tv_sec) * kNanosecondsPerSecond + static_cast<std::uint64_t>(at.tv_nsec);
}
}  // namespace

Now monotonic_ns() noexcept {
  return read_clock(CLOCK_MONOTONIC);
}
std::uint64_t thread_cpu_ns() noexcept {
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

}  // namespace culvert
