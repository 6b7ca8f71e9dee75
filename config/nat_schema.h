// SPDX-License-Identifier: Apache-2.0
// Address translation's part of the table of keys (schema.h).
#pragma once

#include "config/nat.h"
#include "config/section.h"

namespace culvert {

Section<NatConfig> nat_section();

}  // namespace culvert
