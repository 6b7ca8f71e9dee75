// SPDX-License-Identifier: Apache-2.0
#include "test/kernel_redirect/judge.h"

#include <linux/bpf.h>

namespace culvert::test {
namespace {

unsigned xdp_result(RedirectVerdict verdict) {
  switch (verdict) {
    case RedirectVerdict::kRedirect:
      return XDP_REDIRECT;
    case RedirectVerdict::kPass:
      return XDP_PASS;
    case RedirectVerdict::kDrop:
      return XDP_DROP;
  }
  return XDP_ABORTED;
}

RedirectOptions options_for(const VethPair& veth) {
  RedirectOptions options;
  options.interface = veth.name();
  options.stations = {kStation};
  return options;
}

}  // namespace

Judge::Judge() : program_(state_, options_for(veth_)) {
  using enum AddressUse;
  REQUIRE(state_.set_local_address(v4("192.0.2.1"), kClaimed));
  REQUIRE(state_.set_local_address(v4("192.0.2.2"), kUnclaimed));
  REQUIRE(state_.set_local_address(v6("2001:db8::1"), kClaimed));
  REQUIRE(state_.set_local_address(v6("2001:db8::2"), kUnclaimed));
  const std::vector<RedirectPort> failsafe = {{kTcp, 22}, {kUdp, 51820}, {kSctp, 22}};
  REQUIRE(state_.replace_failsafe_ports(failsafe));
  REQUIRE(state_.replace_deny_list({{{v4("198.18.66.0"), 24}}, {{v6("2001:db8:66::"), 48}}}));
  REQUIRE(program_.set_socket(0, socket_.get()));
  alive();
}

void Judge::expect(const Case& one) {
  const auto before = program_.counters().value();
  bpf_test_run_opts run{};
  run.sz = sizeof(run);
  run.data_in = one.frame.data();
  run.data_size_in = static_cast<std::uint32_t>(one.frame.size());
  run.repeat = 1;
  INFO(one.what << ", " << one.frame.size() << " bytes");
  REQUIRE(bpf_prog_test_run_opts(program_.program_fd(), &run) == 0);
  auto expected = before;
  expected[one.action]++;
  const auto after = program_.counters().value();
  for (unsigned action = 0; action < kRedirectActions; action++) {
    INFO(redirect_action_line(static_cast<RedirectAction>(action)).name);
    CHECK(after[action] == expected[action]);
  }
  CHECK(run.retval == xdp_result(redirect_action_line(one.action).verdict));
}

}  // namespace culvert::test
