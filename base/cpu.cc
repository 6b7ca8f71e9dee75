// SPDX-License-Identifier: Apache-2.0
#include "base/cpu.h"

#include <sched.h>
#include <string>

namespace culvert {

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

Result<void> pin_this_thread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (::sched_setaffinity(0, sizeof(set), &set) == 0) return {};
  Error error = errno_error("pinning a worker to CPU " + std::to_string(cpu));
  error.hint = "set system.workers to CPUs of this list:";
  for (int allowed : allowed_cpus()) error.hint += " " + std::to_string(allowed);
  return error;
}

void keep_this_thread_off(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return;
  for (const int cpu : cpus) CPU_CLR(static_cast<std::size_t>(cpu), &set);
  if (CPU_COUNT(&set) > 0) ::sched_setaffinity(0, sizeof(set), &set);
}

void let_this_thread_run_on(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (CPU_COUNT(&set) > 0) ::sched_setaffinity(0, sizeof(set), &set);
}

Result<void> check_cpu_level() {
#if defined(__x86_64__) && defined(__AVX2__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("fma") ||
      !__builtin_cpu_supports("aes")) {
    return Error{"this binary needs an x86-64-v3 CPU with AES (AVX2, BMI2, FMA, AES)", 0,
                 "build with: meson setup -Dportable=true build"};
  }
#endif
  return {};
}

}  // namespace culvert
