// SPDX-License-Identifier: Apache-2.0
// How a lane is tied to its queue. The ladder, best first, with what each costs for a packet received:
//
//   native/zero-copy   the driver writes into our frames                     some 45 ns on a fast NIC
//   native/copy        XDP runs in the driver, the kernel copies once        230 ns, on the sender's core for veth
//   generic            XDP runs after the kernel has made an skb of it       slowest; GRO'd 65 kB packets arrive
//
// Native or generic is decided where the XDP program is attached (kernel_redirect/); here zero-copy or copy. Every step
// down has a sentence. need_wakeup is always asked for: without it a driver would spin, and with it nothing is lost.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace culvert {

/// What the configuration asks for (interfaces.NAME.mode).
enum class WantedMode : std::uint8_t { kAuto, kZeroCopy, kCopy, kGeneric };
/// What was got.
enum class LaneMode : std::uint8_t { kZeroCopy, kCopy, kGeneric };

/// "auto", "zero-copy", "copy", "generic".
std::string_view wanted_mode_text(WantedMode mode) noexcept;
/// "native/zero-copy", "native/copy", "generic".
std::string_view lane_mode_text(LaneMode mode) noexcept;

struct BindTarget {
  std::string name;  ///< the interface's, for messages
  std::uint32_t ifindex = 0;
  std::uint32_t queue = 0;
  WantedMode wanted = WantedMode::kAuto;
  bool generic_attach = false;  ///< the XDP program runs in generic mode
  bool patient = true;          ///< a queue that another socket has is waited for, a second

  /// "lan0 queue 3".
  std::string text() const { return name + " queue " + std::to_string(queue); }
};

struct BindOutcome {
  LaneMode mode = LaneMode::kCopy;
  std::string why_not_better;  ///< empty when it is the best there is, or what was asked for
};

/// Binds the socket, zero-copy first unless `wanted` says otherwise. A queue that is busy (a socket that was closed a
/// moment ago is torn down some 20 ms later, in a kernel thread) is tried again for up to a second. Throws SetupError.
BindOutcome bind_socket(const Fd& socket, const BindTarget& target);

}  // namespace culvert
