// SPDX-License-Identifier: Apache-2.0
// What a fuzz target defines (https://llvm.org/docs/LibFuzzer.html#fuzz-target): one input, any bytes, any length;
// returns 0; aborts (CULVERT_CHECK) when what must hold does not.
#pragma once

#include <cstddef>
#include <cstdint>

// The name is libFuzzer's. NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
