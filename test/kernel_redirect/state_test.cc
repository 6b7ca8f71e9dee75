// SPDX-License-Identifier: Apache-2.0
// The shared maps as bounded resources, and the texts of the actions.
#include "kernel_redirect/state.h"

#include <array>
#include <fstream>
#include <set>
#include <string>

#include "kernel_redirect/redirect_action.h"
#include "test/kernel_redirect/frames.h"
#include "test/kernel_redirect/sandbox.h"
#include "test/support/catch.h"

namespace culvert::test {

TEST_CASE("every action has a name of its own and a sentence", "[decisions]") {
  std::set<std::string_view> names;
  for (unsigned action = 0; action < kRedirectActions; action++) {
    const auto& line = redirect_action_line(static_cast<RedirectAction>(action));
    CHECK_FALSE(line.name.empty());
    CHECK_FALSE(line.sentence.empty());
    CHECK(names.insert(line.name).second);
  }
}

TEST_CASE("docs/xdp.md has the line of every action", "[decisions]") {
  std::ifstream file(CULVERT_XDP_DOCS);
  std::string text;
  REQUIRE(std::getline(file, text, '\0'));
  for (unsigned action = 0; action < kRedirectActions; action++) {
    const auto& line = redirect_action_line(static_cast<RedirectAction>(action));
    const std::array verdicts = {"Culvert", "kernel", "dropped"};
    const auto row = "| " + std::string(line.name) + " | " + verdicts.at(static_cast<std::size_t>(line.verdict)) +
                     " | " + std::string(line.sentence) + " |";
    CHECK_THAT(text, Catch::Matchers::Contains(row));
  }
}

TEST_CASE("full maps refuse, count and keep what they have", "[decisions]") {
  RedirectState state(1, FailMode::kOpen, {.local_v4 = 2, .local_v6 = 1, .deny_v4 = 2, .deny_v6 = 1, .failsafe = 2});
  const auto row = [&](RedirectState::Resource which) -> const Gauge& { return state.resources()[which].gauge; };
  REQUIRE(state.set_local_address(v4("192.0.2.1"), AddressUse::kClaimed));
  REQUIRE(state.set_local_address(v4("192.0.2.1"), AddressUse::kUnclaimed));  // the same one
  REQUIRE(state.set_local_address(v4("192.0.2.2"), AddressUse::kClaimed));
  const auto full = state.set_local_address(v4("192.0.2.3"), AddressUse::kClaimed);
  REQUIRE_FALSE(full);
  CHECK(full.error().what == "local addresses IPv4: full, 3 wanted of at most 2");
  CHECK(row(RedirectState::kLocalV4).used.read() == 2);
  CHECK(row(RedirectState::kLocalV4).max.read() == 2);
  CHECK(row(RedirectState::kLocalV4).failures.read() == 1);
  REQUIRE(state.remove_local_address(v4("192.0.2.1")));
  REQUIRE(state.remove_local_address(v4("192.0.2.77")));  // not there
  CHECK(row(RedirectState::kLocalV4).used.read() == 1);
  CHECK(row(RedirectState::kLocalV4).peak.read() == 2);
  state.clear_peaks();
  CHECK(row(RedirectState::kLocalV4).peak.read() == 1);

  REQUIRE(state.replace_deny_list({{{v4("198.18.1.0"), 24}, {v4("198.18.2.0"), 24}}, {}}));
  // All others at once: old and new are there together for a moment.
  REQUIRE(state.replace_deny_list({{{v4("198.18.3.0"), 24}, {v4("198.18.4.0"), 24}}, {{v6("2001:db8::"), 32}}}));
  CHECK(row(RedirectState::kDenyV4).used.read() == 2);
  CHECK(row(RedirectState::kDenyV6).used.read() == 1);
  CHECK_FALSE(state.replace_deny_list({{{v4("1.0.0.0"), 8}, {v4("2.0.0.0"), 8}, {v4("3.0.0.0"), 8}}, {}}));
  CHECK(row(RedirectState::kDenyV4).used.read() == 2);
  CHECK(row(RedirectState::kDenyV4).failures.read() == 1);
  // One prefix in two spellings is one.
  REQUIRE(state.replace_deny_list({{{v4("198.18.3.1"), 24}, {v4("198.18.3.2"), 24}}, {}}));
  CHECK(row(RedirectState::kDenyV4).used.read() == 1);
  CHECK_FALSE(state.replace_deny_list({{{v4("198.18.3.1"), 33}}, {}}));
  CHECK_FALSE(state.replace_deny_list({{}, {{v6("2001:db8::"), 129}}}));

  const std::vector<RedirectPort> icmp_has_none = {{1, 0}};
  CHECK_FALSE(state.replace_failsafe_ports(icmp_has_none));
  const std::vector<RedirectPort> three = {{kTcp, 22}, {kTcp, 23}, {kUdp, 23}};
  CHECK_FALSE(state.replace_failsafe_ports(three));
  REQUIRE(state.replace_failsafe_ports(std::span(three).first(2)));
  REQUIRE(state.replace_failsafe_ports(std::span(three).last(2)));
  CHECK(row(RedirectState::kFailsafe).used.read() == 2);
  CHECK(row(RedirectState::kFailsafe).peak.read() == 2);
}

}  // namespace culvert::test
