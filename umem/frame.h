// SPDX-License-Identifier: Apache-2.0
// Frames: the currency of the packet path. The region (UMEM) is cut into frames of equal size; a FrameAddress is a
// frame's byte offset. Every frame has a home worker, by address: worker w of W owns the w-th equal part. At any moment
// each frame has exactly one holder:
//
//   pool -> fill ring (kernel) -> rx ring -> burst -> tx ring (kernel) -> completion ring -> pool
//                                              |-> hand-off ring, punt queue, pending neighbour -> ... -> pool
//
// A worker that frees a stranger's frame keeps it aside and sends it home in batches.
#pragma once

#include <cstdint>
#include <string_view>

#include "packet/packet.h"

namespace culvert {

using WorkerIndex = std::uint16_t;
inline constexpr std::size_t kMaxWorkers = 16;

/// Of one region: 8 GB of small frames. The kernel keeps some 128 bytes for each frame and lane in one piece of at most
/// 2 GB (net/xdp/xsk_buff_pool.c, kvcalloc of `heads`; mm/util.c refuses more), so it would take four times as many.
inline constexpr std::uint32_t kMaxFrames = 1U << 22;

/// Who may hold a frame; the lines of a worker's frame budget.
enum class FrameHolder : std::uint8_t {
  kPool,       ///< free, at home
  kStrangers,  ///< free, waiting to be sent to its home worker
  kReceive,    ///< with lanes for receiving: fill ring, kernel, rx ring
  kTransmit,   ///< with lanes for sending: tx ring, kernel, completion ring
  kPending,    ///< waits for a neighbour
  kPunt,       ///< with the thread that writes to the tun
  kHandoff,    ///< in a hand-off ring, on the way to another worker; no line of a budget: see handed_out, handed_in
  kCount,
};

inline constexpr std::size_t kFrameHolders = static_cast<std::size_t>(FrameHolder::kCount);

/// Bytes that XDP keeps free before a received packet (XDP_PACKET_HEADROOM, linux/bpf.h): data begins here. Packets
/// that we make begin here too, so there is always room to put a header in front.
inline constexpr std::uint32_t kFrameHeadroom = 256;

/// The largest packet, Ethernet header included, that a frame of this size holds (net/xdp/xsk_buff_pool.h,
/// xsk_pool_get_rx_frame_size).
constexpr std::uint32_t frame_room(std::uint32_t frame_size) noexcept {
  return frame_size - kFrameHeadroom;
}

/// The frame that an address lies in; frame sizes are powers of two.
constexpr FrameAddress frame_start(FrameAddress address, std::uint32_t frame_size) noexcept {
  return address & ~(FrameAddress{frame_size} - 1);
}

/// "pool", "strangers", ...: stable names for status and metrics.
std::string_view frame_holder_name(FrameHolder holder) noexcept;

}  // namespace culvert
