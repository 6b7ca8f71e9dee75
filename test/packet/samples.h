// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "test/support/bytes.h"

namespace culvert::test {

/// One packet of each shape that the parser knows; the seeds of mutations and of the fuzz corpus.
std::vector<Bytes> sample_packets();

/// Fills in the IPv4 header checksum, where there is an IPv4 header behind at most two tags: mutated packets then get
/// past it.
void fix_ipv4_checksum(std::span<std::byte> frame);

}  // namespace culvert::test
