// SPDX-License-Identifier: Apache-2.0
// Sockets of this process, as the kernel tells of them.
#include "control/nat/host_ports.h"

#include <algorithm>
#include <array>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/fd.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

IpAddress loopback() {
  return IpAddress::from(Ipv4Address{Be32(0x7f000001)});
}

/// A socket on a port of the kernel's choice.
struct Bound {
  explicit Bound(int type) : socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = Be32(INADDR_LOOPBACK).wire();
    socklen_t size = sizeof(address);
    auto* const any = static_cast<sockaddr*>(static_cast<void*>(&address));
    REQUIRE(::bind(socket.get(), any, size) == 0);
    if (type == SOCK_STREAM) REQUIRE(::listen(socket.get(), 1) == 0);
    REQUIRE(::getsockname(socket.get(), any, &size) == 0);
    port = load<Be16>(&address.sin_port).host();
  }

  Fd socket;
  std::uint16_t port = 0;
};

bool has(const std::vector<BoundPort>& ports, PortKind kind, std::uint16_t port) {
  return std::find(ports.begin(), ports.end(), BoundPort{kind, loopback(), port}) != ports.end();
}

}  // namespace

TEST_CASE("who listens is found, by address and protocol") {
  const Bound tcp(SOCK_STREAM);
  const Bound udp(SOCK_DGRAM);
  const auto ports = bound_ports();
  REQUIRE(ports.has_value());
  CHECK(has(*ports, PortKind::kTcp, tcp.port));
  CHECK(has(*ports, PortKind::kUdp, udp.port));
  CHECK(!has(*ports, PortKind::kSctp, udp.port));
}

TEST_CASE("a port counts where its address is reached, once, and only within the range") {
  const IpAddress here = IpAddress::from(Ipv4Address{Be32(0xc6120101)});
  const std::vector<BoundPort> bound = {{PortKind::kTcp, {}, 2000},   {PortKind::kTcp, here, 2000},
                                        {PortKind::kUdp, here, 2001}, {PortKind::kUdp, loopback(), 2002},
                                        {PortKind::kTcp, {}, 999},    {PortKind::kTcp, {}, 3001}};
  const std::vector<HostPort> expected = {{PortKind::kTcp, 2000}, {PortKind::kUdp, 2001}};
  CHECK(ports_at(here, {1000, 3000}, bound) == expected);
  CHECK(ports_at(here, kNoPorts, bound).empty());
}
