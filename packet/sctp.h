// SPDX-License-Identifier: Apache-2.0
// The SCTP common header (RFC 9260 3.1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/endian.h"

namespace culvert {

struct SctpHeader {
  Be16 source_port;
  Be16 destination_port;
  Be32 verification_tag;
  std::array<std::byte, 4> checksum;  ///< CRC32c, least significant byte first (RFC 9260 appendix A)
};

static_assert(sizeof(SctpHeader) == 12 && alignof(SctpHeader) == 1);

}  // namespace culvert
