// SPDX-License-Identifier: Apache-2.0
// fail: closed: what is pinned outlives a kill, is taken over without a gap, and ends when asked to.
#include "kernel_redirect/pins.h"

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <bpf/bpf.h>
#include <filesystem>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>

#include "kernel_redirect/program.h"
#include "test/kernel_redirect/frames.h"
#include "test/kernel_redirect/sandbox.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

using Catch::Matchers::Contains;
namespace fs = std::filesystem;

RedirectOptions pinned(const VethPair& veth, AttachWish mode = AttachWish::kAuto) {
  return {.interface = veth.name(),
          .mode = mode,
          .multi_buffer = false,
          .stations = {kStation},
          .outlive_process = true,
          .bpffs = sandbox_bpffs()};
}

RedirectOptions not_pinned(const VethPair& veth) {
  auto options = pinned(veth);
  options.outlive_process = false;
  return options;
}

/// A culvertd that is killed: its pins stay.
void leave_pins(const VethPair& veth, AttachWish mode = AttachWish::kAuto) {
  Child child([&] { static const RedirectProgram program(RedirectState(1, FailMode::kClosed), pinned(veth, mode)); });
}

std::string message_of(const RedirectState& state, const RedirectOptions& options) {
  try {
    const RedirectProgram program(state, options);
  } catch (const SetupError& error) {
    return error.what();
  }
  return "attached";
}

DetachReport detach() {
  return detach_everything(sandbox_bpffs()).value();
}

std::uint32_t link_id(const fs::path& folder) {
  const Fd link(bpf_obj_get((folder / "link").c_str()));
  bpf_link_info info{};
  std::uint32_t size = sizeof(info);
  return link && bpf_obj_get_info_by_fd(link.get(), &info, &size) == 0 ? info.id : 0;
}

/// The kernel's own address on the near end, a UDP socket of the host on it, and a raw sender at the far end.
class UdpLeak {
 public:
  explicit UdpLeak(const VethPair& veth) {
    run("ip link set " + veth.name() + " address 02:00:00:00:00:01");  // kStation
    run("ip addr add 192.0.2.1/24 dev " + veth.name());
    socket_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = v4("192.0.2.1").value.wire();
    here.sin_port = Be16(9).wire();
    REQUIRE(::bind(socket_.get(), static_cast<sockaddr*>(static_cast<void*>(&here)), sizeof(here)) == 0);
    sender_ = Fd(::socket(AF_PACKET, SOCK_RAW, 0));
    to_.sll_family = AF_PACKET;
    to_.sll_ifindex = static_cast<int>(::if_nametoindex(veth.peer().c_str()));
    Bytes udp = ports(40000, 9);
    udp[5] = static_cast<std::uint8_t>(udp.size());  // its length; no checksum (RFC 768)
    frame_ = ethernet(kV4) + ip4({.source = "192.0.2.7", .destination = "192.0.2.1", .protocol = kUdp}) + udp;
    frame_[17] = static_cast<std::uint8_t>(frame_.size() - 14);
    checksum();
  }

  void send() {
    (void)!::sendto(sender_.get(), frame_.data(), frame_.size(), 0, static_cast<sockaddr*>(static_cast<void*>(&to_)),
                    sizeof(to_));
    sent_++;
  }
  std::uint64_t sent() const { return sent_; }
  /// Packets that reached the host since the last call.
  unsigned received() {
    std::array<char, 64> buffer;
    unsigned count = 0;
    while (::recv(socket_.get(), buffer.data(), buffer.size(), 0) >= 0) count++;
    return count;
  }

 private:
  void checksum() {
    std::uint32_t sum = 0;
    for (std::size_t i = 14; i < 34; i += 2) sum += static_cast<std::uint32_t>(frame_[i] << 8 | frame_[i + 1]);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    frame_[24] = static_cast<std::uint8_t>(~sum >> 8);
    frame_[25] = static_cast<std::uint8_t>(~sum);
  }

  Fd socket_, sender_;
  sockaddr_ll to_{};
  Bytes frame_;
  std::atomic<std::uint64_t> sent_{0};
};

}  // namespace

