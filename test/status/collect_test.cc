// SPDX-License-Identifier: Apache-2.0
#include "status/collect.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "test/support/catch.h"

namespace culvert {
namespace {

constexpr Now kStart = 100 * kNanosecondsPerSecond;

struct Box {
  std::unique_ptr<WorkerCells> workers[2] = {std::make_unique<WorkerCells>(), std::make_unique<WorkerCells>()};
  std::unique_ptr<LaneCells> lane = std::make_unique<LaneCells>();
  Registry registry;
  EventLog events{4};
  ErrorLog errors;
  StatusSources sources;
  StatusCollector collector;

  Box() {
    for (auto& worker : workers) {
      worker->beat_ns.set(kStart);
      worker->state.set(static_cast<std::uint64_t>(WorkerState::kRunning));
      sources.workers.push_back(worker.get());
    }
    sources.started_ns = kStart - 5 * kNanosecondsPerSecond;
    sources.lanes.push_back({"wan0", 0, 0, 0, lane.get(), "auto", "native/copy", "need_wakeup", {}});
    sources.interfaces.push_back({"wan0", 0, 12, "up", 1500, "02:00:00:00:00:01"});
    sources.registry = &registry;
    sources.events = &events;
    sources.errors = &errors;
  }
  StatusSnapshot at(Now now) { return collector.collect(sources, now, 1); }
};

TEST_CASE("a resource's used and peak never exceed its max, and its peak is never below used") {
  Registry registry;
  Gauge gauge;
  gauge.max.set(100);
  gauge.used.set(130);
  gauge.peak.set(200);
  REQUIRE(registry.add(ResourceKind::kPuntQueue, "worker 0", &gauge));
  CHECK(registry.read()[0].used == 100u);
  CHECK(registry.read()[0].peak == 100u);
  gauge.used.set(50);
  gauge.peak.set(40);
  CHECK(registry.read()[0].peak == 50u);
}

TEST_CASE("a shared resource is one row: the same gauge is not counted twice") {
  Registry registry;
  Gauge gauge, other;
  gauge.max.set(10);
  CHECK(registry.add(ResourceKind::kNeighbors, "culvertd", &gauge));
  CHECK_FALSE(registry.add(ResourceKind::kNeighbors, "worker 1", &gauge));
  CHECK_FALSE(registry.add(ResourceKind::kNextHops, "culvertd", &gauge));
  CHECK(registry.add(ResourceKind::kNeighbors, "culvertd", &other));
  CHECK(registry.size() == 1);
  CHECK(registry.read()[0].unknown == "not in use");
}

TEST_CASE("lanes come and go: a lane that is down is unknown, a removed scope has no rows") {
  Registry registry;
  LaneCells lane;
  lane.tx_ring.max.set(2048);
  lane.tx_ring.failures.set(3);
  lane.rx_ring.max.set(2048);
  registry.add(ResourceKind::kTransmitRing, "wan0/0", &lane.tx_ring, &lane.state);
  registry.add(ResourceKind::kReceiveRing, "wan0/0", &lane.rx_ring, &lane.state);
  registry.add_unknown(ResourceKind::kTransmitRing, "wan0/1", "no such queue");
  CHECK(registry.read()[0].kind == ResourceKind::kReceiveRing);
  CHECK(registry.read()[1].max == 2048u);
  lane.state.set(static_cast<std::uint64_t>(LaneState::kLinkDown));
  CHECK_FALSE(registry.read()[1].used.has_value());
  CHECK(registry.read()[1].unknown == "link down");
  CHECK(registry.read()[1].failures == 3u);
  CHECK(registry.read()[2].unknown == "no such queue");
  CHECK(registry.remove("wan0/0") == 2);
  CHECK(registry.size() == 1);
  CHECK_FALSE(registry.has(ResourceKind::kReceiveRing));
}

TEST_CASE("every kind of resource has its own name") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kResourceKinds; ++i) names.insert(resource_text(static_cast<ResourceKind>(i)).name);
  CHECK(names.size() == kResourceKinds);
}

