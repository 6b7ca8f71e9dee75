// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "packet/burst.h"
#include "pipeline/context.h"
#include "umem/pool.h"

namespace culvert {

/// IPv4 packets without DF that are larger than the egress MTU leave as fragments (RFC 791 3.2, RFC 1812 5.2.6). They
/// come ready to send but for their size; their pieces leave through take(), in the order in which they came.
class FragmentStage {
 public:
  FragmentStage(FramePool& pool, std::byte* region) noexcept : pool_(pool), region_(region) {}

  /// Takes a kHold packet with kFlagOversized. There is room for a burst of them, once take() has returned false.
  void keep(const Packet& packet) noexcept { waiting_[count_++] = packet; }

  /// Appends the fragments of as many packets as have room in the burst; a packet that cannot be fragmented comes back
  /// as a drop. False when nothing waits. The original's frame returns to the pool.
  bool take(Burst& burst, const Context& context) noexcept;

  /// Appends waiting packets as drops (worker_stopping); false when none waits.
  bool take_unsent(Burst& burst) noexcept;

  std::uint32_t size() const noexcept { return count_ - first_; }

 private:
  /// The oldest that waits; there is one.
  const Packet& pop() noexcept;
  void cut(const Packet& original, std::uint32_t pieces, std::uint16_t mtu, Burst& burst,
           const Context& context) noexcept;

  std::array<Packet, kBurstSize> waiting_;
  FramePool& pool_;
  std::byte* region_;
  std::uint32_t first_ = 0;  ///< of waiting_, the oldest; first_ and count_ are 0 when nothing waits
  std::uint32_t count_ = 0;
};

}  // namespace culvert
