// SPDX-License-Identifier: Apache-2.0
// For test programs with a main() of their own: Catch2's runner is compiled once, in the library behind this function.
#pragma once

namespace culvert {

/// Runs the tests that the arguments choose, and gives the exit status of the program.
int run_tests(int argc, char* argv[]);

}  // namespace culvert
