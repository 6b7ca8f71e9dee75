// SPDX-License-Identifier: Apache-2.0
#include "test/support/netns.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endian.h"

namespace culvert {
namespace {

constexpr const char* kThisNamespace = "/proc/thread-self/ns/net";

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

Fd this_namespace() {
  Fd fd(::open(kThisNamespace, O_RDONLY | O_CLOEXEC));
  if (!fd) fail("opening the network namespace");
  return fd;
}

void enter(const Fd& net) {
  if (::setns(net.get(), CLONE_NEWNET) != 0) fail("entering a network namespace");
}

}  // namespace

NetNamespace::NetNamespace() {
  const Fd before = this_namespace();
  if (::unshare(CLONE_NEWNET) != 0) fail("making a network namespace");
  fd_ = this_namespace();
  enter(before);
  run("ip link set lo up");
}

std::string NetNamespace::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get());
}

std::string NetNamespace::run(const std::string& command) const {
  const InNamespace inside(*this);
  std::FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
  if (pipe == nullptr) fail("running " + command);
  std::string output;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), count);
  }
  if (::pclose(pipe) != 0) throw std::runtime_error(command + ": " + output);
  return output;
}

InNamespace::InNamespace(const NetNamespace& net) : before_(this_namespace()) {
  enter(net.fd());
}
InNamespace::~InNamespace() {
  enter(before_);
}

void add_veth(const NetNamespace& net, const std::string& name, const std::string& peer_name, VethOptions options) {
  const std::string queues = std::to_string(options.queues);
  const std::string common =
      " numrxqueues " + queues + " numtxqueues " + queues + " mtu " + std::to_string(options.mtu);
  const NetNamespace& peer = options.peer == nullptr ? net : *options.peer;
  net.run("ip link add " + name + common + " type veth peer name " + peer_name + common);
  if (options.peer != nullptr) net.run("ip link set " + peer_name + " netns " + peer.path());
  const auto start = [&](const NetNamespace& where, const std::string& end) {
    if (options.silent) where.run("echo 1 > /proc/sys/net/ipv6/conf/" + end + "/disable_ipv6");
    where.run("ip link set " + end + " up");
  };
  start(net, name);
  start(peer, peer_name);
}

std::uint32_t interface_number(const std::string& name) {
  const std::uint32_t number = ::if_nametoindex(name.c_str());
  if (number == 0) fail("looking for the interface " + name);
  return number;
}

RawPort::RawPort(const std::string& name)
    : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, Be16(ETH_P_ALL).wire())) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = Be16(ETH_P_ALL).wire();
  address.sll_ifindex = static_cast<int>(interface_number(name));
  const void* any = &address;
  if (!fd_ || ::bind(fd_.get(), static_cast<const sockaddr*>(any), sizeof(address)) != 0) {
    fail("a packet socket on " + name);
  }
  const int buffer = 16 << 20;
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
}

bool RawPort::send(std::span<const std::byte> packet) noexcept {
  return ::send(fd_.get(), packet.data(), packet.size(), 0) == static_cast<ssize_t>(packet.size());
}

std::optional<std::vector<std::byte>> RawPort::receive(int timeout_ms) {
  std::vector<std::byte> packet(65536);
  for (;;) {
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, timeout_ms) <= 0) return std::nullopt;
    sockaddr_ll from{};
    socklen_t size = sizeof(from);
    void* any = &from;
    const ssize_t length = ::recvfrom(fd_.get(), packet.data(), packet.size(), 0, static_cast<sockaddr*>(any), &size);
    if (length < 0) {
      if (errno == EAGAIN || errno == EINTR) continue;
      return std::nullopt;
    }
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    packet.resize(static_cast<std::size_t>(length));
    return packet;
  }
}

std::string why_no_af_xdp() {
  if (::geteuid() != 0) return "needs root";
  try {
    const NetNamespace net;
    net.run("ip link add probe0 type veth peer name probe1");
  } catch (const std::exception& error) {
    return std::string("needs network namespaces, veth and ip: ") + error.what();
  }
  const Fd socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket) return std::string("needs AF_XDP in the kernel: ") + std::strerror(errno);
  return {};
}

}  // namespace culvert
