// SPDX-License-Identifier: Apache-2.0
#include "test/netlink/kernel_rig.h"

#include <boost/algorithm/string/join.hpp>
#include <cerrno>

#include "test/support/catch.h"

namespace culvert::test {

KernelRig::KernelRig(bool silent) {
  for (const std::string name : {"lan", "wan", "mgmt"}) {
    add_veth(router, name + "0", name + "1", {.silent = silent, .peer = &host});
  }
  run("ip addr add 192.0.2.1/24 dev lan0; ip addr add 198.18.0.1/24 dev wan0; ip addr add 198.19.0.1/24 dev mgmt0");
  host.run("ip addr add 192.0.2.2/24 dev lan1; ip addr add 198.18.0.2/24 dev wan1");
  // A host that does not forward prefers IPv6 gateways that answer over lower metrics (ip6_pol_route).
  run("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
  if (silent) return;
  run("ip addr add 2001:db8:1::1/64 dev lan0 nodad; ip addr add 2001:db8:2::1/64 dev wan0 nodad");
  host.run("ip addr add 2001:db8:1::2/64 dev lan1 nodad; ip addr add 2001:db8:2::2/64 dev wan1 nodad");
}

std::unique_ptr<KernelMirror> KernelRig::mirror(RouteSink& sink, std::size_t receive_buffer) {
  const InNamespace inside(router);
  MirrorSettings settings;
  settings.interfaces = {{"lan0", 0}, {"wan0", 1}};
  settings.receive_buffer_bytes = receive_buffer;
  return std::make_unique<KernelMirror>(sink, settings, listener);
}

void settle(KernelMirror& mirror, int quiet_ms) {
  for (;;) {
    while (mirror.handle_readable()) {
    }
    mirror.tick();
    pollfd waiting{mirror.descriptor(), POLLIN, 0};
    if (::poll(&waiting, 1, quiet_ms) == 0 && mirror.synchronised() && !mirror.resyncing()) return;
  }
}

int KernelRoutes::exchange(nlmsghdr& request, RouteMessage* answer) {
  request.nlmsg_seq = socket_.next_sequence();
  if (const int error = socket_.send(request); error != 0) return error;
  int result = -1;
  for (;;) {
    const auto received = socket_.receive();
    if (received.bytes.empty()) return received.error != 0 ? received.error : result;
    for_each_message(received.bytes, [&](const nlmsghdr& message) {
      if (message.nlmsg_type == NLMSG_ERROR) result = -load<int>(mnl_nlmsg_get_payload(&message));
      if (message.nlmsg_type != RTM_NEWROUTE || answer == nullptr) return;
      if (parse(message, *answer) == Parsed::kWhole) result = 0;
    });
  }
}

int KernelRoutes::change(Message& message) {
  message.raw()->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  return exchange(*message.raw(), nullptr);
}

std::string KernelRoutes::get(const IpAddress& address) {
  Message request(RTM_GETROUTE, NLM_F_REQUEST);
  auto* header = request.extra<rtmsg>();
  header->rtm_family = address.is_ipv4() ? AF_INET : AF_INET6;
  header->rtm_dst_len = address.is_ipv4() ? 32 : 128;
  request.address(RTA_DST, address.to_string());
  RouteMessage answer;
  const int error = exchange(*request.raw(), &answer);
  if (error == EINVAL) return "blackhole";
  if (error == EACCES) return "prohibit";
  if (error != 0) return "unreachable";
  if (answer.type != RTN_UNICAST) return "local";
  const Path& path = answer.paths.at(0);
  return fmt::format("dev {} via {}", path.ifindex,
                     path.has_gateway && path.gateway != address ? path.gateway.to_string() : "-");
}

std::set<std::string> answers(const KernelMirror& mirror, const Tables& tables, const IpAddress& address) {
  const auto words = [&](NextHopIndex index) -> std::string {
    switch (tables.next_hops.view(index).kind) {
      case NextHopKind::kLocal:
        return "local";
      case NextHopKind::kBlackhole:
        return "blackhole";
      case NextHopKind::kProhibit:
        return "prohibit";
      case NextHopKind::kForward:
      case NextHopKind::kGlean:
        break;
      default:
        return "unreachable";
    }
    const Adjacency* adjacency = mirror.model().resolver().adjacencies().find(index);
    if (adjacency == nullptr) return "foreign";
    const NeighborKey& key = adjacency->key.neighbor;
    const bool direct = adjacency->on_link() || key.address == address;
    return fmt::format("dev {} via {}", key.ifindex, direct ? "-" : key.address.to_string());
  };
  std::set<std::string> found;
  const NextHopIndex index = tables.lookup(address);
  const NextHopView view = tables.next_hops.view(index);
  if (view.kind != NextHopKind::kMultipath) return {words(index)};
  for (std::uint64_t bucket = 0; bucket < kMultipathBuckets; ++bucket)
    found.insert(words(tables.next_hops.member(view.group, bucket << 58)));
  return found;
}

void compare(const KernelRig& rig, const KernelMirror& mirror, const Tables& tables,
             const std::vector<IpAddress>& addresses) {
  const InNamespace inside(rig.router);
  KernelRoutes kernel;
  const std::uint32_t mgmt = interface_number("mgmt0");
  for (const IpAddress& address : addresses) {
    std::string expected = kernel.get(address);
    if (expected.starts_with(fmt::format("dev {} ", mgmt))) expected = "foreign";
    const auto ours = answers(mirror, tables, address);
    INFO(address.to_string() << ": kernel says " << expected << ", we " << boost::algorithm::join(ours, " or "));
    CHECK(ours.count(expected) == 1);
  }
}

std::vector<IpAddress> some_addresses(std::mt19937& random, std::size_t count) {
  std::vector<IpAddress> addresses;
  const char* const roots4[] = {"192.0.2.", "198.18.0.", "198.19.0.", "10.0.0.", "10.0.1.", "10.1.0."};
  const char* const roots6[] = {"2001:db8:1::", "2001:db8:2::", "2001:db8:a::", "2001:db8:b::"};
  for (std::size_t i = 0; i < count; ++i) {
    const auto last = random() % 256;
    addresses.push_back(ip(fmt::format("{}{}", roots4[random() % std::size(roots4)], last)));
    addresses.push_back(ip(fmt::format("{}{:x}", roots6[random() % std::size(roots6)], last)));
  }
  return addresses;
}

}  // namespace culvert::test
