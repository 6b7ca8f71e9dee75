// SPDX-License-Identifier: Apache-2.0
// standard.h, and what most tests read besides.
#include <cstdio>
#include <cstdlib>
#include <random>

#include "precompiled/standard.h"
#include "test/support/catch.h"
