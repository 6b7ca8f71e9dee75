// SPDX-License-Identifier: Apache-2.0
// Asking the kernel for neighbours, and keeping those in use fresh: RTM_NEWNEIGH with NTF_EXT_MANAGED (Linux 5.16,
// net/core/neighbour.c neigh_managed_work) makes the kernel ask and go on asking; where it is refused, NTF_USE asks
// once and is repeated. Remembered are
//   - gateways of routes: as long as a route leads there;
//   - on-link hosts that a packet wanted: until nobody wanted them again for kIdleNs (then the kernel's ordinary
//     ageing takes over: the entry stays usable until it is removed), or until newer ones push them out. What never
//     answered goes first, so that a scan of an on-link prefix does not push out what works.
// Who did not answer is not asked again for 2, 4, ... 60 s. Permanent entries are left alone: NTF_EXT_MANAGED would
// take their permanence (__neigh_update).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "base/cell.h"
#include "base/time.h"
#include "control/netlink/neighbor_model.h"
#include "control/netlink/netlink_socket.h"

namespace culvert {

enum class WantResult : std::uint8_t {
  kUsable,   ///< frames can be sent already
  kAsked,    ///< the kernel is asking; the answer comes as a neighbour change
  kRefused,  ///< it did not answer lately: let the packets go
  kFull,     ///< too many are wanted at once, or the kernel's table is full
};

/// Half of what the kernel lets a neighbour table grow to (gc_thresh3, the smaller of both families'), at least 1: the
/// rest is for the host's own needs. The setting is shown in the first network namespace only, though it holds for all
/// together; where it is not shown its default of 1024 is taken. `proc`: where procfs is mounted.
std::size_t kernel_neighbor_room(const std::string& proc = "/proc");

class NeighborRequests {
 public:
  static constexpr std::uint64_t kIdleNs = 600 * kNanosecondsPerSecond;

  /// At most `limit` remembered, and at most half of the kernel's gc_thresh3. Throws SetupError.
  NeighborRequests(const NeighborModel& neighbors, std::size_t limit);

  WantResult want(const NeighborKey& key, Now now);
  /// A route's gateway came or went. It is asked for at the next tick.
  void gateway(const NeighborKey& key, bool needed);
  void neighbor_changed(const NeighborChange& change, Now now);
  /// A link went: so did the kernel's entries.
  void link_gone(std::uint32_t ifindex);
  /// Asks for gateways and refreshes; looks at no more than kPerTick entries.
  void tick(Now now);

  /// Used: remembered entries. Failures: wants that found no room.
  const Gauge& gauge() const noexcept { return gauge_; }
  void clear_peak() noexcept { gauge_.clear_peak(); }
  std::uint64_t asked() const noexcept { return asked_; }
  std::uint64_t refused() const noexcept { return refused_; }
  /// The kernel knows NTF_EXT_MANAGED.
  bool managed() const noexcept { return managed_supported_; }

 private:
  static constexpr std::size_t kPerTick = 256;
  static constexpr std::uint64_t kAskAgainNs = kNanosecondsPerSecond;
  static constexpr std::uint64_t kRefreshNs = 20 * kNanosecondsPerSecond;

  struct Request {
    Now wanted = 0;
    Now asked = 0;
    Now retry_after = 0;
    std::uint8_t failures = 0;
    bool gateway = false;
    bool answered = false;
  };
  using Requests = std::map<NeighborKey, Request>;
  using Age = std::tuple<bool, Now, NeighborKey>;  ///< answered, wanted: the first goes first

  Requests::iterator remember(const NeighborKey& key, Now now);
  void touch(Requests::iterator it, Now wanted, bool answered);
  Requests::iterator forget(Requests::iterator it);
  bool ask(Requests::iterator it, Now now);
  void look_after(Requests::iterator& it, Now now);
  bool is_static(const NeighborKey& key) const;
  int send(const NeighborKey& key, bool remove, bool managed);
  void back_off(Request& request, Now now);

  const NeighborModel& neighbors_;
  NetlinkSocket socket_;
  std::size_t limit_;
  bool managed_supported_ = true;
  Requests requests_;
  std::set<Age> by_age_;       ///< without gateways
  std::set<NeighborKey> due_;  ///< gateways to ask for
  NeighborKey cursor_;
  Gauge gauge_;
  std::uint64_t asked_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace culvert
