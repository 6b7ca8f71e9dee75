// SPDX-License-Identifier: Apache-2.0
#include "test/support/run_tests.h"

int main(int argc, char* argv[]) {
  return culvert::run_tests(argc, argv);
}
