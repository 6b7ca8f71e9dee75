// SPDX-License-Identifier: Apache-2.0
#define CATCH_CONFIG_RUNNER
#include <cstdio>

#include "test/support/catch.h"
#include "test/support/netns.h"

int main(int argc, char* argv[]) {
  const std::string reason = culvert::why_no_af_xdp();
  if (!reason.empty()) {
    std::printf("SKIP: %s\n", reason.c_str());
    return 77;
  }
  return Catch::Session().run(argc, argv);
}
