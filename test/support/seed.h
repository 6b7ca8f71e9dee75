// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>

namespace culvert::test {

/// Of a test with random steps: CULVERT_SEED, so that a run can be repeated, else another one each time.
inline std::uint64_t seed_of_run() {
  if (const char* given = std::getenv("CULVERT_SEED")) return std::strtoull(given, nullptr, 10);
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

}  // namespace culvert::test
