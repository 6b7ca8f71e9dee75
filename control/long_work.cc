// SPDX-License-Identifier: Apache-2.0
#include "control/long_work.h"

#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

namespace culvert {

LongWork::LongWork(boost::asio::io_context& io) : io_(io) {
  gauge_.max.set(kMostAtOnce);
}

Result<void> LongWork::start(std::function<bool()> step) {
  if (running_ == kMostAtOnce) {
    gauge_.failures.add();
    return Error{"too many clients have whole tables gone through", EBUSY, "try again in some seconds"};
  }
  gauge_.observe(++running_);
  go_on(std::move(step));
  return {};
}

void LongWork::go_on(std::function<bool()> step) {
  boost::asio::post(io_, [this, step = std::move(step)]() mutable {
    if (!step()) return go_on(std::move(step));
    gauge_.observe(--running_);
  });
}

}  // namespace culvert
