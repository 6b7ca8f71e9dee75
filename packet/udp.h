// SPDX-License-Identifier: Apache-2.0
// The UDP header (RFC 768).
#pragma once

#include <cstdint>

#include "base/endian.h"

namespace culvert {

struct UdpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be16 length;  ///< header and data; may be less than what IP carries (RFC 9868 uses the rest for options)
  Be16 checksum;
};

static_assert(sizeof(UdpHeader) == 8 && alignof(UdpHeader) == 1);

}  // namespace culvert
