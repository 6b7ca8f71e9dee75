// SPDX-License-Identifier: Apache-2.0
#include "xsk/device.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <system_error>

#include "base/fd.h"
#include "umem/frame.h"
#include "umem/region_view.h"

namespace culvert {
namespace {

constexpr std::uint32_t kEthernetHeader = 14;
constexpr std::uint32_t kTwoVlanTags = 8;

/// One ioctl about one device; errno on failure.
bool ask(const std::string& name, unsigned long request, ifreq& answer) {
  if (name.size() >= IFNAMSIZ) {
    errno = ENODEV;
    return false;
  }
  name.copy(answer.ifr_name, IFNAMSIZ - 1);
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return socket.valid() && ::ioctl(socket.get(), request, &answer) == 0;
}

template <typename Command>
bool ask_ethtool(const std::string& name, Command& command) {
  ifreq request{};
  request.ifr_data = static_cast<char*>(static_cast<void*>(&command));
  return ask(name, SIOCETHTOOL, request);
}

/// Counts rx-* and tx-* of sysfs; it shows the namespace that /sys was mounted in.
Result<QueueCounts> counts_of_sysfs(const std::string& name) {
  QueueCounts counts{0, 0, false};
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class/net/" + name + "/queues", error)) {
    const std::string queue = entry.path().filename().string();
    counts.rx += queue.starts_with("rx-") ? 1U : 0U;
    counts.tx += queue.starts_with("tx-") ? 1U : 0U;
  }
  if (error || counts.rx == 0 || counts.tx == 0) return QueueCounts{};
  return counts;
}

}  // namespace

Result<QueueCounts> queue_counts(const std::string& name) {
  ifreq index{};
  if (!ask(name, SIOCGIFINDEX, index)) {
    return errno_error("looking for the interface " + name, "`ip link` lists them; check the namespace too");
  }
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (!ask_ethtool(name, channels)) return counts_of_sysfs(name);
  const QueueCounts counts{channels.rx_count + channels.combined_count, channels.tx_count + channels.combined_count,
                           channels.max_combined > 0};
  return QueueCounts{std::max(counts.rx, 1U), std::max(counts.tx, 1U), counts.combined};
}

std::string queue_command(const std::string& name, const QueueCounts& counts, std::uint32_t wanted) {
  const std::string number = std::to_string(wanted);
  return "ethtool -L " + name + (counts.combined ? " combined " + number : " rx " + number + " tx " + number);
}

std::string queue_mismatch(const std::string& name, const QueueCounts& counts, std::uint32_t workers) {
  const std::string rx = std::to_string(counts.rx);
  if (counts.rx != counts.tx) {
    return name + " has " + rx + " rx and " + std::to_string(counts.tx) +
           " tx queues: packets of queues without the other direction are handed to another worker; type: " +
           queue_command(name, counts, std::max(counts.rx, counts.tx));
  }
  const std::string queues = rx + (counts.rx == 1 ? " queue" : " queues");
  if (counts.rx < workers) {
    return name + " has " + queues + " for " + std::to_string(workers) +
           " workers: those without a queue get its packets by hand-off; type: " + queue_command(name, counts, workers);
  }
  if (counts.rx % workers != 0) {
    return name + " has " + queues + " for " + std::to_string(workers) +
           " workers: some serve one more than others; type: " + queue_command(name, counts, workers);
  }
  return {};
}

std::string driver_of(const std::string& name) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  if (!ask_ethtool(name, info)) return {};
  return {info.driver, ::strnlen(info.driver, sizeof(info.driver))};
}

bool leaves_checksums_partial(const std::string& driver) noexcept {
  constexpr std::array<std::string_view, 6> kDrivers{"veth", "tun", "virtio_net", "bridge", "vif", "netkit"};
  return std::find(kDrivers.begin(), kDrivers.end(), driver) != kDrivers.end();
}

Result<std::uint32_t> mtu_of(const std::string& name) {
  ifreq answer{};
  if (!ask(name, SIOCGIFMTU, answer)) return errno_error("asking for the MTU of " + name);
  return static_cast<std::uint32_t>(answer.ifr_mtu);
}

std::uint32_t largest_mtu(std::uint32_t frame_size) noexcept {
  return frame_room(frame_size) - kEthernetHeader - kTwoVlanTags;
}

Result<void> check_mtu(const std::string& name, std::uint32_t mtu, std::uint32_t frame_size) {
  const std::uint32_t largest = largest_mtu(frame_size);
  if (mtu <= largest) return {};
  const std::string lower = "ip link set " + name + " mtu " + std::to_string(std::min(largest, 1500U));
  const bool larger_frames_help = frame_size < kLargeFrame && mtu <= largest_mtu(kLargeFrame);
  return Error{name + " has MTU " + std::to_string(mtu) + ", but a frame of " + std::to_string(frame_size) +
                   " bytes holds an MTU of " + std::to_string(largest) + " at most",
               0, larger_frames_help ? "set system.frame_size: 4096, or type: " + lower : "type: " + lower};
}

}  // namespace culvert
