// SPDX-License-Identifier: Apache-2.0
// The last steps of the XDP program's order: heartbeat, socket, fail mode; and what comes before all: tags, truncation.
#include <algorithm>

#include "test/kernel_redirect/judge.h"

namespace culvert::test {
namespace {

const Bytes kForwarded4 = ethernet(kV4) + ip4({}) + ports(40000, 443);
const Bytes kForwarded6 = ethernet(kV6) + ip6({}) + ports(40000, 443);
const Bytes kSsh4 = ethernet(kV4) + ip4({.destination = "192.0.2.1"}) + ports(40000, 22);
const Bytes kSsh6 = ethernet(kV6) + ip6({.destination = "2001:db8::1"}) + ports(40000, 22);

Bytes tagged(std::uint16_t id, const Bytes& rest_from_type, std::uint16_t next) {
  return ethernet(kVlan) + vlan(id, next) + rest_from_type;
}

/// The frame cut to every length from an Ethernet header up: `actions` are pairs of (from this length on, action).
void expect_cut(Judge& judge, const Bytes& frame, const std::vector<std::pair<std::size_t, RedirectAction>>& actions) {
  for (std::size_t length = 14; length <= frame.size(); length++) {
    const auto found = std::find_if(actions.rbegin(), actions.rend(), [&](auto& step) { return length >= step.first; });
    judge.expect({"cut", Bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length)), found->second});
  }
}

}  // namespace

TEST_CASE("without a fresh beat of every worker, the fail mode decides", "[decisions]") {
  Judge judge;
  judge.expect({"alive", kForwarded4, kActionRedirected});
  judge.stale();
  judge.expect({"stale, open", kForwarded4, kActionStalePassed});
  judge.expect({"stale, open, IPv6", kForwarded6, kActionStalePassed});
  judge.expect({"stale, but failsafe", kSsh4, kActionFailsafe});
  judge.state().set_fail_mode(FailMode::kClosed);
  judge.expect({"stale, closed", kForwarded4, kActionStaleDropped});
  judge.expect({"stale, closed, IPv6", kForwarded6, kActionStaleDropped});
  judge.expect({"stale, closed, but failsafe", kSsh6, kActionFailsafe});
  judge.expect({"stale, closed, but ARP", ethernet(kArp, 0xff) + Bytes(28), kActionNotIp});
  judge.alive();
  judge.expect({"alive again", kForwarded4, kActionRedirected});
}

TEST_CASE("a beat just fresh enough, and one of the future, are alive", "[decisions]") {
  Judge judge;
  judge.state().beat(0).store(monotonic_ns() - kRedirectStaleAfterNs + 100 * kNanosecondsPerMillisecond);
  judge.expect({"400 ms old", kForwarded4, kActionRedirected});
  judge.state().beat(0).store(monotonic_ns() + 5 * kNanosecondsPerMillisecond);
  judge.expect({"5 ms ahead", kForwarded4, kActionRedirected});
  judge.state().beat(0).store(0);
  judge.expect({"never", kForwarded4, kActionStalePassed});
}

TEST_CASE("any one stale worker of sixteen fails the whole box", "[decisions]") {
  const VethPair veth("sixteen0", "sixteen1");
  RedirectState state(kRedirectMaxWorkers, FailMode::kClosed);
  RedirectOptions options;
  options.interface = veth.name();
  options.stations = {kStation};
  RedirectProgram program(state, options);
  const auto socket = make_xsk();
  REQUIRE(program.set_socket(0, socket.get()));
  const auto result = [&] {
    bpf_test_run_opts run{};
    run.sz = sizeof(run);
    run.data_in = kForwarded4.data();
    run.data_size_in = static_cast<std::uint32_t>(kForwarded4.size());
    run.repeat = 1;
    REQUIRE(bpf_prog_test_run_opts(program.program_fd(), &run) == 0);
    return run.retval;
  };
  for (unsigned late = 0; late < kRedirectMaxWorkers; late++) {
    for (unsigned i = 0; i < kRedirectMaxWorkers; i++) state.beat(i).store(monotonic_ns());
    CHECK(result() == XDP_REDIRECT);
    state.beat(late).store(monotonic_ns() - kNanosecondsPerSecond);
    INFO("worker " << late);
    CHECK(result() == XDP_DROP);
  }
}

