// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "status/snapshot.h"

namespace culvert {

/// The last thing that failed after start, and how many did. Belongs to the control thread.
class ErrorLog {
 public:
  void record(const Error& error, std::uint64_t time_unix_ms) {
    last_ = ErrorStatus{time_unix_ms, error.to_string(), (last_ ? last_->count : 0) + 1};
  }
  const std::optional<ErrorStatus>& last() const noexcept { return last_; }

 private:
  std::optional<ErrorStatus> last_;
};

}  // namespace culvert
