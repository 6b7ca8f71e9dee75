// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "control/netlink/mirror_model.h"
#include "test/netlink/fake_sink.h"
#include "test/netlink/message_builder.h"

namespace culvert::test {

/// Writes down what the mirror tells.
struct Listener : MirrorListener {
  std::size_t interface_changes = 0;
  std::vector<std::string> said;

  void on_interfaces_changed() override { ++interface_changes; }
  void on_local_address(const IpAddress& address, bool present) override {
    said.push_back((present ? "local +" : "local -") + address.to_string());
  }
  void on_neighbor_failed(InterfaceIndex interface, const IpAddress& address) override {
    said.push_back("failed " + std::to_string(interface) + " " + address.to_string());
  }
  void on_event(const std::string& text) override { said.push_back(text); }
};

/// Interfaces lan0 (0, ifindex 2) and wan0 (1, ifindex 3) are Culvert's; mgmt0 (ifindex 4) is not. lan0 is
/// 192.0.2.0/24 and 2001:db8::/64, wan0 is 198.18.0.0/24.
struct Mirror {
  explicit Mirror(bool with_networks = true, const MirrorLimits& limits = {1000, 1000, 1000})
      : model(sink, {{"lan0", 0}, {"wan0", 1}}, limits, listener) {
    send(link_message({2, "lan0"}));
    send(link_message({3, "wan0"}));
    send(link_message({4, "mgmt0"}));
    if (!with_networks) return;
    send(address_message(2, "192.0.2.1", 24));
    send(address_message(3, "198.18.0.1", 24));
    send(route_message({.prefix = "192.0.2.0/24", .hops = {{2}}, .source = "192.0.2.1", .scope = RT_SCOPE_LINK}));
    send(route_message({.prefix = "198.18.0.0/24", .hops = {{3}}, .source = "198.18.0.1", .scope = RT_SCOPE_LINK}));
    send(route_message({.prefix = "2001:db8::/64", .hops = {{2}}, .priority = 256}));
  }

  void send(const nlmsghdr& message, bool from_dump = false) {
    model.apply(message, from_dump);
    while (model.work(1000)) {
    }
  }
  /// As control does every 100 ms; `after` is for what waits longer.
  void tick(Now after = 100 * kNanosecondsPerMillisecond) {
    now += after;
    model.tick(now);
    while (model.work(1000)) {
    }
  }
  void route(const RouteText& text) { send(route_message(text)); }
  void neighbor(std::uint32_t ifindex, const std::string& address, std::uint8_t last,
                std::uint16_t state = NUD_REACHABLE) {
    send(neighbor_message(ifindex, address, state, last));
  }
  std::string at(const std::string& prefix) const { return sink.at(prefix); }

  Now now = kNanosecondsPerSecond;
  FakeSink sink;
  Listener listener;
  MirrorModel model;
};

}  // namespace culvert::test
