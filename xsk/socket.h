// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <linux/if_xdp.h>
#include <string>

#include "base/fd.h"
#include "umem/budget.h"
#include "umem/region_view.h"
#include "xsk/rings.h"

namespace culvert {

/// One ring's pages, shared with the kernel; unmapped when destroyed. The mapping keeps the socket alive: close() of
/// the descriptor alone frees nothing.
class RingMapping {
 public:
  RingMapping() noexcept = default;
  /// Throws SetupError. `page_offset`: one of XDP_PGOFF_*.
  RingMapping(const Fd& socket, std::uint64_t page_offset, std::size_t size, const std::string& lane);
  RingMapping(RingMapping&& other) noexcept;
  RingMapping& operator=(RingMapping&& other) noexcept;
  RingMapping(const RingMapping&) = delete;
  RingMapping& operator=(const RingMapping&) = delete;
  ~RingMapping() { reset(); }

  std::byte* data() const noexcept { return data_; }
  void reset() noexcept;

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// An AF_XDP socket with the region registered and its four rings mapped; not bound yet, unless it came bound.
class XskSocket {
 public:
  /// `lane` is for messages: "lan0 queue 0". Throws SetupError.
  XskSocket(RegionView region, const RingSizes& sizes, const std::string& lane);
  /// One that another process made and bound, with rings of these sizes: they go on where it left them. Throws
  /// SetupError.
  XskSocket(Fd bound, const RingSizes& sizes, const std::string& lane);

  const Fd& fd() const noexcept { return fd_; }
  /// Unmaps the rings and closes the descriptor, so that the kernel lets go of queue and frames. The rings must not be
  /// touched afterwards.
  void close() noexcept;

  ProducerRing<std::uint64_t> fill;
  ConsumerRing<xdp_desc> rx;
  ProducerRing<xdp_desc> tx;
  ConsumerRing<std::uint64_t> completion;

 private:
  void map_rings(const RingSizes& sizes, const std::string& lane);

  Fd fd_;
  RingMapping fill_pages_, rx_pages_, tx_pages_, completion_pages_;
};

/// What was got of the options that make sending cheap, and whether busy polling can work.
struct SocketOptions {
  std::uint32_t send_buffer_bytes = 0;  ///< SO_SNDBUF in force: bounds packets in flight in copy mode
  std::uint32_t packets_per_send = 32;  ///< that one system call sends at most (XDP_MAX_TX_SKB_BUDGET, Linux 6.17)
  std::string note;                     ///< what was not got and why it matters; empty when all was
};

/// Raises SO_SNDBUF (with CAP_NET_ADMIN beyond wmem_max) so that a full tx ring of 1500-byte packets fits, and the
/// number of packets a system call sends to the ring's size. Failing to is no error.
SocketOptions raise_send_limits(const Fd& socket, std::uint32_t tx_ring);

/// Whether another process that has the socket can map its rings: a kernel before Linux 6.4 refuses once it is bound.
bool can_be_mapped_again(const Fd& socket) noexcept;

/// The NAPI instance behind a bound socket, 0 when the driver names none: then busy polling does nothing (veth).
std::uint32_t napi_id_of(const Fd& socket) noexcept;

}  // namespace culvert
