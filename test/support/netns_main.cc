// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "test/support/netns.h"
#include "test/support/run_tests.h"

int main(int argc, char* argv[]) {
  const std::string reason = culvert::why_no_af_xdp();
  if (!reason.empty()) {
    std::printf("SKIP: %s\n", reason.c_str());
    return 77;
  }
  return culvert::run_tests(argc, argv);
}
