// SPDX-License-Identifier: Apache-2.0
// tests.h, and whole workers.
#include "precompiled/tests.h"
#include "test/support/packet_builder.h"
#include "test/support/rig.h"
