// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/prefetch.h"
#include "base/result.h"

namespace culvert {

/// Pins the calling thread to one CPU; an error names the CPUs that the process may use.
Result<void> pin_this_thread(int cpu);

/// The CPUs that this process may run on, ascending (sched_getaffinity).
std::vector<int> allowed_cpus();

/// Takes CPUs from those that the calling thread, and threads that it makes from now on, may run on; leaves all when
/// none would remain. A thread that pins itself is not bound by it.
void keep_this_thread_off(const std::vector<int>& cpus);

/// The calling thread, and threads and processes that it makes from now on, may run on these.
void let_this_thread_run_on(const std::vector<int>& cpus);

/// An error when this binary was built for x86-64-v3 with AES and the CPU lacks one of them (AVX2, BMI2, FMA, AES).
Result<void> check_cpu_level();

}  // namespace culvert
