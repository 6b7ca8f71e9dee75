// SPDX-License-Identifier: Apache-2.0
// Sessions counted, ranked and cleared while a walk goes through them.
#include <algorithm>
#include <cerrno>

#include "control/session_census.h"
#include "control/session_clear.h"
#include "test/control/session_box.h"
#include "test/support/catch.h"

namespace culvert {
namespace {

using test::kSessionsBegin;
using test::SessionBox;
using test::SessionPlan;

constexpr std::uint32_t kNowSeconds = kSessionsBegin / kNanosecondsPerSecond;

template <typename Collector>
void walk_all(const SessionBox& box, Collector& collector) {
  SessionWalk walk({&box.memory()});
  while (!walk.ended()) {
    walk.go_on(100, [&](WorkerIndex, const auto& session) {
      collector.add(session);
      return true;
    });
  }
}

TEST_CASE("the summary counts by protocol and state and by zones, most first, and its sums agree") {
  test::SessionNamesBox names;
  SessionBox box(1000);
  SessionPlan tcp;
  tcp.protocol = 6;
  tcp.established = true;
  tcp.packets = 10;
  tcp.reply_packets = 5;
  tcp.reply_bytes = 900;
  for (std::uint32_t i = 0; i < 20; ++i) box.add4(i, tcp);
  SessionPlan udp;
  udp.from = 2;
  udp.to = 1;
  for (std::uint32_t i = 0; i < 30; ++i) box.add6(i, udp);
  SessionCensus census;
  walk_all(box, census);
  const SessionSummary summary = census.summary(names.names);
  CHECK(summary.sessions == 50);
  CHECK(summary.ipv4 == 20);
  CHECK(summary.ipv6 == 30);
  REQUIRE(summary.states.size() == 2);
  CHECK(summary.states[0].protocol == "udp");
  CHECK(summary.states[0].state == "unreplied");
  CHECK(summary.states[0].sessions == 30);
  CHECK(summary.states[1].state == "established");
  CHECK(summary.states[1].packets == 300);
  CHECK(summary.states[1].bytes == 20 * 1000);
  REQUIRE(summary.zones.size() == 2);
  CHECK(summary.zones[0].from_zone == "internet");
  CHECK(summary.zones[0].to_zone == "trust");
  CHECK(summary.zones[1].sessions == 20);
}

TEST_CASE("the ranking is by sessions or bytes, of sources or destinations") {
  SessionBox box(1000);
  SessionPlan plan;
  for (std::uint16_t port = 1; port <= 10; ++port) {
    plan.port = port;
    box.add4(1, plan);
  }
  plan.bytes = 1'000'000;
  box.add4(2, plan);
  box.add6(3, plan);
  SessionRanking sources(false, false), bytes(false, true), destinations(true, false);
  walk_all(box, sources);
  walk_all(box, bytes);
  walk_all(box, destinations);
  const SessionTop top = sources.top(2);
  REQUIRE(top.rows.size() == 2);
  CHECK(top.rows[0].address == "198.18.0.1");
  CHECK(top.rows[0].sessions == 10);
  CHECK(top.rows[1].address == "198.18.0.2");
  CHECK(top.addresses == 3);
  CHECK(top.sessions == 12);
  CHECK(top.sessions_left_out == 0);
  CHECK(bytes.top(10).rows[0].address == "198.18.0.2");
  CHECK(bytes.top(10).rows[1].address == "2001:db8::3");
  CHECK(bytes.top(10).rows.size() == 3);
  CHECK(destinations.top(1).rows[0].address == "192.0.2.1");
  CHECK(destinations.top(1).rows[0].sessions == 11);
}

TEST_CASE("a ranking remembers so many addresses and says how many sessions of others it left out") {
  SessionBox box(1000);
  for (std::uint32_t i = 0; i < 100; ++i) box.add4(i, {});
  SessionRanking ranking(false, false, 30);
  walk_all(box, ranking);
  const SessionTop top = ranking.top(1000);
  CHECK(top.rows.size() == 30);
  CHECK(top.addresses == 30);
  CHECK(top.sessions == 30);
  CHECK(top.sessions_left_out == 70);
}

/// Two workers' sessions, and what control does to clear them.
struct Clearing {
  Clearing() {
    for (std::uint32_t i = 0; i < 300; ++i) {
      SessionPlan plan;
      plan.protocol = i % 3 == 0 ? 6 : 17;
      one.add4(i, plan);
      two.add6(i, plan);
    }
  }
  SessionFilter filter(std::optional<std::uint8_t> protocol) {
    SessionQuery query;
    query.protocol = protocol;
    return SessionFilter::of(query, names.names).value();
  }
  Result<SessionsCleared> clear(const SessionFilter& which, std::size_t most = 64) {
    const auto end = [this](WorkerIndex worker, std::span<const SessionHandle> handles) -> Result<std::uint64_t> {
      batches.push_back(handles.size());
      if (worker == stuck) return Error{"worker is stuck", ETIMEDOUT, ""};
      return (worker == 0 ? one : two).shard().clear(handles);
    };
    SessionClearing clearing({&one.memory(), &two.memory()}, which, kNowSeconds, most, end, owed);
    for (int steps = 0; steps < 1000; ++steps) {
      const auto through = clearing.step();
      if (through.has_error()) return through.error();
      if (*through) return clearing.outcome();
      if (between) between();
    }
    FAIL("it never ends");
    return Error{};
  }

