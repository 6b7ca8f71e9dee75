// SPDX-License-Identifier: Apache-2.0
#include "control/handover.h"

#include <boost/json/array.hpp>
#include <csignal>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <thread>

#include "test/support/catch.h"

using namespace culvert;
using namespace std::chrono_literals;

namespace {

Fd memory(const char* name) {
  const Mapping made = Mapping::shared(4096, name);
  return Fd(::fcntl(made.fd().get(), F_DUPFD_CLOEXEC, 3));
}

std::uint64_t inode(const Fd& fd) {
  struct stat status {};
  REQUIRE(::fstat(fd.get(), &status) == 0);
  return status.st_ino;
}

Offer some_offer() {
  Offer offer;
  offer.version = "1.2.3";
  offer.region = {2048, 8192, 2, HugePages::kNever};
  offer.rings = {512, 256, 128, 64};
  offer.pages = PageKind::kTransparentHuge;
  offer.region_memory = memory("region");
  offer.tun_name = "culvert0";
  offer.tun = memory("tun");
  offer.control_socket = "/run/culvert/control.sock";
  offer.sessions.emplace_back();
  offer.sessions.push_back({memory("sessions"), memory("wheel4"), Fd(), memory("state")});
  offer.meter_lines = memory("lines");
  offer.meter_key = HashKey::from_seed(1);
  offer.policy_generation = 65535;
  offer.route_generation = std::uint64_t{1} << 60;
  offer.interfaces.push_back({"lan0", 7, 2, "auto", AttachMode::kGeneric, memory("link")});
  return offer;
}

}  // namespace

TEST_CASE("what is offered comes over, each descriptor with its own meaning") {
  auto [old, successor] = HandoverSocket::pair();
  const Offer sent = some_offer();
  send_offer(old, sent);
  const Offer got = receive_offer(successor, 1s);
  CHECK(got.version == "1.2.3");
  CHECK(got.region.frame_size == 2048);
  CHECK(got.region.frames == 8192);
  CHECK(got.region.workers == 2);
  CHECK(got.rings.completion == 64);
  CHECK(got.pages == PageKind::kTransparentHuge);
  CHECK(inode(got.region_memory) == inode(sent.region_memory));
  CHECK(inode(got.tun) == inode(sent.tun));
  CHECK(got.control_socket == "/run/culvert/control.sock");
  CHECK(got.metrics.empty());
  REQUIRE(got.sessions.size() == 2);
  CHECK_FALSE(got.sessions[0].file.valid());
  CHECK(inode(got.sessions[1].file) == inode(sent.sessions[1].file));
  CHECK(inode(got.sessions[1].wheel4) == inode(sent.sessions[1].wheel4));
  CHECK_FALSE(got.sessions[1].wheel6.valid());
  CHECK(inode(got.sessions[1].state) == inode(sent.sessions[1].state));
  CHECK_FALSE(got.meter_buckets.valid());
  CHECK(inode(got.meter_lines) == inode(sent.meter_lines));
  CHECK(got.meter_key.word == sent.meter_key.word);
  CHECK(got.policy_generation == 65535);
  CHECK(got.route_generation == std::uint64_t{1} << 60);
  REQUIRE(got.interfaces.size() == 1);
  CHECK(got.interfaces[0].name == "lan0");
  CHECK(got.interfaces[0].ifindex == 7);
  CHECK(got.interfaces[0].attach == AttachMode::kGeneric);
  CHECK(inode(got.interfaces[0].link) == inode(sent.interfaces[0].link));
  CHECK((::fcntl(got.tun.get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("lanes come over with the frames that the kernel has, until all are left") {
  auto [old, successor] = HandoverSocket::pair();
  for (std::uint32_t queue = 0; queue < 3; ++queue) {
    LeftLane left{memory("socket"), LaneMode::kZeroCopy, "because", {queue, 5}, {0, std::uint64_t{1} << 63}};
    send_lane(old, {"wan0", queue, queue % 2, std::move(left)});
  }
  send_left(old, 12345);
  const LeftLanes got = receive_lanes(successor, 1s);
  CHECK(got.rested_ns == 12345);
  REQUIRE(got.lanes.size() == 3);
  CHECK(got.lanes[2].interface == "wan0");
  CHECK(got.lanes[2].worker == 0);
  CHECK(got.lanes[2].left.got == LaneMode::kZeroCopy);
  CHECK(got.lanes[2].left.why_not_better == "because");
  CHECK(got.lanes[2].left.receiving == std::vector<std::uint64_t>{2, 5});
  CHECK(got.lanes[2].left.transmitting == std::vector<std::uint64_t>{0, std::uint64_t{1} << 63});
  send_ready(successor, {{"lan0", "wan0"}, true});
  const Ready ready = receive_ready(old, 1s);
  CHECK(ready.interfaces == std::vector<std::string>{"lan0", "wan0"});
  CHECK(ready.tun);
  send_runs(successor);
  CHECK_NOTHROW(receive_runs(old, 1s));
}

void interrupt(int /*signal*/) {}

TEST_CASE("a signal while it waits disturbs nobody") {
  struct sigaction action {};
  action.sa_handler = interrupt;  // without SA_RESTART
  REQUIRE(::sigaction(SIGUSR1, &action, nullptr) == 0);
  auto [old, successor] = HandoverSocket::pair();
  const pthread_t waiting = ::pthread_self();
  std::thread other([waiting, &socket = successor] {
    for (int i = 0; i < 5; ++i) {
      std::this_thread::sleep_for(10ms);
      ::pthread_kill(waiting, SIGUSR1);
    }
    send_runs(socket);
  });
  CHECK_NOTHROW(receive_runs(old, 5s));
  other.join();
}

TEST_CASE("who has ended, is silent or speaks otherwise is an error with a sentence") {
  auto [old, successor] = HandoverSocket::pair();
  CHECK_THROWS_AS(receive_ready(old, 5ms), SetupError);
  successor.send({{"message", "runs"}});
  CHECK_THROWS_AS(receive_ready(old, 1s), SetupError);
  successor.send({{"message", "ready"}, {"interfaces", 3}});
  CHECK_THROWS_AS(receive_ready(old, 1s), SetupError);
  old.send({{"message", "offer"}, {"protocol", 99}});
  CHECK_THROWS_AS(receive_offer(successor, 1s), SetupError);
  // A lane without its descriptors.
  old.send({{"message", "lane"},
            {"interface", "wan0"},
            {"queue", 0},
            {"worker", 0},
            {"got", 0},
            {"why_not_better", ""},
            {"words", 2}});
  CHECK_THROWS_AS(receive_lanes(successor, 1s), SetupError);
  old.close();
  CHECK_THROWS_AS(receive_lanes(successor, 1s), SetupError);
  CHECK_THROWS_AS(send_runs(successor), SetupError);
}
