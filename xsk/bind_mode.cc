// SPDX-License-Identifier: Apache-2.0
#include "xsk/bind_mode.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <linux/if_xdp.h>
#include <sys/socket.h>

#include "base/result.h"
#include "base/time.h"

namespace culvert {
namespace {

constexpr std::uint64_t kBusyPatienceNs = kNanosecondsPerSecond;
constexpr long kBusyPauseNs = 5'000'000;

void pause_a_moment() {
  const timespec pause{0, kBusyPauseNs};
  ::nanosleep(&pause, nullptr);
}

/// bind(2) with patience; 0 or the errno.
int try_bind(const Fd& socket, const BindTarget& target, std::uint16_t mode_flag) {
  sockaddr_xdp address{};
  address.sxdp_family = AF_XDP;
  address.sxdp_flags = static_cast<std::uint16_t>(mode_flag | XDP_USE_NEED_WAKEUP);
  address.sxdp_ifindex = target.ifindex;
  address.sxdp_queue_id = target.queue;
  const Now give_up = target.patient ? monotonic_ns() + kBusyPatienceNs : 0;
  for (;;) {
    const void* any = &address;
    if (::bind(socket.get(), static_cast<const sockaddr*>(any), sizeof(address)) == 0) return 0;
    if (errno != EBUSY || monotonic_ns() >= give_up) return errno;
    pause_a_moment();
  }
}

[[noreturn]] void throw_refusal(const BindTarget& target, int code) {
  std::string hint = "run `culvert doctor`; dmesg may say more";
  if (code == EBUSY) {
    hint = "another AF_XDP socket has this queue: find its process with `ss --xdp -p` and stop it";
  } else if (code == ENODEV) {
    hint = "the interface is gone: check `ip link`";
  } else if (code == EINVAL) {
    hint = "the queue does not exist: check `ethtool -l " + target.name + "`";
  } else if (code == ENETDOWN) {
    hint = "type: ip link set " + target.name + " up";
  }
  throw SetupError(Error{"binding an AF_XDP socket to " + target.text(), code, hint});
}

std::string why_no_zero_copy(const BindTarget& target, int code) {
  const std::string reason = code == EOPNOTSUPP ? "zero-copy not supported by this driver"
                                                : std::string("zero-copy refused (") + std::strerror(code) + ")";
  return target.text() + ": " + reason + "; using copy (set mode: copy to silence)";
}

bool zero_copy_reported(const Fd& socket) {
  xdp_options options{};
  socklen_t size = sizeof(options);
  return ::getsockopt(socket.get(), SOL_XDP, XDP_OPTIONS, &options, &size) == 0 &&
         (options.flags & XDP_OPTIONS_ZEROCOPY) != 0;
}

}  // namespace

std::string_view wanted_mode_text(WantedMode mode) noexcept {
  switch (mode) {
    case WantedMode::kAuto:
      return "auto";
    case WantedMode::kZeroCopy:
      return "zero-copy";
    case WantedMode::kCopy:
      return "copy";
    case WantedMode::kGeneric:
      return "generic";
  }
  return "auto";
}

std::string_view lane_mode_text(LaneMode mode) noexcept {
  switch (mode) {
    case LaneMode::kZeroCopy:
      return "native/zero-copy";
    case LaneMode::kCopy:
      return "native/copy";
    case LaneMode::kGeneric:
      return "generic";
  }
  return "generic";
}

BindOutcome bind_socket(const Fd& socket, const BindTarget& target) {
  BindOutcome outcome;
  const bool generic = target.generic_attach || target.wanted == WantedMode::kGeneric;
  if (!generic && target.wanted != WantedMode::kCopy) {
    const int code = try_bind(socket, target, XDP_ZEROCOPY);
    if (code == 0) {
      outcome.mode = zero_copy_reported(socket) ? LaneMode::kZeroCopy : LaneMode::kCopy;
      return outcome;
    }
    // A queue that is taken, or a device that is gone, is so in copy mode too.
    if (code == EBUSY || code == ENODEV) throw_refusal(target, code);
    outcome.why_not_better = why_no_zero_copy(target, code);
  }
  const int code = try_bind(socket, target, XDP_COPY);
  if (code != 0) throw_refusal(target, code);
  outcome.mode = generic ? LaneMode::kGeneric : LaneMode::kCopy;
  if (generic && target.wanted != WantedMode::kGeneric) {
    outcome.why_not_better =
        target.text() + ": the XDP program could not be attached in the driver; using generic (slow)";
  }
  return outcome;
}

}  // namespace culvert