TEST_CASE("pins outlive a kill, are taken over, and end by detach", "[pins]") {
  const VethPair veth("pin0", "pin1");
  const auto folder = pin_folder(sandbox_bpffs(), veth.ifindex());
  leave_pins(veth);
  REQUIRE(xdp_holder(veth.ifindex()));
  for (const auto* name : {"link", "settings", "heartbeat", "local_v4", "local_v6", "deny_v4", "deny_v6", "failsafe",
                           "sockets", "counters", "vlans", "stations"}) {
    INFO(name);
    CHECK(fs::exists(folder / name));
  }
  const auto first_link = link_id(folder);
  const auto first_program = xdp_holder(veth.ifindex())->program_id;
  {
    const RedirectState state(1, FailMode::kClosed);
    const RedirectProgram program(state, pinned(veth));
    CHECK(program.report().to_string() == "native, taken over");
    CHECK(program.pinned_at() == folder);
    CHECK(link_id(folder) == first_link);
    CHECK(xdp_holder(veth.ifindex())->program_id != first_program);
    CHECK(detach().refused.size() == 1);  // we are alive and hold it
    CHECK(xdp_holder(veth.ifindex()));
  }
  CHECK(xdp_holder(veth.ifindex()));  // a clean end leaves it, too
  const auto report = detach();
  REQUIRE(report.done.size() == 1);
  CHECK(report.done[0] == "pin0: detached");
  CHECK(report.refused.empty());
  CHECK_FALSE(fs::exists(folder));
  CHECK_FALSE(fs::exists(fs::path(sandbox_bpffs()) / "culvert"));
  CHECK(eventually([&] { return !xdp_holder(veth.ifindex()); }));
  CHECK(detach().done.empty());
}

TEST_CASE("nothing reaches the host while closed, before, during and after twenty take-overs", "[pins]") {
  const VethPair veth("pin0", "pin1");
  UdpLeak leak(veth);
  leak.send();
  REQUIRE(eventually([&] { return leak.received() == 1; }));  // so the test can fail
  const auto fill = [&](RedirectState& state) {
    REQUIRE(state.set_local_address(v4("192.0.2.1"), AddressUse::kClaimed));
  };
  std::atomic<bool> stop{false};
  std::optional<RedirectState> state;
  std::optional<RedirectProgram> program;
  fill(state.emplace(1, FailMode::kClosed));
  program.emplace(*state, pinned(veth));
  std::thread sender([&] {
    while (!stop) leak.send();
  });
  std::uint64_t judged = 0;
  for (int restart = 0; restart < 20; restart++) {
    judged += program->counters().value()[kActionStaleDropped];
    program.reset();
    state.reset();
    fill(state.emplace(1, FailMode::kClosed));
    program.emplace(*state, pinned(veth));
    CHECK(program->report().taken_over);
  }
  stop = true;
  sender.join();
  CHECK(leak.sent() > 1000);
  CHECK(judged > 0);
  CHECK(leak.received() == 0);
  program.reset();
  detach();
  // The kernel takes the program off a moment after the last reference is gone.
  CHECK(eventually([&] {
    leak.send();
    return leak.received() >= 1;
  }));
}

TEST_CASE("fail: open after fail: closed takes the pins over and removes them", "[pins]") {
  const VethPair veth("pin0", "pin1");
  leave_pins(veth);
  {
    const RedirectState state(1, FailMode::kOpen);
    const RedirectProgram program(state, not_pinned(veth));
    CHECK(program.report().taken_over);
    CHECK(program.pinned_at().empty());
    CHECK_FALSE(fs::exists(pin_folder(sandbox_bpffs(), veth.ifindex())));
    CHECK(program.attached());
  }
  CHECK(eventually([&] { return !xdp_holder(veth.ifindex()); }));
}

TEST_CASE("the fail mode of a running program changes both ways", "[pins]") {
  const VethPair veth("pin0", "pin1");
  const auto folder = pin_folder(sandbox_bpffs(), veth.ifindex());
  const RedirectState state(1, FailMode::kOpen);
  RedirectProgram program(state, not_pinned(veth));
  CHECK_FALSE(fs::exists(folder));
  REQUIRE(program.outlive_process(true));
  CHECK(fs::exists(folder / "link"));
  REQUIRE(program.outlive_process(true));
  REQUIRE(program.outlive_process(false));
  CHECK_FALSE(fs::exists(folder));
  CHECK(program.attached());
}

TEST_CASE("a generic pinned link stays generic, and says what to type", "[pins]") {
  const VethPair veth("pin0", "pin1");
  leave_pins(veth, AttachWish::kGeneric);
  const RedirectState state(1, FailMode::kClosed);
  CHECK_THAT(message_of(state, pinned(veth, AttachWish::kNative)), Contains("type: culvert detach"));
  {
    const RedirectProgram program(state, pinned(veth));
    CHECK(program.report().mode == AttachMode::kGeneric);
    CHECK_THAT(program.report().to_string(), Contains("generic, taken over (pin0: the pinned link"));
  }
  detach();
}