  test::SessionNamesBox names;
  SessionBox one{1000}, two{1000};
  OwedHandles owed;
  std::vector<std::size_t> batches;
  std::function<void()> between;
  WorkerIndex stuck = 9;
};

TEST_CASE("clearing ends what fits, in bounded batches, and nothing else") {
  Clearing box;
  const auto outcome = box.clear(box.filter(std::uint8_t{6}));
  CHECK(outcome->matched == 200);
  CHECK(outcome->cleared == 200);
  CHECK(box.one.shard().size() == 200);
  CHECK(box.two.shard().size() == 200);
  CHECK(*std::max_element(box.batches.begin(), box.batches.end()) <= 64);
  const auto rest = box.clear(box.filter({}), 1);
  CHECK(rest->cleared == 400);
  CHECK(box.one.shard().size() + box.two.shard().size() == 0);
  CHECK(box.clear(box.filter({}))->matched == 0);
}

TEST_CASE("a session that ended by itself, and its place another's, is not cleared") {
  SessionBox box(100);
  test::SessionNamesBox names;
  for (std::uint32_t i = 0; i < 10; ++i) box.add4(i, {});
  OwedHandles owed;
  // Between looking and ending every session is replaced by a new one.
  const auto end = [&](WorkerIndex, std::span<const SessionHandle> handles) -> Result<std::uint64_t> {
    for (const SessionHandle& handle : handles) box.shard().end<FiveTuple4>(handle.slot, SessionEnd::kExpired);
    for (std::uint32_t i = 0; i < 10; ++i) box.add4(i, {});
    return box.shard().clear(handles);
  };
  SessionClearing clearing({&box.memory()}, SessionFilter::of({}, names.names).value(), kNowSeconds, 512, end, owed);
  while (!*clearing.step()) {
  }
  CHECK(clearing.outcome().matched == 10);
  CHECK(clearing.outcome().cleared == 0);
  CHECK(box.shard().size() == 10);
}

TEST_CASE("what a worker that does not answer may still read is kept until it does, and no more is handed to it") {
  Clearing box;
  box.stuck = 0;
  CHECK(box.clear(box.filter({})).error().code == ETIMEDOUT);
  REQUIRE(box.owed.size() == 1);
  CHECK(box.owed.at(0).size() == 64);
  const SessionHandle* kept = box.owed.at(0).data();
  box.batches.clear();
  CHECK(box.clear(box.filter({})).has_error());
  CHECK(box.batches == std::vector<std::size_t>{0});
  CHECK(box.owed.at(0).data() == kept);
  box.stuck = 9;
  CHECK(box.clear(box.filter({}))->cleared == 600);
  CHECK(box.owed.empty());
}

}  // namespace
}  // namespace culvert
