// SPDX-License-Identifier: Apache-2.0
#define CATCH_CONFIG_RUNNER
#include "test/support/run_tests.h"

#include "test/support/catch.h"

namespace culvert {

int run_tests(int argc, char* argv[]) {
  return Catch::Session().run(argc, argv);
}

}  // namespace culvert