TEST_CASE("a living holder of the pinned link is not robbed", "[pins]") {
  const VethPair veth("pin0", "pin1");
  Child child([&] { static const RedirectProgram program(RedirectState(1, FailMode::kClosed), pinned(veth)); });
  const RedirectState state(1, FailMode::kClosed);
  CHECK_THAT(message_of(state, pinned(veth)), Contains("(pid " + std::to_string(child.pid()) + ") holds it"));
  const auto report = detach();
  REQUIRE(report.refused.size() == 1);
  CHECK_THAT(report.refused[0], Contains("(pid " + std::to_string(child.pid()) + ") is running"));
  child.kill();
  CHECK(detach().done.size() == 1);
}

TEST_CASE("pins of a deleted interface are stale: removed by detach, or by a successor of the same index", "[pins]") {
  std::optional<VethPair> veth;
  veth.emplace("pin0", "pin1");
  const auto index = std::to_string(veth->ifindex());
  leave_pins(*veth);
  veth.reset();
  SECTION("detach") {
    const auto links = pinned_links(sandbox_bpffs());
    REQUIRE(links.size() == 1);
    CHECK_FALSE(links[0].attached);
    CHECK_THAT(detach().done.at(0), Contains("its interface is gone; stale pins removed"));
  }
  SECTION("an interface that gets the same index") {
    veth.emplace("pin0", "pin1", "index " + index);
    const RedirectState state(1, FailMode::kClosed);
    {
      const RedirectProgram program(state, pinned(*veth));
      CHECK(program.report().to_string() == "native");
      CHECK(program.attached());
      veth.reset();  // and now under a living program
    }
    CHECK(pinned_links(sandbox_bpffs()).empty());
  }
}

TEST_CASE("pins of another network namespace are left alone", "[pins]") {
  const VethPair veth("pin0", "pin1");
  leave_pins(veth);
  const auto folder = pin_folder(sandbox_bpffs(), veth.ifindex());
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNET) != 0) ::_exit(2);
    const auto report = detach_everything(sandbox_bpffs());
    ::_exit(report && report->done.empty() && report->refused.empty() ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  CHECK(fs::exists(folder / "link"));
  CHECK(detach().done.size() == 1);
}

TEST_CASE("what an earlier culvertd left on others than ours is ended; what a process holds, and ours, is not",
          "[pins]") {
  const VethPair ours("pin0", "pin1"), other("pin2", "pin3"), held("pin4", "pin5");
  std::optional<VethPair> gone(std::in_place, "pin6", "pin7");
  leave_pins(ours);
  leave_pins(other);
  leave_pins(*gone);
  Child living([&] { static const RedirectProgram program(RedirectState(1, FailMode::kClosed), pinned(held)); });
  gone.reset();
  auto report = detach_others({"pin0"}, sandbox_bpffs());
  REQUIRE(report.done.size() == 2);
  std::sort(report.done.begin(), report.done.end(), std::greater<>());
  CHECK(report.done[0] == "pin2: detached");
  CHECK_THAT(report.done[1], Contains("its interface is gone"));
  CHECK(report.refused.empty());
  CHECK(eventually([&] { return !xdp_holder(other.ifindex()); }));
  CHECK(xdp_holder(ours.ifindex()));
  CHECK(xdp_holder(held.ifindex()));
  living.kill();
  CHECK(detach().done.size() == 2);
}

TEST_CASE("a bpffs is found or mounted where it outlives the process", "[pins][other namespace]") {
  // In a process namespace of its own, so that "process 1" is ours and its mounts, too.
  const pid_t outer = ::fork();
  if (outer == 0) {
    if (::unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) ::_exit(2);
    const pid_t one = ::fork();
    if (one == 0) {
      if (::mount("proc", "/proc", "proc", 0, nullptr) != 0 || ::mount("tmpfs", "/run", "tmpfs", 0, nullptr) != 0 ||
          ::mount("sysfs", "/sys", "sysfs", 0, nullptr) != 0) {
        ::_exit(3);
      }
      if (bpffs_root(BpffsMount::kFindOnly)) ::_exit(4);
      const pid_t daemon = ::fork();
      if (daemon == 0) {  // as `ip netns exec` does
        if (::unshare(CLONE_NEWNS) != 0) ::_exit(5);
        const auto root = bpffs_root(BpffsMount::kMount);
        if (!root || *root != "/proc/1/root/sys/fs/bpf") ::_exit(6);
        ::_exit(fs::create_directory(fs::path(*root) / "kept") ? 0 : 7);
      }
      int status = -1;
      ::waitpid(daemon, &status, 0);
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 8);
      const auto root = bpffs_root(BpffsMount::kFindOnly);
      ::_exit(root && *root == "/sys/fs/bpf" && fs::exists("/sys/fs/bpf/kept") ? 0 : 9);
    }
    int status = -1;
    ::waitpid(one, &status, 0);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 10);
  }
  int status = -1;
  ::waitpid(outer, &status, 0);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace culvert::test
