// SPDX-License-Identifier: Apache-2.0
// Packets for the kernel. A worker may not make a system call for each of them, so it queues them for the punter
// thread, which writes them to the tun and returns the frames. Full: the newest is dropped (punt_full).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/spsc.h"
#include "packet/packet.h"

namespace culvert {

struct PuntItem {
  const std::byte* packet = nullptr;  ///< the IP header
  FrameAddress frame = 0;
  std::uint16_t length = 0;               ///< bytes of IP
  InterfaceIndex ingress = kNoInterface;  ///< none: we made it
};

/// What the punter gives back: the frame, and whether the kernel took the packet.
struct PuntReturn {
  FrameAddress frame = 0;
  InterfaceIndex ingress = kNoInterface;
  bool delivered = false;
};

inline constexpr std::size_t kPuntQueueCapacity = 1024;

struct PuntQueue {
  SpscRing<PuntItem, kPuntQueueCapacity> items;      ///< worker -> punter
  SpscRing<PuntReturn, kPuntQueueCapacity> returns;  ///< punter -> worker; as large, so it never overflows
};

}  // namespace culvert
