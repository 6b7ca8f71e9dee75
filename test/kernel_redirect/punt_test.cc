// SPDX-License-Identifier: Apache-2.0
// What is punted reaches this host and is never forwarded by the kernel.
#include "kernel_redirect/punt.h"

#include <algorithm>
#include <array>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "kernel_redirect/pins.h"
#include "kernel_redirect/rules.h"
#include "test/kernel_redirect/frames.h"
#include "test/kernel_redirect/sandbox.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

using Catch::Matchers::Contains;

std::vector<std::byte> bytes_for_tun(const Bytes& packet) {
  const auto bytes = std::as_bytes(std::span(packet));
  return {bytes.begin(), bytes.end()};
}

std::uint16_t ones_sum(std::uint32_t sum, const Bytes& bytes, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; i += 2) sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

void put16(Bytes& bytes, std::size_t at, unsigned value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

/// A UDP packet to port 9 that a kernel takes for whole.
std::vector<std::byte> udp4(const std::string& to) {
  Bytes packet = ip4({.source = "198.18.0.7", .destination = to, .protocol = kUdp}) + ports(40000, 9);
  put16(packet, 2, static_cast<unsigned>(packet.size()));
  put16(packet, 24, 20);
  put16(packet, 10, static_cast<std::uint16_t>(~ones_sum(0, packet, 0, 20)));
  return bytes_for_tun(packet);
}

std::vector<std::byte> udp6(const std::string& to) {
  Bytes packet = ip6({.source = "2001:db8:7::7", .destination = to, .next = kUdp}) + ports(40000, 9);
  put16(packet, 4, 20);
  put16(packet, 44, 20);
  put16(packet, 46, static_cast<std::uint16_t>(~ones_sum(20 + kUdp, packet, 8, packet.size())));  // RFC 8200, 8.1
  return bytes_for_tun(packet);
}

/// A UDP socket of the host on port 9, any address of the family.
class Receiver {
 public:
  explicit Receiver(int family) : socket_(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    std::array<std::uint8_t, 28> address{};  // sockaddr_in6 is the larger one
    const auto port = Be16(9).wire();
    const auto short_family = static_cast<sa_family_t>(family);
    std::memcpy(address.data(), &short_family, sizeof(short_family));
    std::memcpy(address.data() + 2, &port, sizeof(port));
    const int only = 1;
    if (family == AF_INET6) ::setsockopt(socket_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
    const auto size = family == AF_INET ? socklen_t{16} : socklen_t{28};
    REQUIRE(::bind(socket_.get(), static_cast<sockaddr*>(static_cast<void*>(address.data())), size) == 0);
  }
  unsigned received() {
    std::array<char, 64> buffer;
    unsigned count = 0;
    while (::recv(socket_.get(), buffer.data(), buffer.size(), 0) >= 0) count++;
    return count;
  }

 private:
  Fd socket_;
};

/// Sees every frame of one type that comes out of an interface.
class Tap {
 public:
  Tap(const std::string& interface, std::uint16_t type) {
    socket_ = Fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, Be16(type).wire()));
    sockaddr_ll here{};
    here.sll_family = AF_PACKET;
    here.sll_protocol = Be16(type).wire();
    here.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    REQUIRE(::bind(socket_.get(), static_cast<sockaddr*>(static_cast<void*>(&here)), sizeof(here)) == 0);
  }
  unsigned seen() {
    std::array<char, 2048> buffer;
    unsigned count = 0;
    while (::recv(socket_.get(), buffer.data(), buffer.size(), 0) >= 0) count++;
    return count;
  }

 private:
  Fd socket_;
};

/// A router: forwarding on, a network behind wan0 with a neighbour that is known.
class Router {
 public:
  Router() {
    run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=1"
        " net.ipv6.conf.wan0.disable_ipv6=0");
    run("ip addr add 192.0.2.1/24 dev wan0 && ip addr add 2001:db8::1/64 dev wan0 nodad");
    run("ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev wan0 nud permanent");
    run("ip neigh add 2001:db8::7 lladdr 02:00:00:00:00:07 dev wan0 nud permanent");
    run("ip route add 203.0.113.0/24 via 192.0.2.7 && ip route add 198.18.0.0/15 via 192.0.2.7");
    run("ip route add 2001:db8:9::/48 via 2001:db8::7 && ip route add 2001:db8:7::/48 via 2001:db8::7");
  }

 private:
  VethPair veth_{"wan0", "wan1"};
};

