// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>

#include "base/cell.h"
#include "base/result.h"

namespace culvert {

/// What takes longer than control may be away: done in steps of some milliseconds, with whatever else waits in between.
/// Belongs to the io_context's thread and outlives its last run.
class LongWork {
 public:
  static constexpr std::size_t kMostAtOnce = 4;

  explicit LongWork(boost::asio::io_context& io);

  /// Calls `step` until it returns true. An error, and no call, when too many others are at it.
  Result<void> start(std::function<bool()> step);

  /// ResourceKind::kSessionWork.
  const Gauge& gauge() const noexcept { return gauge_; }
  void clear_peak() noexcept { gauge_.clear_peak(); }

 private:
  void go_on(std::function<bool()> step);

  boost::asio::io_context& io_;
  std::size_t running_ = 0;
  Gauge gauge_;
};

}  // namespace culvert
