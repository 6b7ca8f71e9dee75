// SPDX-License-Identifier: Apache-2.0
// One snapshot for every output: two workers, one of which is stuck; two lanes, one with a nearly full tx ring; one
// lane whose link is down; something unknown; something lost.
#pragma once

#include "status/snapshot.h"

namespace culvert::test {

inline ResourceStatus resource(const char* name, const char* scope, std::uint64_t max, std::uint64_t used,
                               std::uint64_t peak, std::uint64_t failures) {
  return {name, scope, max, used, peak, failures, std::nullopt, false};
}

inline ResourceStatus unknown_resource(const char* name, const char* scope, const char* why) {
  return {name, scope, {}, {}, {}, {}, why, false};
}

inline std::vector<ResourceStatus> fixture_resources() {
  ResourceStatus history = resource("event_history", "culvertd", 1024, 1024, 1024, 12);
  history.full_is_normal = true;
  return {resource("umem_frames", "worker 0", 4096, 100, 200, 0),
          resource("umem_frames", "worker 1", 4096, 200, 400, 0),
          resource("tx_ring", "lan0/0", 2048, 20, 60, 0),
          resource("tx_ring", "wan0/0", 2048, 2001, 2048, 17),
          unknown_resource("tx_ring", "wan0/1", "link down"),
          resource("punt_queue", "worker 0", 1000, 899, 899, 0),
          unknown_resource("ipv6_routes", "culvertd", "not in use"),
          history};
}

inline StatusSnapshot fixture() {
  StatusSnapshot status;
  status.version = "0.1.0";
  status.time_unix_ms = 1'790'000'000'123;
  status.uptime_ms = 93'784'000;
  status.interval_ms = 1000;
  status.fail_mode = "open";
  status.configuration_generation = 7;
  status.snapshot_generation = 41;
  status.heartbeat_age_ms = 4;
  status.last_error = ErrorStatus{1'790'000'000'000, "wan0: link \"went\" away", 3};
  status.process = {4711, std::uint64_t{64} << 20, 1500};
  status.agent = AgentStatus{"running", 4712, 1, std::nullopt};
  InterfaceStatus lan{"lan0", 0,        11,  "up", 1500, "02:00:00:00:00:01", "native/copy", 1, 1000, 64000, 900, 57600,
                      5,      250000.0, 1.0, 2.0,  3.0};
  InterfaceStatus wan{"wan0", 1,  12, "down", 1500, "02:00:00:00:00:02", "native/copy", 2, 900, 57600, 1000, 64000,
                      0,      {}, {}, {},     {}};
  status.interfaces = {lan, wan};
  LaneStatus lane;
  lane.interface = "lan0";
  lane.state = "up";
  lane.mode_asked = "auto";
  lane.mode_got = "native/copy";
  lane.why_not_better = "zero-copy not supported by veth (set mode: copy to silence)";
  lane.wakeup = "need_wakeup";
  lane.rx_packets = 1000;
  lane.rx_packets_per_second = 250000.0;
  status.lanes = {lane};
  WorkerStatus running;
  running.cpu = 1;
  running.state = "running";
  running.turns = 1'000'000;
  running.busy_percent = 43.25;
  running.longest_turn_ns = 830'000;
  running.received = 1900;
  running.forwarded = 1895;
  running.dropped = 5;
  WorkerStatus stuck = running;
  stuck.worker = 1;
  stuck.state = "stuck";
  stuck.stuck_for_ms = 3200;
  stuck.busy_percent.reset();
  status.workers = {running, stuck};
  status.frames.home = 8192;
  status.frames.holders = {{"pool", 6000}, {"receive", 2048}, {"transmit", 140}};
  status.frames.in_flight = 4;
  status.frames.unaccounted = 0;
  status.resources = fixture_resources();
  status.pressure = {{"tx_busy", "wan0/0", 17}, {"tx_again", "wan0/0", 0}};
  status.drops = {{"lan0", "no_route", 3}, {"lan0", "ttl_expired", 2}};
  status.xdp_actions = {{"all", "redirect", "redirect", 1900}};
  status.events = {30, 28, 2, 29};
  return status;
}

}  // namespace culvert::test
