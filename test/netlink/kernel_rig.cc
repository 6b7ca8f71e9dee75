// SPDX-License-Identifier: Apache-2.0
#include "test/netlink/kernel_rig.h"

#include <boost/algorithm/string/join.hpp>
#include <cerrno>

#include "control/netlink/attributes.h"
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

namespace {

/// Read here and not by the parser under test: what it says of dead next hops is what compare() is to find out.
std::vector<unsigned> hop_flags_of(const nlmsghdr& message) {
  std::vector<unsigned> flags;
  for_each_attribute_after<rtmsg>(message, [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) != RTA_MULTIPATH) return true;
    const auto* bytes = static_cast<const std::byte*>(mnl_attr_get_payload(&attribute));
    for (std::size_t at = 0; at + sizeof(rtnexthop) <= mnl_attr_get_payload_len(&attribute);) {
      const auto hop = load<rtnexthop>(bytes + at);
      flags.push_back(hop.rtnh_flags);
      at += netlink_align(hop.rtnh_len);
    }
    return true;
  });
  return flags;
}

std::string words_of(const Path& path, const IpAddress& address) {
  return fmt::format("dev {} via {}", path.ifindex,
                     path.has_gateway && path.gateway != address ? path.gateway.to_string() : "-");
}

}  // namespace

int KernelRoutes::exchange(nlmsghdr& request, Answer* answer) {
  request.nlmsg_seq = socket_.next_sequence();
  if (const int error = socket_.send(request); error != 0) return error;
  int result = -1;
  for (;;) {
    const auto received = socket_.receive();
    if (received.bytes.empty()) return received.error != 0 ? received.error : result;
    for_each_message(received.bytes, [&](const nlmsghdr& message) {
      if (message.nlmsg_type == NLMSG_ERROR) result = -load<int>(mnl_nlmsg_get_payload(&message));
      if (message.nlmsg_type != RTM_NEWROUTE || answer == nullptr) return;
      answer->hop_flags = hop_flags_of(message);
      if (parse(message, answer->route) == Parsed::kWhole) result = 0;
    });
  }
}

int KernelRoutes::change(Message& message) {
  message.raw()->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  return exchange(*message.raw(), nullptr);
}

int KernelRoutes::ask(const IpAddress& address, unsigned flags, Answer& answer) {
  Message request(RTM_GETROUTE, NLM_F_REQUEST);
  auto* header = request.extra<rtmsg>();
  header->rtm_family = address.is_ipv4() ? AF_INET : AF_INET6;
  header->rtm_dst_len = address.is_ipv4() ? 32 : 128;
  header->rtm_flags = flags;
  request.address(RTA_DST, address.to_string());
  return exchange(*request.raw(), &answer);
}

std::string KernelRoutes::get(const IpAddress& address) {
  Answer answer;
  const int error = ask(address, 0, answer);
  if (error == EINVAL) return "blackhole";
  if (error == EACCES) return "prohibit";
  if (error != 0) return "unreachable";
  return answer.route.type != RTN_UNICAST ? "local" : words_of(answer.route.paths.at(0), address);
}

std::set<std::string> KernelRoutes::live(const IpAddress& address) {
  Answer answer;
  if (ask(address, RTM_F_FIB_MATCH, answer) != 0 || answer.route.type != RTN_UNICAST) return {get(address)};
  std::set<std::string> found;
  for (std::size_t i = 0; i < answer.route.paths.size(); ++i) {
    const bool dead = i < answer.hop_flags.size() && (answer.hop_flags[i] & RTNH_F_DEAD) != 0;
    if (!dead) found.insert(words_of(answer.route.paths[i], address));
  }
  return found;
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
    // Of several ways the kernel names one only: the others must be next hops of its route, too.
    const std::set<std::string> live = kernel.live(address);
    for (const std::string& way : ours) {
      INFO(way << " is not among " << boost::algorithm::join(live, " or "));
      CHECK((way == expected || live.count(way) == 1));
    }
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
