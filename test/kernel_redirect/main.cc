// SPDX-License-Identifier: Apache-2.0
// Everything here needs root, BPF and a namespace. Where there is none, says why and exits 77 (skipped).
#include <cstdio>

#include "test/kernel_redirect/sandbox.h"
#include "test/support/run_tests.h"

int main(int argc, char** argv) {
  if (const auto reason = culvert::test::enter_sandbox()) {
    std::printf("skipped: %s\n", reason->c_str());
    return 77;
  }
  return culvert::run_tests(argc, argv);
}