TEST_CASE("without a socket on the queue, the fail mode decides", "[decisions]") {
  Judge judge;
  REQUIRE(judge.program().clear_socket(0));
  REQUIRE(judge.program().clear_socket(0));  // twice is fine
  judge.expect({"open", kForwarded4, kActionNoSocketPassed});
  judge.expect({"failsafe", kSsh4, kActionFailsafe});
  judge.state().set_fail_mode(FailMode::kClosed);
  judge.expect({"closed", kForwarded4, kActionNoSocketDropped});
  judge.expect({"closed, IPv6", kForwarded6, kActionNoSocketDropped});
  judge.stale();
  judge.expect({"stale comes first", kForwarded4, kActionStaleDropped});
  judge.alive();
  {
    const auto socket = make_xsk();
    REQUIRE(judge.program().set_socket(0, socket.get()));
    judge.expect({"a socket again", kForwarded4, kActionRedirected});
  }
  CHECK(eventually([&] {
    const auto before = judge.program().counters().value()[kActionNoSocketDropped];
    bpf_test_run_opts run{};
    run.sz = sizeof(run);
    run.data_in = kForwarded4.data();
    run.data_size_in = static_cast<std::uint32_t>(kForwarded4.size());
    run.repeat = 1;
    REQUIRE(bpf_prog_test_run_opts(judge.program().program_fd(), &run) == 0);
    return judge.program().counters().value()[kActionNoSocketDropped] > before;
  }));  // a closed socket leaves the map by itself
  CHECK_FALSE(judge.program().set_socket(kRedirectMaxQueues, 0));
  CHECK_FALSE(judge.program().set_socket(1, 0));  // not an AF_XDP socket
}

TEST_CASE("VLANs belong to the kernel unless claimed; VLAN 0 is no VLAN", "[decisions]") {
  Judge judge;
  const Bytes inner = ip4({}) + ports(1, 443), inner6 = ip6({}) + ports(1, 443);
  const auto two = [&](std::uint16_t outer, std::uint16_t second) {
    return ethernet(kServiceVlan) + vlan(outer, kVlan) + vlan(second, kV4) + inner;
  };
  judge.expect_all({
      {"VLAN 7", tagged(7, inner, kV4), kActionOtherVlan},
      {"VLAN 7, IPv6", tagged(7, inner6, kV6), kActionOtherVlan},
      {"VLAN 7, ARP, broadcast", ethernet(kVlan, 0xff) + vlan(7, kArp) + Bytes(28), kActionOtherVlan},
      {"priority tag", tagged(0, inner, kV4), kActionRedirected},
      {"priority tag, IPv6", tagged(0, inner6, kV6), kActionRedirected},
      {"priority tag, ARP", tagged(0, Bytes(28), kArp), kActionNotIp},
      {"two priority tags", two(0, 0), kActionRedirected},
      {"priority tag around VLAN 7", two(0, 7), kActionOtherVlan},
      {"two VLANs", two(100, 7), kActionOtherVlan},
      {"three tags", ethernet(kVlan) + vlan(0, kVlan) + vlan(0, kVlan) + vlan(0, kV4) + inner, kActionUnreadablePassed},
  });
  REQUIRE(judge.program().claim_vlan(7, true));
  REQUIRE(judge.program().claim_vlan(4094, true));
  const Bytes to_host = ip4({.destination = "192.0.2.1"}) + ports(1, 22);
  judge.expect_all({
      {"claimed", tagged(7, inner, kV4), kActionRedirected},
      {"claimed, the last id", tagged(4094, inner6, kV6), kActionRedirected},
      {"claimed, ssh to us", tagged(7, to_host, kV4), kActionFailsafe},
      {"claimed, denied", tagged(7, ip4({.source = "198.18.66.1"}), kV4), kActionDenied},
      {"claimed, broadcast", ethernet(kVlan, 0xff) + vlan(7, kV4) + inner, kActionGroup},
      {"claimed, ARP", tagged(7, Bytes(28), kArp), kActionNotIp},
      {"its neighbour", tagged(8, inner, kV4), kActionOtherVlan},
      {"same bit of another word", tagged(7 + 64, inner, kV4), kActionOtherVlan},
      {"only the inner one is claimed", two(100, 7), kActionOtherVlan},
      {"only the outer one is claimed", two(7, 100), kActionOtherVlan},
      {"both are claimed", two(4094, 7), kActionRedirected},
  });
  REQUIRE(judge.program().claim_vlan(7, false));
  judge.expect({"given back", tagged(7, inner, kV4), kActionOtherVlan});
  CHECK_FALSE(judge.program().claim_vlan(0, true));
  CHECK_FALSE(judge.program().claim_vlan(4095, true));
  judge.state().set_fail_mode(FailMode::kClosed);
  judge.expect({"three tags, closed: the kernel would strip them all",
                ethernet(kVlan) + vlan(0, kVlan) + vlan(0, kVlan) + vlan(0, kV4) + inner, kActionUnreadableDropped});
}

