// SPDX-License-Identifier: Apache-2.0
// `culvert doctor`: is this machine fit, and what to type if not. First the facts are gathered, then judged; the
// judgement is plain, so that each sentence can be tried without the machine that deserves it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/culvert/rss.h"

namespace culvert {

/// What of the machine's fitness depends on the configuration; the defaults are the configuration's.
struct DoctorSettings {
  std::string tun = "culvert0";
  std::uint32_t frame_size_bytes = 2048;
  bool shared_by_rss = false;  ///< sessions.shared_by
  std::uint32_t workers = 0;   ///< of the culvertd that runs; 0: none does
};

struct InterfaceFacts {
  std::string name;
  bool is_veth = false;
  std::uint32_t rx_queues = 0, tx_queues = 0;
  std::optional<std::uint32_t> peer_tx_queues;  ///< of a veth's other end, when it can be seen
  std::uint32_t mtu_bytes = 0;
  std::string qdisc;             ///< empty when it could not be read
  std::optional<bool> lro, gro;  ///< ethtool's words
  std::optional<RssFacts> rss;   ///< nothing: it has none
};

struct MachineFacts {
  std::uint32_t kernel_major = 0, kernel_minor = 0;
  int af_xdp_errno = 0;  ///< of socket(AF_XDP)
  bool has_btf = false, has_bpffs = false, is_root = false;
  std::uint64_t huge_pages_free = 0;
  bool has_transparent_huge_pages = false;
  std::optional<std::uint64_t> memlock_bytes;  ///< nothing: unlimited
  std::uint64_t open_files = 0;
  std::optional<std::uint32_t> rp_filter_all, rp_filter_tun;  ///< 0 off, 1 strict, 2 loose; of culvertd's tun
  bool ipv4_forwarding = false, ipv6_forwarding = false;
  DoctorSettings settings;
  std::vector<InterfaceFacts> interfaces;
};

struct Finding {
  enum class Level { kOk, kHint, kWarning, kError };
  Level level = Level::kOk;
  std::string what;
  std::string type;  ///< what to type; may be empty
};

/// Reads /proc, /sys and ethtool of the network namespace that it runs in. `interfaces` empty: all but lo and the tun.
MachineFacts gather_facts(const std::vector<std::string>& interfaces, const DoctorSettings& settings);

std::vector<Finding> judge(const MachineFacts& facts);

/// "ok", "hint", "warning", "error".
std::string level_text(Finding::Level level);

}  // namespace culvert
