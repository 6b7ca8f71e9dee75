// SPDX-License-Identifier: Apache-2.0
#include "config/confirm_timer.h"

#include <fmt/format.h>
#include <limits>

namespace culvert {

Result<void> ConfirmTimer::start(std::uint64_t generation, std::uint64_t previous, Now now, std::uint64_t timeout_ns) {
  if (waiting_) {
    return Error{fmt::format("generation {} still waits for its confirmation", waiting_->generation), 0,
                 "confirm it or roll it back first"};
  }
  if (timeout_ns == 0) return Error{"a confirmation needs some time", 0, "give a timeout of 1s or more"};
  const Now most = std::numeric_limits<Now>::max();
  waiting_ = Wait{generation, previous, timeout_ns > most - now ? most : now + timeout_ns};
  return {};
}

Result<void> ConfirmTimer::confirm(std::uint64_t generation, Now now) {
  if (!waiting_) return Error{"nothing waits for a confirmation", 0, ""};
  if (waiting_->generation != generation) {
    return Error{fmt::format("generation {} waits for a confirmation, not {}", waiting_->generation, generation), 0,
                 ""};
  }
  if (now >= waiting_->deadline) {
    return Error{fmt::format("the time to confirm generation {} is over", generation), 0, "apply it again"};
  }
  waiting_.reset();
  return {};
}

std::optional<std::uint64_t> ConfirmTimer::expire(Now now) {
  if (!waiting_ || now < waiting_->deadline) return std::nullopt;
  return cancel();
}

std::optional<std::uint64_t> ConfirmTimer::cancel() {
  if (!waiting_) return std::nullopt;
  const std::uint64_t previous = waiting_->previous;
  waiting_.reset();
  return previous;
}

std::optional<std::uint64_t> ConfirmTimer::generation() const noexcept {
  if (!waiting_) return std::nullopt;
  return waiting_->generation;
}

std::optional<std::uint64_t> ConfirmTimer::previous() const noexcept {
  if (!waiting_) return std::nullopt;
  return waiting_->previous;
}

std::uint64_t ConfirmTimer::remaining_ns(Now now) const noexcept {
  return waiting_ && now < waiting_->deadline ? waiting_->deadline - now : 0;
}

}  // namespace culvert
