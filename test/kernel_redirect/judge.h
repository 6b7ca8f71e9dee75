// SPDX-License-Identifier: Apache-2.0
// Packet in, action out: the XDP program run by BPF_PROG_TEST_RUN on a frame, with its counters compared.
#pragma once

#include <bpf/bpf.h>

#include "base/time.h"
#include "kernel_redirect/program.h"
#include "test/kernel_redirect/frames.h"
#include "test/kernel_redirect/sandbox.h"
#include "test/support/catch.h"

namespace culvert::test {

struct Case {
  const char* what;
  Bytes frame;
  RedirectAction action;
};

/// 192.0.2.1 and 2001:db8::1 are ours and claimed, .2 and ::2 ours and unclaimed; failsafe tcp/22, udp/51820, sctp/22;
/// denied 198.18.66.0/24 and 2001:db8:66::/48; our station is that of frames.h; one worker, alive; a socket on queue 0;
/// fail: open.
class Judge {
 public:
  Judge();

  void expect(const Case& one);
  void expect_all(const std::vector<Case>& cases) {
    for (const auto& one : cases) expect(one);
  }

  RedirectState& state() noexcept { return state_; }
  RedirectProgram& program() noexcept { return program_; }
  void alive() noexcept { state_.beat(0).store(monotonic_ns()); }
  /// The program's clock may be a tick behind: 20 ms more than the limit.
  void stale() noexcept {
    state_.beat(0).store(monotonic_ns() - kRedirectStaleAfterNs - 20 * kNanosecondsPerMillisecond);
  }

 private:
  VethPair veth_{"judge0", "judge1"};
  RedirectState state_{1, FailMode::kOpen};
  RedirectProgram program_;
  Fd socket_ = make_xsk();
};

}  // namespace culvert::test
