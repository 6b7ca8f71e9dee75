// SPDX-License-Identifier: Apache-2.0
// What of a configuration reaches the XDP program, and what happens when its maps are full.
#include "control/settings.h"

#include "config/check.h"
#include "test/kernel_redirect/sandbox.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

Config config_with(const std::string& system) {
  return *check_text("interfaces: {lan0: {}, wan0: {}}\nsystem: {" + system + "}\n", "test").config;
}

std::vector<IpAddress> addresses(std::uint32_t count) {
  std::vector<IpAddress> all;
  for (std::uint32_t i = 0; i < count; ++i) all.push_back(IpAddress::from(Ipv4Address{Be32(0xc6120001U + i)}));
  return all;
}

std::uint64_t used(const RedirectState& state, RedirectState::Resource which) {
  return state.resources()[which].gauge.used.read();
}

AddressUse unclaimed(const IpAddress&) {
  return AddressUse::kUnclaimed;
}

}  // namespace

TEST_CASE("more local addresses than XDP has room for are no reason to refuse a configuration", "[decisions]") {
  RedirectState state(1, FailMode::kOpen, {.local_v4 = 4});
  const auto told = tell_local_addresses(addresses(6), unclaimed, state);
  REQUIRE(told.has_error());
  CHECK(told.error().what == "local addresses IPv4: full, 5 wanted of at most 4");
  CHECK(told.error().hint == "its packets take the longer way through culvertd's tun");
  CHECK(used(state, RedirectState::kLocalV4) == 4);
  CHECK(state.resources()[RedirectState::kLocalV4].gauge.failures.read() == 2);
  // IPv6 is not held up by that.
  std::vector<IpAddress> both = addresses(6);
  both.push_back({0x20010db800000000, 1});
  CHECK(tell_local_addresses(both, unclaimed, state).has_error());
  CHECK(used(state, RedirectState::kLocalV6) == 1);
}

TEST_CASE("a configuration that XDP cannot take leaves it as it was", "[decisions]") {
  RedirectState state(1, FailMode::kOpen, {.deny_v4 = 2, .failsafe = 1});
  const Config running = config_with("fail: open, deny: [198.18.1.0/24], failsafe_ports: [tcp/22]");
  REQUIRE(apply_to_redirect(running, state));
  const Config wanted =
      config_with("fail: closed, deny: [198.18.2.0/24, 198.18.3.0/24], failsafe_ports: [tcp/22, tcp/23]");
  REQUIRE(apply_to_redirect(wanted, running, state).has_error());
  CHECK(state.fail_mode() == FailMode::kOpen);
  CHECK(used(state, RedirectState::kDenyV4) == 1);
  CHECK(used(state, RedirectState::kFailsafe) == 1);
}
