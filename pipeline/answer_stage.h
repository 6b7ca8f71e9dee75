// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "packet/packet.h"
#include "pipeline/context.h"
#include "pipeline/token_bucket.h"
#include "umem/pool.h"

namespace culvert {

/// Turns a dropped packet into the ICMP error that tells its sender why, in the packet's own frame: time exceeded, net,
/// host or administratively unreachable, packet too big. A TCP segment that the policy rejects becomes a reset instead.
/// All together are rate-limited (RFC 1812 4.3.2.8, RFC 4443 2.4 f); what may not be answered (RFC 1122 3.2.2, RFC 4443
/// 2.4 e) is not.
class AnswerStage {
 public:
  AnswerStage(std::byte* region, std::uint32_t frame_size) noexcept : region_(region), frame_size_(frame_size) {}

  /// True when `packet` now is the answer, routed but for its verdict: counted as a drop of the old and a generated new
  /// packet. False: the packet is unchanged and is to be dropped.
  bool answer(Packet& packet, const Context& context) noexcept;

 private:
  bool reset(Packet& packet, const Context& context) noexcept;
  static void count(InterfaceIndex ingress, DropReason reason, const Context& context) noexcept;

  std::byte* region_;
  std::uint32_t frame_size_;
  TokenBucket bucket_;
};

}  // namespace culvert
