// SPDX-License-Identifier: Apache-2.0
// A worker between two networks of each family, with neighbours that are known.
#pragma once

#include "test/support/catch.h"
#include "test/support/packet_builder.h"
#include "test/support/rig.h"

namespace culvert::test {

inline constexpr std::size_t kEthernet = 14;

/// pass() has a packet go through, and nothing lost to sight.
struct Router : Rig {
  explicit Router(const RigConfig& config = {}) : Rig(config) {
    forward("198.18.0.0/24", 0, test_mac(0xa0));
    forward("198.18.1.0/24", 1, test_mac(0xa1));
    forward("2001:db8::/64", 0, test_mac(0xa0));
    forward("2001:db8:1::/64", 1, test_mac(0xa1));
  }

  void pass(const Bytes& packet, InterfaceIndex interface = 0) {
    turn();
    REQUIRE(lane(interface).inject(packet));
    turns(2);
    CHECK(unaccounted_packets() == 0);
    CHECK(unaccounted_frames() == 0);
  }
};

}  // namespace culvert::test