TEST_CASE("rates are over one to two seconds however often it is asked; the first answer has none") {
  Box box;
  CHECK_FALSE(box.at(kStart).workers[0].turns_per_second.has_value());
  box.workers[0]->turns.set(1000);
  box.workers[0]->busy_ns.set(kNanosecondsPerSecond / 4);
  box.lane->rx_packets.set(500);
  box.lane->rx_bytes.set(50'000);
  StatusSnapshot status = box.at(kStart + kNanosecondsPerSecond);
  REQUIRE(status.workers[0].turns_per_second.has_value());
  CHECK(*status.workers[0].turns_per_second == Approx(1000));
  CHECK(*status.workers[0].busy_percent == Approx(25));
  CHECK(*status.lanes[0].rx_packets_per_second == Approx(500));
  CHECK(*status.lanes[0].rx_bits_per_second == Approx(400'000));
  CHECK(status.interval_ms == 1000u);
  for (int i = 1; i <= 900; ++i) {
    status = box.at(kStart + kNanosecondsPerSecond + static_cast<Now>(i) * kNanosecondsPerMillisecond);
  }
  CHECK(status.interval_ms == 1900u);
  CHECK(*status.workers[0].turns_per_second == Approx(1000 / 1.9));
}

TEST_CASE("the heartbeat is the oldest worker's, and unknown before all have beaten") {
  Box box;
  const auto age = [&] { return box.at(kStart + 300 * kNanosecondsPerMillisecond).heartbeat_age_ms; };
  CHECK(age() == 300u);
  box.workers[0]->beat_ns.set(kStart + 299 * kNanosecondsPerMillisecond);
  CHECK(age() == 300u);
  box.workers[1]->beat_ns.set(kStart + 290 * kNanosecondsPerMillisecond);
  CHECK(age() == 10u);
  box.workers[1]->beat_ns.set(kStart + 301 * kNanosecondsPerMillisecond);  // it beats while it is looked at
  CHECK(age() == 1u);
  box.workers[1]->beat_ns.set(0);
  CHECK_FALSE(age().has_value());
}

TEST_CASE("a worker whose beat is older than two seconds is stuck, and the answer says since when") {
  Box box;
  box.workers[0]->beat_ns.set(kStart + 3 * kNanosecondsPerSecond);
  const StatusSnapshot status = box.at(kStart + 3200 * kNanosecondsPerMillisecond);
  CHECK(status.workers[0].state == "running");
  CHECK_FALSE(status.workers[0].stuck_for_ms.has_value());
  CHECK(status.workers[1].state == "stuck");
  CHECK(status.workers[1].stuck_for_ms == 3200u);
  box.workers[1]->state.set(static_cast<std::uint64_t>(WorkerState::kStopped));
  CHECK(box.at(kStart + 3200 * kNanosecondsPerMillisecond).workers[1].state == "stopped");
}

TEST_CASE("sixteen workers that stopped in the middle of writing do not hold up the answer") {
  std::vector<std::unique_ptr<WorkerCells>> workers;
  StatusSources sources;
  for (std::size_t i = 0; i < kMaxWorkers; ++i) {
    workers.push_back(std::make_unique<WorkerCells>());
    workers.back()->beat_ns.set(1);
    workers.back()->budget.sequence.store(1);
    sources.workers.push_back(workers.back().get());
  }
  StatusCollector collector;
  std::uint64_t fastest_ns = ~std::uint64_t{0};
  // The machine may be busy with other things: the best of a few tries counts.
  for (int i = 0; i < 5; ++i) {
    const Now before = monotonic_ns();
    const StatusSnapshot status = collector.collect(sources, kStart, 1);
    fastest_ns = std::min(fastest_ns, monotonic_ns() - before);
    CHECK(status.frames.unknown.has_value());
    CHECK(status.workers[15].stuck_for_ms.has_value());
  }
  CHECK(fastest_ns < 100 * kNanosecondsPerMillisecond);
}

TEST_CASE("whatever a lane loses outside of the pipeline is among the pressure counters") {
  Box box;
  box.lane->rx_multi_buffer.add(7);
  box.lane->bad_completions.add(2);
  const StatusSnapshot status = box.at(kStart);
  const auto value = [&](const char* counter) {
    for (const PressureStatus& row : status.pressure) {
      if (row.counter == counter && row.scope == "wan0/0") return row.value;
    }
    return std::uint64_t{0};
  };
  CHECK(value("rx_multi_buffer") == 7);
  CHECK(value("bad_completions") == 2);
}

TEST_CASE("drops are summed over workers by interface and reason") {
  Box box;
  box.workers[0]->pipeline.count_drop(0, DropReason::kNoRoute);
  box.workers[1]->pipeline.count_drop(0, DropReason::kNoRoute);
  box.workers[1]->pipeline.count_drop(kNoInterface, DropReason::kNoFrames);
  const StatusSnapshot status = box.at(kStart);
  REQUIRE(status.drops.size() == 2);
  CHECK(status.drops[0].interface == "wan0");
  CHECK(status.drops[0].reason == "no_route");
  CHECK(status.drops[0].packets == 2);
  CHECK(status.drops[1].interface == "none");
  CHECK(status.workers[1].dropped == 2);
  CHECK(status.interfaces[0].dropped == 2);
}

TEST_CASE("all frames are accounted for while they cross between workers") {
  Box box;
  auto& from = box.workers[0]->budget;
  auto& to = box.workers[1]->budget;
  const auto pool = static_cast<std::size_t>(FrameHolder::kPool);
  from.home.set(10);
  to.home.set(10);
  from.holders[pool].set(7);
  from.handed_out.set(3);
  to.holders[pool].set(11);
  to.handed_in.set(1);
  StatusSnapshot status = box.at(kStart);
  CHECK(status.frames.home == 20u);
  CHECK(status.frames.in_flight == 2);
  CHECK(status.frames.unaccounted == 0);
  from.holders[pool].set(6);
  CHECK(box.at(kStart).frames.unaccounted == 1);
  from.sequence.store(1);
  status = box.at(kStart);
  CHECK_FALSE(status.frames.home.has_value());
  CHECK(status.frames.unknown.has_value());
  CHECK(status.frames.workers.size() == 1);
}

TEST_CASE("frame lines that are being written are read as one copy") {
  FrameBudgetCells cells;
  const auto pool = static_cast<std::size_t>(FrameHolder::kPool);
  const auto receive = static_cast<std::size_t>(FrameHolder::kReceive);
  cells.holders[pool].set(1000);
  std::atomic<bool> stop{false};
  std::thread worker([&] {
    for (std::uint64_t i = 0; !stop.load(std::memory_order_relaxed); ++i) {
      const std::uint32_t sequence = cells.sequence.load(std::memory_order_relaxed);
      cells.sequence.store(sequence + 1, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_release);
      cells.holders[pool].set(1000 - i % 1000);
      cells.holders[receive].set(i % 1000);
      cells.sequence.store(sequence + 2, std::memory_order_release);
      if (i % 64 == 0) std::this_thread::yield();
    }
  });
  int copies = 0, torn = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while ((copies < 20'000 || cells.sequence.load() < 20'000) && std::chrono::steady_clock::now() < end) {
    const auto copy = read_frame_budget(cells);
    if (!copy) continue;
    ++copies;
    if (copy->holders[pool] + copy->holders[receive] != 1000) ++torn;
  }
  stop = true;
  worker.join();
  CHECK(torn == 0);
  CHECK(copies >= 20'000);
  CHECK(cells.sequence.load() >= 20'000);
}

TEST_CASE("events are numbered without gaps, limited by kind, and produced = delivered + lost") {
  EventLog log(100);
  for (int i = 0; i < 80; ++i) log.produce(EventKind::kInterfaceDown, kStart, 1, "down");
  CHECK(log.produce(EventKind::kError, kStart, 1, "another kind is not affected"));
  EventStatus status = log.status();
  CHECK(status.produced == 81);
  CHECK(status.delivered == EventLog::kBurst + 1);
  CHECK(status.lost == 80 - EventLog::kBurst);
  REQUIRE(log.produce(EventKind::kInterfaceDown, kStart + kNanosecondsPerSecond, 2, "later"));
  CHECK(log.history().back().fields.back() == std::pair<std::string, std::string>("lost_before", "30"));
  std::uint64_t expected = 1;
  for (const Event& event : log.history()) CHECK(event.sequence == expected++);
  status = log.status();
  CHECK(status.produced == status.delivered + status.lost);
  CHECK(status.next_sequence == expected);
}

TEST_CASE("a high rate of events is let through in bursts of a second's, and no faster") {
  EventLog log(10);
  log.set_rate(10'000);
  // Ten seconds in which 500 come every 10 ms, as records of sessions do: five times the rate.
  for (Now now = kStart; now < kStart + 10 * kNanosecondsPerSecond; now += 10 * kNanosecondsPerMillisecond) {
    for (int i = 0; i < 500; ++i) log.produce(EventKind::kSessionOpened, now, 1, "opened");
  }
  CHECK(log.status().produced == 500'000);
  CHECK(log.status().delivered >= 109'000);
  CHECK(log.status().delivered <= 110'000);
}

TEST_CASE("the history of events is bounded and forgets the oldest") {
  EventLog log(3);
  for (int i = 0; i < 5; ++i) log.produce(EventKind::kError, kStart, 1, "x");
  REQUIRE(log.history().size() == 3);
  CHECK(log.history().front().sequence == 3);
  CHECK(log.gauge().failures.read() == 2);
  CHECK(log.gauge().used.read() == 3);
}

TEST_CASE("an event comes back from JSON as it was") {
  const Event event{7, 1'790'000'000'123, "error", "text \"quoted\"", {{"interface", "wan0"}}};
  const auto back = event_from_json(event_to_json(event));
  REQUIRE(back.has_value());
  CHECK(back->sequence == 7);
  CHECK(back->text == event.text);
  CHECK(back->fields == event.fields);
  CHECK(event_from_json(boost::json::value(3)).has_error());
}

TEST_CASE("the last error is kept with the count of all") {
  ErrorLog errors;
  CHECK_FALSE(errors.last().has_value());
  errors.record(Error{"one", 0, ""}, 1);
  errors.record(Error{"two", 0, "try three"}, 2);
  CHECK(errors.last()->what == "two (try three)");
  CHECK(errors.last()->count == 2);
}

}  // namespace
}  // namespace culvert
