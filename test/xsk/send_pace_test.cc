// SPDX-License-Identifier: Apache-2.0
#include "xsk/send_pace.h"

#include "test/support/catch.h"

using namespace culvert;

namespace {

/// The tx side of a kernel before 6.17: a call sends 32 packets, and the consumer index is written only when every
/// entry that it knew of has been taken.
struct OldKernel {
  std::uint32_t waiting;   ///< what userspace sees, by the index
  std::uint32_t sent = 0;  ///< of those
  std::uint32_t send_calls = 0;

  /// True when the ring was emptied, false for EAGAIN.
  bool send() {
    ++send_calls;
    sent += std::min(32U, waiting - sent);
    if (sent < waiting) return false;
    waiting = sent = 0;
    return true;
  }
};

/// What a lane's flush does; the calls that it made.
std::uint32_t flush(SendPace& pace, OldKernel& kernel, Now now) {
  const std::uint32_t before = kernel.send_calls;
  if (kernel.waiting == 0 || !pace.due(now)) return 0;
  for (std::uint32_t calls = pace.calls(kernel.waiting); calls > 0; --calls) {
    const std::uint32_t seen = kernel.waiting;
    if (kernel.send()) {
      pace.sent();
      break;
    }
    if (!pace.stopped(kernel.waiting != seen, now)) break;
  }
  return kernel.send_calls - before;
}

}  // namespace

TEST_CASE("where a call sends 32 packets, a full ring leaves in a few flushes without a pause") {
  SendPace pace(32, 2048);
  OldKernel kernel{.waiting = 2048};
  std::uint32_t flushes = 0;
  // One moment: a pause would never end.
  while (kernel.waiting > 0 && flushes < 100) {
    CHECK(flush(pace, kernel, 1) <= 8);
    ++flushes;
  }
  CHECK(kernel.waiting == 0);
  CHECK(flushes == 8);
  CHECK(kernel.send_calls == 64);
  kernel.waiting = 33;
  CHECK(flush(pace, kernel, 1) == 2);
  CHECK(kernel.waiting == 0);
}

TEST_CASE("where a call sends 32 packets, a device that takes nothing is asked ever less often") {
  SendPace pace(32, 256);
  for (int i = 0; i < 8; ++i) CHECK(pace.stopped(false, 1000));
  CHECK(pace.calls(256) == 1);
  CHECK_FALSE(pace.stopped(false, 1000));
  CHECK_FALSE(pace.due(1000 + 9'999));
  CHECK(pace.due(1000 + 10'000));
  CHECK_FALSE(pace.stopped(false, 1000));
  CHECK_FALSE(pace.due(1000 + 19'999));
  for (int i = 0; i < 20; ++i) CHECK_FALSE(pace.stopped(false, 1000));
  CHECK(pace.due(1000 + kNanosecondsPerMillisecond));
  pace.completed();
  CHECK(pace.due(1000));
  CHECK(pace.stopped(true, 1000));
  CHECK(pace.calls(256) == 8);
}

TEST_CASE("where a call sends the whole ring there is one a flush, and without progress a pause at once") {
  SendPace pace(2048, 2048);
  CHECK(pace.calls(2048) == 1);
  CHECK(pace.stopped(true, 1000));
  CHECK(pace.due(1000));
  CHECK_FALSE(pace.stopped(false, 1000));
  CHECK_FALSE(pace.due(1000 + 9'999));
  CHECK(pace.due(1000 + 10'000));
}
