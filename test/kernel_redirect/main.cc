// SPDX-License-Identifier: Apache-2.0
// Everything here needs root, BPF and a namespace. Where there is none, says why and exits 77 (skipped).
#define CATCH_CONFIG_RUNNER
#include <cstdio>

#include "test/kernel_redirect/sandbox.h"
#include "test/support/catch.h"

int main(int argc, char** argv) {
  if (const auto reason = culvert::test::enter_sandbox()) {
    std::printf("skipped: %s\n", reason->c_str());
    return 77;
  }
  return Catch::Session().run(argc, argv);
}
