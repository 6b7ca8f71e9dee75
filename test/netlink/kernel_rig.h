// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <poll.h>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/mapping.h"
#include "control/netlink/kernel_mirror.h"
#include "control/netlink/table_sink.h"
#include "test/netlink/mirror_fixture.h"
#include "test/support/netns.h"

namespace culvert::test {

/// The real tables, as culvertd has them but smaller.
struct Tables {
  static constexpr Lpm4Limits kLimits4{1'200'000, 8192};
  static constexpr Lpm6Limits kLimits6{50'000, 100'000};

  Mapping memory4 = Mapping::anonymous(Lpm4::memory_size(kLimits4), HugePages::kTry, "ipv4 routes");
  Mapping memory6 = Mapping::anonymous(Lpm6::memory_size(kLimits6), HugePages::kTry, "ipv6 routes");
  Lpm4 ipv4{memory4.bytes(), kLimits4};
  Lpm6 ipv6{memory6.bytes(), kLimits6};
  Lpm4Writer writer4{ipv4, kLimits4};
  Lpm6Writer writer6{ipv6, kLimits6};
  std::vector<NextHopTable::Entry> entries = std::vector<NextHopTable::Entry>(4096);
  std::vector<NextHopTable::Group> groups = std::vector<NextHopTable::Group>(256);
  NextHopTable next_hops{entries, groups};
  NextHopAllocator allocator{next_hops};
  TableSink sink{writer4, writer6, allocator, next_hops};

  NextHopIndex lookup(const IpAddress& address) const {
    return address.is_ipv4() ? ipv4.lookup(address.ipv4()) : ipv6.lookup(address.ipv6());
  }
};

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
  /// Sends a built message as a request; errno of the kernel's answer.
  int change(Message& message);

 private:
  int exchange(nlmsghdr& request, RouteMessage* answer);
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