std::string rules() {
  return output_of("ip rule show; ip -6 rule show");
}
unsigned our_rules() {
  const auto text = rules();
  unsigned count = 0;
  for (auto at = text.find("proto 199"); at != std::string::npos; at = text.find("proto 199", at + 1)) count++;
  return count;
}

}  // namespace

TEST_CASE("punted to an address of ours: received", "[punt]") {
  const Router router;
  PuntDevice punt;
  Receiver host4(AF_INET), host6(AF_INET6);
  CHECK(punt.write(udp4("192.0.2.1")) == PuntOutcome::kTaken);  // with rp_filter=1 elsewhere, by our loose one
  CHECK(eventually([&] { return host4.received() == 1; }));
  CHECK(punt.write(udp6("2001:db8::1")) == PuntOutcome::kTaken);
  CHECK(eventually([&] { return host6.received() == 1; }));
  CHECK(punt.write(udp4("169.254.77.1")) == PuntOutcome::kTaken);
  CHECK(eventually([&] { return host4.received() == 1; }));
  CHECK(punt.cells().packets.read() == 3);
  CHECK(punt.cells().bytes.read() == 40 + 60 + 40);
}

TEST_CASE("punted for somebody else: never forwarded, with forwarding on and a route", "[punt]") {
  const Router router;
  PuntDevice punt;
  Tap tap4("wan1", ETH_P_IP), tap6("wan1", ETH_P_IPV6);
  Receiver host4(AF_INET);
  // A rule of somebody else, looked at as early as rules can be, does not change it.
  run("ip rule add pref 1 lookup main && ip -6 rule add pref 1 lookup main");
  const auto expect_no_forwarding = [&] {
    for (int i = 0; i < 100; i++) {
      CHECK(punt.write(udp4("203.0.113.9")) == PuntOutcome::kTaken);
      CHECK(punt.write(udp6("2001:db8:9::9")) == PuntOutcome::kTaken);
    }
    CHECK(punt.write(udp4("192.0.2.1")) == PuntOutcome::kTaken);
    CHECK(eventually([&] { return host4.received() == 1; }));  // so all before it were dealt with
    CHECK(tap4.seen() == 0);
    tap6.seen();  // router advertisements and the like
  };
  expect_no_forwarding();
  // Where the local table's rule was moved down, as for VRFs, the host stays reachable.
  run("ip rule add pref 32765 lookup local && ip rule del pref 0 from all lookup local");
  expect_no_forwarding();
  run("ip rule add pref 0 lookup local && ip rule del pref 32765 lookup local");
  // Without our rules the kernel does forward: the test can fail.
  REQUIRE(remove_punt_rules("culvert0"));
  punt.write(udp4("203.0.113.9"));
  CHECK(eventually([&] { return tap4.seen() == 1; }));
  run("ip rule del pref 1 && ip -6 rule del pref 1");
}

TEST_CASE("IPv6 punted for somebody else is not forwarded either", "[punt]") {
  const Router router;
  PuntDevice punt;
  Receiver host6(AF_INET6);
  const auto forwarded = [] {
    const auto text = output_of("grep Ip6OutForwDatagrams /proc/self/net/snmp6");
    return std::stoul(text.substr(text.find_last_of("\t ") + 1));
  };
  const auto before = forwarded();
  for (int i = 0; i < 100; i++) punt.write(udp6("2001:db8:9::9"));
  punt.write(udp6("2001:db8::1"));
  CHECK(eventually([&] { return host6.received() == 1; }));
  CHECK(forwarded() == before);
  REQUIRE(remove_punt_rules("culvert0"));
  punt.write(udp6("2001:db8:9::9"));
  CHECK(eventually([&] { return forwarded() == before + 1; }));
}

