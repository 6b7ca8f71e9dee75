// SPDX-License-Identifier: Apache-2.0
#include "test/kernel_redirect/sandbox.h"

#include <bit>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <linux/if_xdp.h>
#include <memory>
#include <net/if.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <utility>

#include "kernel_redirect/state.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

constexpr auto kBpffs = "/mnt";  // of our own mount namespace: nobody else sees what is mounted over it

std::string failed(const char* what) {
  return std::string(what) + ": " + std::strerror(errno);
}

}  // namespace

std::optional<std::string> enter_sandbox() {
  if (::geteuid() != 0) return "not root";
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return failed("no namespace of its own");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("private mounts");
  if (::mount("bpf", kBpffs, "bpf", 0, "mode=0700") != 0) return failed("no BPF file system");
  try {
    const RedirectState state(1, FailMode::kOpen);
  } catch (const SetupError& error) {
    return error.what();
  }
  try {
    (void)make_xsk();
  } catch (const SetupError& error) {
    return error.what();
  }
  if (std::system("ip link set lo up") != 0) return "no ip command";
  return std::nullopt;
}

const std::string& sandbox_bpffs() {
  static const std::string path = kBpffs;
  return path;
}

void run(const std::string& command) {
  INFO(command);
  REQUIRE(std::system(command.c_str()) == 0);
}

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  REQUIRE(pipe);
  std::string text;
  for (int character = std::fgetc(pipe.get()); character != EOF; character = std::fgetc(pipe.get())) {
    text.push_back(static_cast<char>(character));
  }
  return text;
}

VethPair::VethPair(std::string name, std::string peer, const std::string& options, const std::string& peer_options)
    : name_(std::move(name)), peer_(std::move(peer)) {
  run("ip link add " + name_ + " " + options + " type veth peer name " + peer_ + " " + peer_options);
  // Quiet: IPv6 would send multicast of its own into tests that count packets.
  for (const auto& end : {name_, peer_}) run("echo 1 > /proc/sys/net/ipv6/conf/" + end + "/disable_ipv6");
  run("ip link set " + name_ + " up && ip link set " + peer_ + " up");
}

VethPair::~VethPair() {
  if (ifindex() != 0) (void)!std::system(("ip link del " + name_).c_str());
}

int VethPair::ifindex() const {
  return static_cast<int>(::if_nametoindex(name_.c_str()));
}

Child::Child(const std::function<void()>& work) {
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    ::close(ready[0]);
    char outcome = 'y';
    try {
      work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "child: %s\n", error.what());
      outcome = 'n';
    }
    if (::write(ready[1], &outcome, 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  ::close(ready[1]);
  char outcome = 'n';
  const bool answered = ::read(ready[0], &outcome, 1) == 1;
  ::close(ready[0]);
  REQUIRE((answered && outcome == 'y'));
}

void Child::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(std::exchange(pid_, -1), nullptr, 0);
}

Fd make_xsk() {
  constexpr std::size_t kSize = 64 * 2048;
  static void* const memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Fd socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket) throw SetupError(errno_error("no AF_XDP in this kernel"));
  xdp_umem_reg region{};
  region.addr = std::bit_cast<std::uintptr_t>(memory);
  region.len = kSize;
  region.chunk_size = 2048;
  const auto set = [&](int option, const void* value, socklen_t size) {
    if (::setsockopt(socket.get(), SOL_XDP, option, value, size) != 0) throw SetupError(errno_error("AF_XDP socket"));
  };
  const int entries = 64;
  set(XDP_UMEM_REG, &region, sizeof(region));
  set(XDP_UMEM_FILL_RING, &entries, sizeof(entries));
  set(XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries));
  set(XDP_RX_RING, &entries, sizeof(entries));
  return socket;
}

bool eventually(const std::function<bool()>& condition) {
  for (int attempt = 0; attempt < 200; attempt++) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace culvert::test
