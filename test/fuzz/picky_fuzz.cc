// SPDX-License-Identifier: Apache-2.0
// A target with a known crash, to see that the replay reports one: it fails its check on "boom".
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/check.h"
#include "test/support/fuzz_target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bool is_boom = size >= 4 && std::memcmp(data, "boom", 4) == 0;
  CULVERT_CHECK(!is_boom);
  return 0;
}