TEST_CASE("the rules come and go with the device", "[punt]") {
  REQUIRE(our_rules() == 0);
  {
    const PuntDevice punt;
    CHECK(our_rules() == 4);
    CHECK_THAT(rules(), Contains("iif culvert0 blackhole"));
    CHECK_THAT(output_of("ip addr show culvert0"), Contains("169.254.77.1/32 scope link"));
    CHECK_THAT(output_of("cat /proc/sys/net/ipv4/conf/culvert0/rp_filter"), Contains("2"));
  }
  CHECK(our_rules() == 0);
  CHECK(::if_nametoindex("culvert0") == 0);
}

TEST_CASE("rules of a dead process are found: at the next start, and by detach", "[punt]") {
  const auto die = [] { Child child([] { static const PuntDevice punt; }); };
  die();
  CHECK(our_rules() == 4);
  run("ip rule add iif culvert0 lookup main pref 77 && ip rule add lookup main pref 78 proto 199");  // of others
  SECTION("by the next start") {
    const PuntDevice punt;
    CHECK(our_rules() == 4 + 1);
  }
  SECTION("by detach, when the tun is gone") {
    const auto report = detach_everything(sandbox_bpffs()).value();
    REQUIRE(report.done.size() == 1);
    CHECK(report.done[0] == "4 policy rules of a tun that is gone removed");
  }
  SECTION("but not while another process has the tun") {
    const PuntDevice punt;
    CHECK(detach_everything(sandbox_bpffs()).value().done.empty());
    CHECK(our_rules() == 4 + 1);
  }
  CHECK(our_rules() == 1);
  run("ip rule del pref 77 && ip rule del pref 78");
}

TEST_CASE("addresses on the tun are this host's as long as it lives", "[punt]") {
  const Router router;
  Receiver host4(AF_INET), host6(AF_INET6);
  {
    PuntDevice punt;
    const auto vip4 = v4("203.0.113.80");
    const auto vip6 = v6("2001:db8:9::80");
    REQUIRE(punt.add_address(vip4));
    REQUIRE(punt.add_address(vip4));  // twice is fine
    REQUIRE(punt.add_address(vip6));
    CHECK_THAT(output_of("ip addr show culvert0"), Contains("203.0.113.80/32 scope global"));
    CHECK_THAT(output_of("ip addr show culvert0"), Contains("2001:db8:9::80/128 scope global"));
    punt.write(udp4("203.0.113.80"));
    CHECK(eventually([&] { return host4.received() == 1; }));
    punt.write(udp6("2001:db8:9::80"));
    CHECK(eventually([&] { return host6.received() == 1; }));
    REQUIRE(punt.remove_address(vip4));
    REQUIRE(punt.remove_address(vip4));
    CHECK_THAT(output_of("ip addr show culvert0"), !Contains("203.0.113.80"));
  }
  CHECK_THAT(output_of("ip route show table local; ip -6 route show table local"), !Contains("2001:db8:9::80"));
}

TEST_CASE("what is no IP packet, and a tun that is down, are refused and counted", "[punt]") {
  PuntDevice punt;
  const std::vector<std::byte> nothing, garbage(64, std::byte{0xff});
  CHECK(punt.write(garbage) == PuntOutcome::kRefused);
  CHECK(punt.cells().last_errno.read() == EINVAL);
  CHECK(punt.write(nothing) == PuntOutcome::kRefused);
  run("ip link set culvert0 down");
  CHECK(punt.write(udp4("169.254.77.1")) == PuntOutcome::kRefused);
  CHECK(punt.cells().last_errno.read() == EIO);
  CHECK(punt.cells().refused.read() == 3);
  CHECK(punt.cells().packets.read() == 0);
}

TEST_CASE("one tun, one process; and names are checked", "[punt]") {
  const PuntDevice punt;
  CHECK_THROWS_WITH(PuntDevice(), Contains("another process has it"));
  CHECK(our_rules() == 4);  // the living one keeps its rules
  CHECK_THROWS_WITH(PuntDevice({.name = "sixteen-letters!", .address = {}}), Contains("1..15 characters"));
}

}  // namespace culvert::test
