// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "base/time.h"

namespace culvert {

/// "Go back unless somebody confirms": for changes that may cut off who made them. Pure state; the caller asks it with
/// the time and does the rest. At most one generation waits at a time.
///
///   start(8, 7, now, 60 s)   generation 8 runs; 7 ran before
///   confirm(8, now)          in time: 8 stays            expire(now)  in vain: 7, once; the caller goes back to it
class ConfirmTimer {
 public:
  /// An error, and nothing changes, when another generation still waits or the timeout is 0.
  Result<void> start(std::uint64_t generation, std::uint64_t previous, Now now, std::uint64_t timeout_ns);

  /// Ends the wait. An error when nothing waits, another generation does, or the time is up (expire() comes next).
  Result<void> confirm(std::uint64_t generation, Now now);

  /// The generation to go back to, once, when the time is up; nothing waits afterwards.
  std::optional<std::uint64_t> expire(Now now);

  /// The generation to go back to at once: somebody said no instead of waiting.
  std::optional<std::uint64_t> cancel();

  bool waiting() const noexcept { return waiting_.has_value(); }
  /// The generation that waits.
  std::optional<std::uint64_t> generation() const noexcept;
  /// The generation to go back to.
  std::optional<std::uint64_t> previous() const noexcept;
  /// Time until expire() answers; 0 when it is up or nothing waits.
  std::uint64_t remaining_ns(Now now) const noexcept;

 private:
  struct Wait {
    std::uint64_t generation;
    std::uint64_t previous;
    Now deadline;
  };
  std::optional<Wait> waiting_;
};

}  // namespace culvert
