// SPDX-License-Identifier: Apache-2.0
// tests.h, and packets.
#include "packet/parse.h"
#include "precompiled/tests.h"
#include "test/support/packet_builder.h"
