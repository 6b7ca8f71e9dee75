// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/time.h"

namespace culvert {

/// A rate limit: `rate` tokens a second, at most one second's worth saved up to kBurst. Time is an argument.
class TokenBucket {
 public:
  static constexpr std::uint64_t kBurst = 64;

  /// Takes one token; false when there is none. A rate of 0 never gives one.
  bool take(std::uint32_t rate_per_second, Now now) noexcept {
    if (rate_per_second == 0) return false;
    const std::uint64_t cost_ns = kNanosecondsPerSecond / rate_per_second;
    const std::uint64_t depth_ns = cost_ns * (rate_per_second < kBurst ? rate_per_second : kBurst);
    if (full_at_ns_ < now) full_at_ns_ = now;
    if (full_at_ns_ + cost_ns > now + depth_ns) return false;
    full_at_ns_ += cost_ns;
    return true;
  }

 private:
  Now full_at_ns_ = 0;  ///< when the bucket would be full again (virtual scheduling, as in GCRA, ITU-T I.371)
};

}  // namespace culvert
