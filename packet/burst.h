// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "packet/packet.h"

namespace culvert {

inline constexpr std::uint32_t kBurstSize = 64;

/// Up to 64 packets that walk the pipeline together. Lanes append, stages visit, egress takes: a turn ends with it
/// empty. Never copied; a worker has one or two.
class Burst {
 public:
  Burst() noexcept = default;
  Burst(const Burst&) = delete;
  Burst& operator=(const Burst&) = delete;

  std::uint32_t size() const noexcept { return count_; }
  std::uint32_t space() const noexcept { return kBurstSize - count_; }
  bool empty() const noexcept { return count_ == 0; }

  /// A fresh packet at the end; there must be space.
  Packet& append() noexcept {
    CULVERT_ASSERT(count_ < kBurstSize);
    Packet& packet = packets_[count_++];
    packet = Packet{};
    return packet;
  }

  Packet& operator[](std::uint32_t index) noexcept { return packets_[index]; }
  std::span<Packet> packets() noexcept { return {packets_.data(), count_}; }
  Packet* begin() noexcept { return packets_.data(); }
  Packet* end() noexcept { return packets_.data() + count_; }

  /// Takes back the last `count` appended packets; their frames stay the caller's.
  void shrink(std::uint32_t count) noexcept { count_ -= count; }

  /// Forgets the packets; whoever calls has given every frame to its next holder.
  void clear() noexcept { count_ = 0; }

 private:
  std::array<Packet, kBurstSize> packets_;
  std::uint32_t count_ = 0;
};

}  // namespace culvert
