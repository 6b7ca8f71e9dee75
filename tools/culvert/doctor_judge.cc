// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>

#include "tools/culvert/doctor.h"

namespace culvert {
namespace {

using Level = Finding::Level;

/// The kernel keeps 256 bytes before a packet (XDP_PACKET_HEADROOM); Ethernet and two VLAN tags are 22 more.
constexpr std::uint32_t kFrameOverheadBytes = 256 + 22;

void judge_kernel(const MachineFacts& facts, std::vector<Finding>& findings) {
  const std::string version = fmt::format("kernel {}.{}", facts.kernel_major, facts.kernel_minor);
  const std::uint32_t number = facts.kernel_major * 1000 + facts.kernel_minor;
  if (number < 5016) {
    // An older one ignores the flag (NDA_FLAGS_EXT) without a word: no neighbour would ever be asked for.
    findings.push_back(
        {Level::kError,
         version + " is too old: Culvert needs 5.16 or later, which keeps neighbours fresh when asked to",
         "apt-get install linux-image-amd64"});
  } else if (number < 6017) {
    findings.push_back(
        {Level::kHint, version + " sends 32 packets a system call in copy mode; 6.17 and later send more", ""});
  } else {
    findings.push_back({Level::kOk, version, ""});
  }
  if (facts.af_xdp_errno == EAFNOSUPPORT) {
    findings.push_back(
        {Level::kError, "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS)", "use a distribution's kernel"});
  } else if (facts.af_xdp_errno != 0) {
    findings.push_back({Level::kWarning,
                        fmt::format("AF_XDP could not be tried: {}", std::strerror(facts.af_xdp_errno)),
                        "sudo culvert doctor"});
  } else {
    findings.push_back({Level::kOk, "AF_XDP sockets", ""});
  }
  if (facts.has_btf) {
    findings.push_back({Level::kOk, "BTF of the kernel", ""});
  } else {
    findings.push_back({Level::kError, "/sys/kernel/btf/vmlinux is missing: the XDP program cannot be loaded",
                        "use a kernel with CONFIG_DEBUG_INFO_BTF"});
  }
  if (!facts.has_bpffs) {
    findings.push_back({Level::kHint, "no bpffs at /sys/fs/bpf: fail: closed cannot outlive culvertd without it",
                        "mount -t bpf bpf /sys/fs/bpf"});
  }
}

void judge_limits(const MachineFacts& facts, std::vector<Finding>& findings) {
  if (facts.huge_pages_free > 0) {
    findings.push_back({Level::kOk, fmt::format("{} free huge pages", facts.huge_pages_free), ""});
  } else if (facts.has_transparent_huge_pages) {
    findings.push_back(
        {Level::kHint, "no huge pages reserved; transparent ones will do", "sysctl vm.nr_hugepages=256"});
  } else {
    findings.push_back({Level::kWarning, "neither reserved nor transparent huge pages: big tables will be slow",
                        "sysctl vm.nr_hugepages=256"});
  }
  if (facts.memlock_bytes && !facts.is_root) {
    findings.push_back({Level::kWarning, fmt::format("locked memory is limited to {} KiB", *facts.memlock_bytes >> 10),
                        "ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit"});
  }
  if (facts.open_files < 1024) {
    findings.push_back(
        {Level::kWarning, fmt::format("only {} open files are allowed", facts.open_files), "ulimit -n 4096"});
  }
}

void judge_kernel_routing(const MachineFacts& facts, std::vector<Finding>& findings) {
  // ip-sysctl: the larger of conf/all and conf/<interface> counts.
  if (facts.rp_filter_tun) {
    const std::uint32_t effective = std::max(facts.rp_filter_all.value_or(0), *facts.rp_filter_tun);
    if (effective == 1) {
      findings.push_back({Level::kError,
                          fmt::format("rp_filter of {} is strict: the kernel drops what is punted", facts.settings.tun),
                          fmt::format("sysctl net.ipv4.conf.{}.rp_filter=2", facts.settings.tun)});
    } else {
      findings.push_back({Level::kOk, fmt::format("rp_filter of {} lets punted packets in", facts.settings.tun), ""});
    }
  }
  if (!facts.ipv4_forwarding) {
    findings.push_back({Level::kHint,
                        "the kernel forwards no IPv4: with fail: open nothing is forwarded while culvertd is down",
                        "sysctl net.ipv4.ip_forward=1"});
  }
  if (!facts.ipv6_forwarding) {
    findings.push_back({Level::kHint,
                        "the kernel forwards no IPv6: with fail: open nothing is forwarded while culvertd is down",
                        "sysctl net.ipv6.conf.all.forwarding=1"});
  }
}

/// Only who shares sessions out by the NICs' hash needs them to agree.
void judge_rss(const DoctorSettings& settings, const InterfaceFacts& interface, std::vector<Finding>& findings) {
  const std::uint32_t workers = settings.workers;
  if (!settings.shared_by_rss || workers < 2) return;
  if (!interface.rss) {
    findings.push_back({Level::kHint,
                        fmt::format("{} has no RSS: sessions.shared_by: rss saves no hand-offs here", interface.name),
                        "shared_by: keyed-hash, unless other interfaces have it"});
    return;
  }
  const std::vector<std::string> advice = rss_advice(interface.name, *interface.rss, workers);
  for (const std::string& command : advice) {
    findings.push_back({Level::kWarning,
                        fmt::format("{}: RSS sends packets to other workers than those of their sessions, which have "
                                    "them handed over",
                                    interface.name),
                        command});
  }
  if (advice.empty()) {
    findings.push_back({Level::kOk, fmt::format("{}: RSS sends packets to their workers", interface.name), ""});
  }
}

void judge_interface(const MachineFacts& facts, const InterfaceFacts& interface, std::vector<Finding>& findings) {
  const std::size_t before = findings.size();
  const std::string& name = interface.name;
  const std::uint32_t largest = facts.settings.frame_size_bytes - kFrameOverheadBytes;
  if (interface.mtu_bytes > largest) {
    findings.push_back({Level::kError,
                        fmt::format("{}: MTU {} does not fit into a frame of {} bytes (at most {})", name,
                                    interface.mtu_bytes, facts.settings.frame_size_bytes, largest),
                        fmt::format("ip link set {} mtu 1500, or frame_size: 4096 in the configuration", name)});
  }
  if (interface.is_veth && interface.peer_tx_queues && *interface.peer_tx_queues > interface.rx_queues) {
    findings.push_back(
        {Level::kError,
         fmt::format("{}: native XDP on veth needs {} receive queues, as many as its peer sends on; it has {}", name,
                     *interface.peer_tx_queues, interface.rx_queues),
         fmt::format("ip link add {} numrxqueues {} ... when it is made", name, *interface.peer_tx_queues)});
  }
  if (interface.is_veth && interface.qdisc == "noqueue") {
    findings.push_back({Level::kHint,
                        fmt::format("{}: qdisc noqueue: what the peer does not take in time is dropped", name),
                        fmt::format("tc qdisc replace dev {} root pfifo", name)});
  }
  if (interface.lro.value_or(false)) {
    findings.push_back({Level::kError, name + ": LRO merges packets; drivers refuse native XDP with it",
                        fmt::format("ethtool -K {} lro off", name)});
  }
  if (!interface.is_veth && interface.gro.value_or(false)) {
    findings.push_back({Level::kHint,
                        name + ": GRO matters only in generic mode, where merged packets do not fit a frame",
                        fmt::format("ethtool -K {} gro off (if its mode is generic)", name)});
  }
  judge_rss(facts.settings, interface, findings);
  if (findings.size() == before) {
    findings.push_back({Level::kOk,
                        fmt::format("{}: MTU {}, {} receive and {} send queues", name, interface.mtu_bytes,
                                    interface.rx_queues, interface.tx_queues),
                        ""});
  }
}

}  // namespace

std::string level_text(Level level) {
  switch (level) {
    case Level::kOk:
      return "ok";
    case Level::kHint:
      return "hint";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      break;
  }
  return "error";
}

std::vector<Finding> judge(const MachineFacts& facts) {
  std::vector<Finding> findings;
  judge_kernel(facts, findings);
  judge_limits(facts, findings);
  judge_kernel_routing(facts, findings);
  for (const InterfaceFacts& interface : facts.interfaces) judge_interface(facts, interface, findings);
  return findings;
}

}  // namespace culvert
