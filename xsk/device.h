// SPDX-License-Identifier: Apache-2.0
// What an AF_XDP lane needs to know of its network device, and the sentences that an operator needs when device and
// configuration do not fit. All of it asks the kernel (ioctl SIOCETHTOOL, SIOCGIFMTU) in the caller's network
// namespace.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace culvert {

/// A device's queues as they are now (ETHTOOL_GCHANNELS, else /sys/class/net/NAME/queues).
struct QueueCounts {
  std::uint32_t rx = 1;
  std::uint32_t tx = 1;
  bool combined = false;  ///< the driver counts pairs: `ethtool -L NAME combined N`

  /// Queues that need a lane: each rx queue, or its packets are lost. A lane beyond `tx` only receives.
  std::uint32_t lanes() const noexcept { return rx; }
};

/// An error when there is no such device.
Result<QueueCounts> queue_counts(const std::string& name);

/// What to type so that the device has `wanted` queues: "ethtool -L lan0 combined 2".
std::string queue_command(const std::string& name, const QueueCounts& counts, std::uint32_t wanted);

/// A sentence when queues and workers do not match, and what it means; empty when they do.
std::string queue_mismatch(const std::string& name, const QueueCounts& counts, std::uint32_t workers);

/// The driver's name ("veth", "mlx5_core"), or empty when it does not say.
std::string driver_of(const std::string& name);

/// True for drivers that hand over packets of local stacks, whose L4 checksum holds only the pseudo-header sum: veth,
/// tun and tap, virtio_net, and the bridge's kin.
bool leaves_checksums_partial(const std::string& driver) noexcept;

/// The device's MTU: bytes of IP.
Result<std::uint32_t> mtu_of(const std::string& name);

/// The largest MTU whose packets, with Ethernet header and two VLAN tags, fit into a frame: 1770 for 2048, 3818 for
/// 4096.
std::uint32_t largest_mtu(std::uint32_t frame_size) noexcept;

/// An error with what to type when packets of this MTU do not fit into one frame. Packets in several frames are not
/// supported.
Result<void> check_mtu(const std::string& name, std::uint32_t mtu, std::uint32_t frame_size);

}  // namespace culvert