TEST_CASE("frames cut at every length are judged without guessing", "[decisions]") {
  Judge judge;
  judge.state().set_fail_mode(FailMode::kClosed);
  constexpr auto kCut = kActionUnreadableDropped;
  expect_cut(judge, kForwarded4, {{14, kCut}, {34, kActionRedirected}});
  expect_cut(judge, kForwarded6, {{14, kCut}, {54, kActionRedirected}});
  // Behind the IP header a missing port means: not failsafe.
  expect_cut(judge, kSsh4, {{14, kCut}, {34, kActionRedirected}, {38, kActionFailsafe}});
  expect_cut(judge, kSsh6, {{14, kCut}, {54, kActionRedirected}, {58, kActionFailsafe}});
  const Bytes options = ethernet(kV4) + ip4({.destination = "192.0.2.1", .header_words = 15}) + ports(1, 22);
  expect_cut(judge, options, {{14, kCut}, {34, kActionRedirected}, {78, kActionFailsafe}});
  const Bytes extended =
      ethernet(kV6) + ip6({.destination = "2001:db8::1", .next = 0}) + extension(60) + extension(kTcp) + ports(1, 22);
  expect_cut(judge, extended, {{14, kCut}, {54, kActionRedirected}, {74, kActionFailsafe}});
  const Bytes error = ethernet(kV4) + ip4({.destination = "192.0.2.1", .protocol = kIcmp}) + icmp(3) +
                      ip4({.source = "192.0.2.1"}) + ports(22, 1);
  expect_cut(judge, error, {{14, kCut}, {34, kActionRedirected}, {66, kActionFailsafe}});
  const Bytes error_6 = ethernet(kV6) + ip6({.destination = "2001:db8::1", .next = kIcmp6}) + icmp(2) +
                        ip6({.source = "2001:db8::1"}) + ports(22, 1);
  expect_cut(judge, error_6, {{14, kCut}, {54, kActionRedirected}, {106, kActionFailsafe}});
  const Bytes two_tags = ethernet(kVlan) + vlan(0, kVlan) + vlan(0, kV4) + ip4({}) + ports(1, 2);
  expect_cut(judge, two_tags, {{14, kCut}, {42, kActionRedirected}});
  judge.state().set_fail_mode(FailMode::kOpen);
  expect_cut(judge, kForwarded4, {{14, kActionUnreadablePassed}, {34, kActionRedirected}});
}

TEST_CASE("IP headers that cannot be are unreadable", "[decisions]") {
  Judge judge;
  judge.expect_all({
      {"IPv4 with four words", ethernet(kV4) + ip4({.header_words = 4}) + ports(1, 2), kActionUnreadablePassed},
      {"version 6 as IPv4", ethernet(kV4) + ip4({.version = 6}) + ports(1, 2), kActionUnreadablePassed},
      {"version 4 as IPv6", ethernet(kV6) + ip6({.version = 4}) + ports(1, 2), kActionUnreadablePassed},
  });
  judge.state().set_fail_mode(FailMode::kClosed);
  judge.expect({"closed", ethernet(kV4) + ip4({.header_words = 4}) + ports(1, 2), kActionUnreadableDropped});
  judge.expect({"closed, to our ssh", ethernet(kV4) + ip4({.destination = "192.0.2.1", .version = 5}) + ports(1, 22),
                kActionUnreadableDropped});
}

}  // namespace culvert::test
