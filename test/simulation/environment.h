// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string_view>

namespace culvert::test {

/// A number from the environment: CULVERT_SEED repeats a run, CULVERT_TURNS and CULVERT_PACKETS change its length.
inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

inline std::uint64_t seed_from_environment() {
  return from_environment("CULVERT_SEED", std::random_device{}());
}

/// False in the tier that runs for every change (tools/suites/plan.py), and without one.
inline bool has_time() {
  const char* tier = std::getenv("CULVERT_TEST_TIER");
  return tier != nullptr && std::string_view(tier) != "short";
}

}  // namespace culvert::test
