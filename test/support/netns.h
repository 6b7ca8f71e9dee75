// SPDX-License-Identifier: Apache-2.0
// Network namespaces for tests. They have no name: the kernel removes one when its last descriptor is closed, so
// nothing is left behind however the process ends.
//
//   const NetNamespace net;                       // made, not entered
//   add_veth(net, "lan0", "lan1", {.queues = 2}); // both ends inside, up, silent
//   const InNamespace inside(net);                // this thread sees it from here on
//   RawPort port("lan1");  port.send(packet);
//
// Main programs of such tests link netns_main: it prints "SKIP: reason" and exits 77 where namespaces or AF_XDP are not
// to be had.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"

namespace culvert {

class NetNamespace {
 public:
  /// Throws std::runtime_error.
  NetNamespace();

  const Fd& fd() const noexcept { return fd_; }
  /// A path that other processes can open: for `ip link set X netns PATH`.
  std::string path() const;
  /// Runs a shell command inside and returns what it printed; throws std::runtime_error with that when it fails.
  std::string run(const std::string& command) const;

 private:
  Fd fd_;
};

/// While it lives, the calling thread is in the namespace; then back where it was.
class InNamespace {
 public:
  explicit InNamespace(const NetNamespace& net);
  InNamespace(const InNamespace&) = delete;
  InNamespace& operator=(const InNamespace&) = delete;
  ~InNamespace();

 private:
  Fd before_;
};

struct VethOptions {
  std::uint32_t queues = 1;  ///< rx and tx of both ends
  std::uint32_t mtu = 1500;
  bool silent = true;                  ///< no IPv6 of its own: no router solicitations, no MLD
  const NetNamespace* peer = nullptr;  ///< where the second end goes; none: the same
};

/// A veth pair, both ends up.
void add_veth(const NetNamespace& net, const std::string& name, const std::string& peer_name, VethOptions options = {});

/// The kernel's index of an interface in the calling thread's namespace. Throws when there is none.
std::uint32_t interface_number(const std::string& name);

/// Sends and receives whole Ethernet frames on one interface (AF_PACKET), beside the kernel's stack.
class RawPort {
 public:
  explicit RawPort(const std::string& name);
  /// True when the kernel took it.
  bool send(std::span<const std::byte> packet) noexcept;
  /// The next frame that others sent to this interface; none within the time.
  std::optional<std::vector<std::byte>> receive(int timeout_ms);

 private:
  Fd fd_;
};

/// Why tests with namespaces and AF_XDP cannot run here; empty when they can.
std::string why_no_af_xdp();

}  // namespace culvert
