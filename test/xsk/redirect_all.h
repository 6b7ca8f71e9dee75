// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/fd.h"

namespace culvert {

/// The least XDP program that feeds lanes: every packet to the socket of its queue, to the kernel when there is none.
/// Attached in the driver as long as it lives. Not the program of kernel_redirect/: tests of lanes stand alone.
class RedirectAll {
 public:
  /// Throws std::runtime_error.
  explicit RedirectAll(std::uint32_t ifindex);
  /// Puts a lane's socket into the map. Throws std::runtime_error.
  void set(std::uint32_t queue, int socket) const;

 private:
  Fd map_, program_, link_;
};

}  // namespace culvert
