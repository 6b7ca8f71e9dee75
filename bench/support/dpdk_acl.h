// SPDX-License-Identifier: Apache-2.0
// DPDK's access control library as a reference. Built when libdpdk is there (-Dbench_peers); else nothing is ever
// created.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/endian.h"
#include "policy/policy_key.h"
#include "policy/rules.h"

namespace culvert::bench {

/// A rule of IPv4 with one prefix on each side and one service.
struct AclRule {
  Prefix4 source;
  Prefix4 destination;
  ServiceMatch service;
};

/// A key in wire order, as its classifiers read it.
struct AclKey {
  std::uint8_t protocol = 0;
  std::uint8_t unused[3] = {};
  Be32 source;
  Be32 destination;
  Be16 source_port;
  Be16 destination_port;

  static AclKey of(const PolicyKey& key);
};

enum class AclAlgorithm { kAvx2, kAvx512 };

class RteAcl {
 public:
  /// start_dpdk() has succeeded. Nothing when DPDK refuses; the first rule that matches wins.
  static std::unique_ptr<RteAcl> of(const std::vector<AclRule>& rules);
  virtual ~RteAcl() = default;
  /// At most 32 keys: rules[i] is the position of the first rule that matches, and one more; 0: none.
  virtual void classify(std::span<const AclKey> keys, std::span<std::uint32_t> rules) const = 0;
  /// False when there is no such algorithm on this CPU.
  virtual bool choose(AclAlgorithm algorithm) = 0;
};

}  // namespace culvert::bench
