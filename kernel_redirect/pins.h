// SPDX-License-Identifier: Apache-2.0
// What outlives culvertd under fail: closed: below a BPF file system (bpffs), one folder for each interface,
//
//   /sys/fs/bpf/culvert/4026531840-5/link        the attachment; without it the kernel would take the packets over
//                       |          | sockets, counters, settings, ...   its maps, to look at with `bpftool map dump`
//                       |          interface index
//                       inode of the network namespace (ls -L -i /proc/self/ns/net)
//
// The next culvertd takes the link over; detach_everything() (`culvert detach`) ends it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "kernel_redirect/holder.h"

namespace culvert {

enum class BpffsMount { kFindOnly, kMount };

/// Where a BPF file system is mounted: /sys/fs/bpf, else /run/culvert/bpf. kMount: when neither is, mounts one there,
/// in that order. Pins die with the last mount of their file system, so a process in a mount namespace of its own (as
/// `ip netns exec` makes) uses the one of process 1, through /proc/1/root. An error says what to type.
Result<std::string> bpffs_root(BpffsMount mount);

/// The folder of an interface of this thread's network namespace.
std::filesystem::path pin_folder(const std::filesystem::path& bpffs, int ifindex);

/// Pins link and maps there, in place of what was there; a link that is already pinned there stays. On an error nothing
/// new is left.
Result<void> pin_all(const std::filesystem::path& folder, int link_fd, const std::map<std::string, int>& maps);

/// Removes a folder of pins; fine when there is none.
Result<void> remove_pins(const std::filesystem::path& folder);

/// A link that somebody pinned.
struct PinnedLink {
  std::filesystem::path folder;
  std::uint64_t network_namespace = 0;
  int ifindex = 0;
  std::string interface;                 ///< its name; empty when it is gone or in another namespace
  bool attached = false;                 ///< false: the interface is gone, the pin is stale
  std::optional<HolderProcess> process;  ///< who else has the link open: a culvertd that is alive
};

/// Every folder below <bpffs>/culvert.
std::vector<PinnedLink> pinned_links(const std::filesystem::path& bpffs);

struct DetachReport {
  std::vector<std::string> done;     ///< sentences: "lan0: detached"
  std::vector<std::string> refused;  ///< sentences: "lan0: culvertd (pid 12) is running; stop it first"
};

/// Ends the pinned links of this network namespace that no process holds and whose interface is none of `kept`. For the
/// start of a culvertd: nobody beats for what an earlier configuration, or an interface's earlier name, left, so it
/// would drop that interface's packets for ever. `refused` says what could not be removed. `bpffs` as below.
DetachReport detach_others(const std::vector<std::string>& kept, std::filesystem::path bpffs = {});

/// Ends every pinned link of this network namespace, stale ones of any namespace, and the policy rules of a punt tun
/// that is gone. What a living culvertd holds is refused. `bpffs` empty: where bpffs_root() finds it.
Result<DetachReport> detach_everything(std::filesystem::path bpffs = {});

}  // namespace culvert
