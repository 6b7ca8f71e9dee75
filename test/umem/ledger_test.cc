// SPDX-License-Identifier: Apache-2.0
#include "umem/ledger.h"

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "test/support/catch.h"
#include "umem/pool.h"
#include "umem/region.h"

using namespace culvert;

namespace {

/// True when the mistake ends a child process by abort (a failed CHECK).
template <typename Mistake>
bool aborts(const Mistake& mistake) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    ::close(STDERR_FILENO);
    mistake();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

struct Fixture {
  Region region{{.frames = 8, .workers = 2}};
  FrameLedger ledger = region.ledger();
  std::vector<FrameAddress> storage = std::vector<FrameAddress>(4), strangers = std::vector<FrameAddress>(8);
  FramePool pool{0, region.homes(), region.frame_size(), storage, strangers, ledger};
};

}  // namespace

TEST_CASE("a frame goes from holder to holder through the hand") {
  Fixture f;
  FrameAddress frame = 0;
  CHECK(f.ledger.is_with(0, FrameHolder::kPool));
  REQUIRE(f.pool.take(frame));
  f.ledger.enter(frame, FrameHolder::kReceive);
  CHECK(f.ledger.is_with(frame + 256, FrameHolder::kReceive));
  f.ledger.leave(frame + 256, FrameHolder::kReceive);
  f.ledger.enter(frame, FrameHolder::kTransmit);
  f.ledger.leave(frame, FrameHolder::kTransmit);
  f.pool.give(frame);
  CHECK(f.ledger.is_with(frame, FrameHolder::kPool));
}

TEST_CASE("two holders of one frame, a double free and a forgotten hand-over abort") {
  Fixture f;
  FrameAddress frame = 0;
  REQUIRE(f.pool.take(frame));
  f.pool.give(frame);
  CHECK(aborts([&] { f.pool.give(frame); }));
  CHECK(aborts([&] { f.ledger.enter(frame, FrameHolder::kTransmit); }));
  CHECK(aborts([&] { f.ledger.leave(frame, FrameHolder::kReceive); }));
  CHECK(aborts([&] { f.ledger.leave(8 * kSmallFrame, FrameHolder::kPool); }));
  CHECK_FALSE(aborts([&] { f.ledger.leave(frame, FrameHolder::kPool); }));
}

TEST_CASE("a stranger passes through the ledger of both workers") {
  Fixture f;
  const FrameAddress theirs = 5 * kSmallFrame;
  f.ledger.leave(theirs, FrameHolder::kPool);
  f.pool.give(theirs);
  CHECK(f.ledger.is_with(theirs, FrameHolder::kStrangers));
  f.pool.remove_stranger(0);
  f.ledger.enter(theirs, FrameHolder::kHandoff);
  CHECK(f.ledger.is_with(theirs, FrameHolder::kHandoff));
}
