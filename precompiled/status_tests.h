// SPDX-License-Identifier: Apache-2.0
// tests.h, and what status is made of.
#include "precompiled/json.h"
#include "precompiled/tests.h"
