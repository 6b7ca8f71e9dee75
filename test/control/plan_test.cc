// SPDX-License-Identifier: Apache-2.0
// What a configuration means on a machine, for machines that are not at hand.
#include "control/plan.h"

#include <fmt/format.h>

#include "base/mapping.h"
#include "config/check.h"
#include "test/support/catch.h"
#include "workers/worker.h"

namespace culvert {
namespace {

using Catch::Matchers::Contains;
using Queues = std::map<std::string, std::uint32_t>;

Config config_of(const std::string& system, std::uint32_t interfaces, const std::string& interface = "{}") {
  std::string text = "system:\n  huge_pages: never\n" + system + "interfaces:\n";
  for (std::uint32_t i = 0; i < interfaces; ++i) text += fmt::format("  lan{}: {}\n", i, interface);
  const CheckResult checked = check_text(text, "plan_test.yaml");
  REQUIRE(checked.config.has_value());
  return *checked.config;
}

Queues queues_of(std::uint32_t interfaces, std::uint32_t queues) {
  Queues all;
  for (std::uint32_t i = 0; i < interfaces; ++i) all[fmt::format("lan{}", i)] = queues;
  return all;
}

/// What must be true of every plan: Region takes it, and everybody's quota fits into one worker's part.
void check_plan(const Plan& plan) {
  REQUIRE(check_region(plan.region).has_value());
  const std::uint32_t home = plan.region.frames / plan.region.workers;
  CHECK(frames_needed(plan.demand, plan.quota) <= home);
  CHECK(plan.quota.receive >= least_quota(plan.rings).receive);
  CHECK(plan.quota.transmit >= least_quota(plan.rings).transmit);
  CHECK(plan.demand.lanes_per_worker <= kMaxLanesPerWorker);
}

TEST_CASE("auto is a plan that starts: 1 to 16 workers, one and two interfaces, both frame sizes, few to 64 queues") {
  for (std::uint32_t workers = 1; workers <= 16; ++workers) {
    for (std::uint32_t interfaces = 1; interfaces <= 2; ++interfaces) {
      for (const std::uint32_t frame_size : {kSmallFrame, kLargeFrame}) {
        const Config config =
            config_of(fmt::format("  workers: {}\n  frame_size: {}\n", workers, frame_size), interfaces);
        for (const std::uint32_t queues : {1U, workers, 2 * workers, 32U, 64U}) {
          INFO(workers << " workers, " << interfaces << " interfaces of " << queues << " queues, " << frame_size);
          const auto plan = make_plan(config, queues_of(interfaces, queues));
          if (interfaces * ((queues + workers - 1) / workers) > kMaxLanesPerWorker) {
            CHECK(plan.has_error());
            continue;
          }
          REQUIRE(plan.has_value());
          check_plan(*plan);
          CHECK(plan->region.frames <= kMostAutomaticFrames);
          // As many queues as workers, which is what we recommend: every ring can be full.
          if (queues <= workers) CHECK(plan->quota.receive == full_quota(plan->rings).receive);
        }
      }
    }
  }
}

TEST_CASE("the largest of everything still has a plan, and the smallest rings too") {
  const Config largest = config_of(
      "  workers: 16\n  rings: {rx: 8192, tx: 8192, fill: 8192, completion: 8192}\n  limits: {pending_packets: 8192}\n",
      32);
  const auto plan = make_plan(largest, queues_of(32, 32));
  REQUIRE(plan.has_value());
  check_plan(*plan);
  CHECK(plan->demand.lanes_per_worker == kMaxLanesPerWorker);
  CHECK_THAT(plan->notes.back(), Contains("system.frames: 4194304 fills more of them"));

  const auto small = make_plan(config_of("  rings: {rx: 64, tx: 64, fill: 64, completion: 64}\n", 2), queues_of(2, 1));
  REQUIRE(small.has_value());
  check_plan(*small);
}

TEST_CASE("what the configuration's check takes as frames the region takes") {
  const auto frames = [](std::uint32_t number) { return fmt::format("  workers: 1\n  frames: {}\n", number); };
  const auto plan = make_plan(config_of(frames(kMaxFrames), 2), queues_of(2, 1));
  REQUIRE(plan.has_value());
  check_plan(*plan);
  const CheckResult more = check_text("system:\n" + frames(kMaxFrames + 1) + "interfaces:\n  lan0: {}\n", "more");
  CHECK_FALSE(more.config.has_value());
}

TEST_CASE("too few frames are refused with numbers that work") {
  const auto plan = [](std::uint32_t frames) {
    return make_plan(config_of(fmt::format("  workers: 2\n  frames: {}\n", frames), 2), queues_of(2, 2));
  };
  const auto refused = plan(1024);
  REQUIRE(refused.has_error());
  CHECK(refused.error().what == "system.frames: 1024 frames are too few for 4 lanes and 2 workers");
  CHECK(refused.error().hint == "set system.frames: auto, or 8448 at least; 39680 fill every ring");
  CHECK(plan(8447).has_error());
  REQUIRE(plan(8448).has_value());
  check_plan(*plan(8448));
  CHECK(plan(39680)->quota.receive == 6144);
  CHECK(plan(39678)->quota.receive < 6144);
}

TEST_CASE("more lanes than a worker can own are refused, with what to set, and that helps") {
  const auto refused = make_plan(config_of("  workers: 1\n", 2), queues_of(2, 33));
  REQUIRE(refused.has_error());
  CHECK(refused.error().what ==
        "66 lanes of 2 interfaces on 1 workers: one worker would have 66 and serves 64 at most");
  CHECK(refused.error().hint == "set system.workers: 2, or set queues: 32 for each interface");
  CHECK(make_plan(config_of("  workers: 2\n", 2), queues_of(2, 33)).has_value());
  CHECK(make_plan(config_of("  workers: 1\n", 2, "{queues: 32}"), queues_of(2, 33)).has_value());
  CHECK(make_plan(config_of("  workers: 1\n", 2), queues_of(2, 32)).has_value());
  // 32 interfaces of 64 queues have too many lanes for any number of workers.
  CHECK(make_plan(config_of("  workers: 16\n", 32), queues_of(32, 64)).error().hint ==
        "set queues: 32 for each interface");
}

TEST_CASE("lanes are planned for the queues that are configured, there or not, else for those that are there") {
  const auto lanes = [](const std::string& interface, std::uint32_t queues) {
    return make_plan(config_of("  workers: 1\n", 1, interface), queues_of(1, queues))->lanes.at("lan0");
  };
  CHECK(lanes("{}", 0) == 1);
  CHECK(lanes("{}", 3) == 3);
  CHECK(lanes("{}", 65) == 64);
  CHECK(lanes("{queues: 4}", 0) == 4);
  CHECK(lanes("{queues: 4}", 2) == 4);
  CHECK(lanes("{queues: 4}", 8) == 4);
}

TEST_CASE("sessions lie beside the control socket, or in a tmpfs that is named") {
  const std::string policy = "zones: {lan: {}}\npolicy: {rules: []}\n";
  const auto plan_of = [&](const std::string& directory) {
    const std::string text =
        "system: {control_socket: /dev/shm/control.sock, huge_pages: never}\n"
        "interfaces: {lan0: {zone: lan}}\n" +
        policy + directory;
    const CheckResult checked = check_text(text, "plan_test.yaml");
    REQUIRE(checked.config.has_value());
    return make_plan(*checked.config, queues_of(1, 1));
  };
  REQUIRE(is_tmpfs("/dev/shm"));
  CHECK(plan_of("")->sessions->folder == "/dev/shm");
  CHECK(plan_of("sessions: {directory: auto}\n")->sessions->folder == "/dev/shm");
  CHECK(plan_of("sessions: {directory: /dev/shm}\n")->sessions->folder == "/dev/shm");
  const auto refused = plan_of("sessions: {directory: /proc}\n");
  REQUIRE(refused.has_error());
  CHECK(refused.error().what == "sessions.directory: /proc is no tmpfs");
  CHECK(refused.error().hint == "mount -t tmpfs -o mode=0700,huge=within_size culvert-sessions /proc");
}

}  // namespace
}  // namespace culvert
