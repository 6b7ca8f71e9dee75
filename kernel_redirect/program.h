// SPDX-License-Identifier: Apache-2.0
// kernel_redirect: how packets come from the kernel to Culvert, and back.
//
// On each interface of the configuration sits one tiny XDP program (redirect.bpf.c). For each packet it decides, in
// this order (docs/xdp.md has the reasons):
//
//   not IP, other VLAN, multicast, broadcast, link-local        -> the kernel
//   source in the deny list                                     -> dropped
//   to an address of ours and a failsafe port                   -> the kernel
//   to an address of ours that nothing claims                   -> the kernel
//   to the Ethernet address of another station                  -> by fail mode, as below
//   every worker has beaten within 500 ms, socket on this queue -> Culvert
//   else, by fail mode                                          -> open: the kernel, closed: dropped
//
//   RedirectState     what all interfaces share: heartbeat, fail mode, our addresses, deny list, failsafe ports
//   RedirectProgram   one interface: the program, its attachment, its sockets by rx queue, its counters
//   PuntDevice        the way back: what Culvert gives to the kernel after all goes through a tun (punt.h)
//   detach_everything `culvert detach`: ends what fail: closed left in place (pins.h)
//
// Example: lan0 has 192.0.2.1/24, NAT claims it. 192.0.2.7 -> 203.0.113.9 tcp/443 is redirected; 192.0.2.7 -> 192.0.2.1
// tcp/22 passes (failsafe); 192.0.2.7 -> 192.0.2.1 udp/53 is redirected, and Culvert punts it to the host's resolver.
// Then culvertd is killed: with fail: open the program goes with it. With fail: closed it stays, and of the three only
// the second still gets through.
//
// Refused: a socket for queue 64 or beyond, more than 16 workers; an interface that has another XDP program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "kernel_redirect/attach.h"
#include "kernel_redirect/redirect_action.h"
#include "kernel_redirect/state.h"
#include "packet/address.h"

namespace culvert {

struct RedirectOptions {
  std::string interface;
  AttachWish mode = AttachWish::kAuto;
  bool multi_buffer = false;         ///< packets of several buffers (XDP_USE_SG sockets): for an MTU larger than a page
  std::vector<MacAddress> stations;  ///< as for set_stations
  bool outlive_process = false;      ///< fail: closed: link and maps are pinned
  int left_link = -1;  ///< the link of a culvertd that leaves this interface to us; kept open by the caller
  AttachMode left_mode = AttachMode::kNative;  ///< and how it is attached
  bool patient = true;          ///< a program of a culvertd that nobody holds any more is given a second to go
  std::filesystem::path bpffs;  ///< where to pin; empty: where bpffs_root() finds or mounts one
};

/// The program on one interface. Attached when constructed; with outlive_process false detached when destroyed, also by
/// kill -9. Control is the only caller.
class RedirectProgram {
 public:
  /// Loads and attaches, in the network namespace of the calling thread. A link that an earlier culvertd left pinned is
  /// taken over: the old program judges packets until the new one does, with nothing between. `state` must outlive
  /// this. Throws SetupError.
  /// With a left_link it is loaded only, and judges no packet before take_over().
  RedirectProgram(const RedirectState& state, const RedirectOptions& options);
  RedirectProgram(const RedirectProgram&) = delete;
  RedirectProgram& operator=(const RedirectProgram&) = delete;
  ~RedirectProgram();

  /// From now on this program judges packets instead of the one of the link that was left, with nothing between. Throws
  /// SetupError.
  void take_over();
  /// What a successor needs of it: the link, and how it is attached.
  int link_fd() const noexcept { return attachment_.link.get(); }

  const std::string& interface() const noexcept { return options_.interface; }
  int ifindex() const noexcept { return ifindex_; }
  const AttachReport& report() const noexcept { return attachment_.report; }

  /// False when the interface was deleted (the kernel then detaches); one of the same name needs a new RedirectProgram.
  bool attached() const;

  /// From now on packets of that rx queue go to this AF_XDP socket, which must be bound to this interface and queue
  /// (or packets are lost, counted by the kernel only). Queue 0..63. The kernel forgets a socket that is closed.
  Result<void> set_socket(std::uint32_t queue, int xsk_fd);
  /// No error when there was none.
  Result<void> clear_socket(std::uint32_t queue);

  /// Packets to these Ethernet addresses are ours: the interface's own and whatever else it answers to; at most 16, no
  /// group addresses. Those to others are left to the kernel or dropped, by fail mode.
  Result<void> set_stations(std::span<const MacAddress> stations);

  /// Packets tagged with that VLAN (1..4094) are judged by their inner header, instead of left to the kernel.
  Result<void> claim_vlan(std::uint16_t id, bool claimed);

  /// An error when the kernel could not be asked; unknown is not zero.
  Result<RedirectCounters> counters() const;

  /// Changes outlive_process of a running program: fail mode changed by a reload.
  Result<void> outlive_process(bool outlive);
  /// Where link and maps are pinned; empty when they are not.
  const std::filesystem::path& pinned_at() const noexcept { return pinned_at_; }

  /// For BPF_PROG_TEST_RUN.
  int program_fd() const noexcept { return program_.get(); }

 private:
  void load(const RedirectState& state);
  bool take_over(const std::filesystem::path& folder);
  Result<void> pin(const std::filesystem::path& folder);

  RedirectOptions options_;
  int ifindex_ = 0;
  Fd program_;
  std::map<std::string, Fd> maps_;  ///< all of them, by their names in redirect.bpf.c
  Attachment attachment_;
  std::filesystem::path pinned_at_;
};

}  // namespace culvert
