// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/cell.h"
#include "base/fd.h"
#include "base/result.h"
#include "packet/address.h"

namespace culvert {

struct PuntOptions {
  std::string name = "culvert0";  ///< up to 15 characters
  Ipv4Address address =
      Ipv4Address{Be32(0xa9fe4d01)};  ///< 169.254.77.1; a tun without one is not taken seriously by rp_filter
};

enum class PuntOutcome : std::uint8_t {
  kTaken,    ///< the kernel has it; it may still drop it, as it may any packet
  kFull,     ///< EAGAIN, ENOBUFS, ENOMEM: no room now
  kRefused,  ///< not an IP packet (EINVAL), or the tun is down (EIO); last_errno has the reason
};

/// Written by the one thread that punts.
struct alignas(kCacheLine) PuntCells {
  Cell packets, bytes;  ///< taken
  Cell full, refused, last_errno;
};

/// culvertd's tun: packets written to it come in at the kernel as if from an interface. They reach this host and are
/// never forwarded (rules.h). It also carries the addresses that Culvert itself answers for (VIPs, pools), so that they
/// vanish with the process.
class PuntDevice {
 public:
  /// Creates the tun in this thread's network namespace with loose rp_filter and the rules, those of a dead process
  /// replaced, then brings it up. Throws SetupError.
  explicit PuntDevice(const PuntOptions& options = {});
  /// The tun of a culvertd that will leave it to us, with its rules and addresses: the rules are that one's until
  /// own(). Throws SetupError when it is not of that name.
  PuntDevice(const PuntOptions& options, Fd tun);
  PuntDevice(const PuntDevice&) = delete;
  PuntDevice& operator=(const PuntDevice&) = delete;
  ~PuntDevice();  ///< removes the rules; the tun goes with its descriptor

  /// One whole IP packet with finished checksums; begins with the IP header. Never blocks. The kernel receives it
  /// within this call (drivers/net/tun.c, tun_get_user): some microseconds of the caller's time.
  PuntOutcome write(std::span<const std::byte> ip_packet) noexcept;

  /// An address of this host for as long as the process lives, /32 or /128. One that is there already is no error.
  Result<void> add_address(Ipv4Address address);
  Result<void> add_address(const Ipv6Address& address);
  Result<void> remove_address(Ipv4Address address);
  Result<void> remove_address(const Ipv6Address& address);

  /// For a successor: it keeps the tun alive.
  int descriptor() const noexcept { return tun_.get(); }
  /// The rules are a successor's from now on: they stay when this goes.
  void leave() noexcept { left_ = true; }
  /// They are ours, and go with this.
  void own() noexcept { left_ = false; }

  const std::string& name() const noexcept { return name_; }
  int ifindex() const noexcept { return ifindex_; }
  const PuntCells& cells() const noexcept { return cells_; }

 private:
  std::string name_;
  Fd tun_;
  int ifindex_ = 0;
  bool left_ = false;
  PuntCells cells_;
};

}  // namespace culvert
