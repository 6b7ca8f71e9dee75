// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <poll.h>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "control/netlink/kernel_mirror.h"
#include "test/netlink/mirror_fixture.h"
#include "test/netlink/tables.h"
#include "test/support/netns.h"

namespace culvert::test {

/// Namespaces router (lan0, wan0, mgmt0; the first two are Culvert's) and host (lan1, wan1, mgmt1).
class KernelRig {
 public:
  explicit KernelRig(bool silent = false);

  std::string run(const std::string& command) const { return router.run(command); }
  /// A command that may fail.
  void attempt(const std::string& command) const { router.run("(" + command + ") || true"); }
  std::unique_ptr<KernelMirror> mirror(RouteSink& sink, std::size_t receive_buffer = 8 << 20);

  NetNamespace router;
  NetNamespace host;
  Listener listener;
};

/// Lets the mirror read until nothing came for `quiet_ms` and it is in step.
void settle(KernelMirror& mirror, int quiet_ms = 20);
/// Polls and reads until `done()` or the time is over; says whether it was done.
template <typename Done>
bool wait_for(KernelMirror& mirror, int timeout_ms, Done done) {
  const Now end = monotonic_ns() + static_cast<Now>(timeout_ms) * kNanosecondsPerMillisecond;
  while (!done()) {
    if (monotonic_ns() > end) return false;
    pollfd waiting{mirror.descriptor(), POLLIN, 0};
    ::poll(&waiting, 1, 1);
    while (mirror.handle_readable()) {
    }
    mirror.tick();
  }
  return true;
}

/// Asks the kernel of the calling thread's namespace where a packet would go ("ip route get"), and changes its routes.
class KernelRoutes {
 public:
  /// "local", "unreachable", "blackhole", "prohibit", "dev 3 via 192.0.2.9", "dev 3 via -".
  std::string get(const IpAddress& address);
  /// The same of every next hop of the route that it takes, but for those that the kernel holds as dead.
  std::set<std::string> live(const IpAddress& address);
  /// Sends a built message as a request; errno of the kernel's answer.
  int change(Message& message);

 private:
  struct Answer {
    RouteMessage route;
    std::vector<unsigned> hop_flags;  ///< RTNH_F_* of each path of a multipath route
  };
  int ask(const IpAddress& address, unsigned flags, Answer& answer);
  int exchange(nlmsghdr& request, Answer* answer);
  NetlinkSocket socket_{1 << 20};
};

/// Where our tables would send it, in the words of KernelRoutes; several for a multipath route.
std::set<std::string> answers(const KernelMirror& mirror, const Tables& tables, const IpAddress& address);

/// Checks that the kernel and our tables send packets to these addresses the same way.
void compare(const KernelRig& rig, const KernelMirror& mirror, const Tables& tables,
             const std::vector<IpAddress>& addresses);
/// Twice `count` addresses, most of them inside the prefixes that the tests use.
std::vector<IpAddress> some_addresses(std::mt19937& random, std::size_t count);

}  // namespace culvert::test
