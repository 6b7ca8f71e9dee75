// SPDX-License-Identifier: Apache-2.0
// What a driver says of itself (linux/ethtool.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <optional>
#include <string>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"

namespace culvert {

class Ethtool {
 public:
  explicit Ethtool(const std::string& name) : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    std::memcpy(request_.ifr_name, name.data(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1));
  }

  /// `data` begins with a command and gets the answer. False when the driver does not know it.
  bool ask(void* data) {
    request_.ifr_data = static_cast<char*>(data);
    return fd_.valid() && ::ioctl(fd_.get(), SIOCETHTOOL, &request_) == 0;
  }

  /// Of a command that answers with bits.
  std::optional<bool> flag(std::uint32_t command, std::uint32_t mask) {
    ethtool_value value{command, 0};
    if (!ask(&value)) return std::nullopt;
    return (value.data & mask) != 0;
  }

 private:
  ifreq request_{};
  Fd fd_;
};

}  // namespace culvert
