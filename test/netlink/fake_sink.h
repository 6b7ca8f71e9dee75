// SPDX-License-Identifier: Apache-2.0
// A RouteSink that remembers: what leads where, in words, and how often it was called. It aborts on what the real
// tables must never see: a prefix that leads to a free entry, an entry freed while something leads there.
#pragma once

#include <algorithm>
#include <boost/algorithm/string/join.hpp>
#include <fmt/format.h>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "control/netlink/route_sink.h"

namespace culvert::test {

class FakeSink : public RouteSink {
 public:
  struct Entry {
    NextHopSpec spec;
    bool usable = false;
    MacAddress mac;
    std::vector<WeightedHop> members;
    std::size_t users = 0;
  };

  std::size_t max_routes = ~std::size_t{0};
  std::size_t more_ipv6_routes = 0;  ///< beyond max_routes
  std::size_t max_entries = 32768;
  std::size_t max_groups = 1024;
  bool refuses_all = false;  ///< set_route, also for prefixes that are there
  bool groups_in_place = true;
  std::size_t sets = 0;  ///< calls of set_route
  std::size_t removes = 0;
  std::size_t other = 0;

  bool set_route(const IpPrefix& prefix, NextHopIndex index) override {
    ++sets;
    const auto it = routes.find(prefix);
    if (refuses_all || (it == routes.end() && !has_room_for(prefix))) return false;
    CULVERT_CHECK(entries.count(index) == 1);
    ++entries[index].users;
    if (it != routes.end()) --entries[it->second].users;
    routes[prefix] = index;
    return true;
  }
  void remove_route(const IpPrefix& prefix) override {
    ++removes;
    const auto it = routes.find(prefix);
    if (it == routes.end()) return;
    --entries[it->second].users;
    routes.erase(it);
    ++room_;
  }
  std::optional<NextHopIndex> allocate(const NextHopSpec& spec) override {
    ++other;
    if (entries.size() >= max_entries) return std::nullopt;
    while (next_ == kNoRouteIndex || entries.count(next_) != 0) ++next_;  // it wraps: long histories come round
    entries[next_] = {spec, false, {}, {}, 0};
    return next_++;
  }
  std::optional<NextHopIndex> allocate_group(std::span<const WeightedHop> members) override {
    if (free_groups() == 0) return std::nullopt;
    const auto index = allocate({NextHopKind::kMultipath, kNoInterface, {}, 0});
    if (index) put_members(*index, members);
    return index;
  }
  std::optional<NextHopIndex> change_group(NextHopIndex index, std::span<const WeightedHop> members) override {
    ++other;
    CULVERT_CHECK(entries.at(index).spec.kind == NextHopKind::kMultipath);
    if (!groups_in_place) return allocate_group(members);
    put_members(index, members);
    return index;
  }
  void release(NextHopIndex index) override {
    ++other;
    CULVERT_CHECK(entries.count(index) == 1 && entries[index].users == 0);
    for (const auto& member : entries[index].members) --entries[member.index].users;
    entries.erase(index);
  }
  void set_neighbor(NextHopIndex index, const MacAddress& mac) override {
    ++other;
    entries.at(index).usable = true;
    entries.at(index).mac = mac;
  }
  void forget_neighbor(NextHopIndex index) override {
    ++other;
    entries.at(index).usable = false;
  }

  std::uint64_t room_made() const override { return room_; }
  std::size_t free_entries() const override { return max_entries - std::min(max_entries, entries.size()); }
  std::size_t free_groups() const override {
    const auto groups = static_cast<std::size_t>(std::count_if(entries.begin(), entries.end(), [](const auto& entry) {
      return entry.second.spec.kind == NextHopKind::kMultipath;
    }));
    return max_groups - std::min(max_groups, groups);
  }
  /// Room from outside: as when a group of prefixes is reclaimed.
  void make_room() { ++room_; }

  std::size_t calls() const { return sets + removes + other; }

  /// "forward 1 via 192.0.2.7 mtu 1500 02:00:00:00:00:07", "glean 0 mtu 1500", "group [... x1 | ... x3]"; "" for none.
  std::string at(const std::string& prefix_text) const {
    for (const auto& [prefix, index] : routes)
      if (prefix.to_string() == prefix_text) return describe(index);
    return "";
  }
  std::string lookup(const IpAddress& address) const {
    for (int length = kHostLength; length >= (address.is_ipv4() ? kIpv4PrefixBase : 0); --length) {
      const auto it = routes.find(IpPrefix::of(address, static_cast<std::uint8_t>(length)));
      if (it != routes.end()) return describe(it->second);
    }
    return "";
  }
  /// The whole table in words; members of groups in order of their words.
  std::map<std::string, std::string> table() const {
    std::map<std::string, std::string> all;
    for (const auto& [prefix, index] : routes) all[prefix.to_string()] = describe(index);
    return all;
  }

  static std::string mac_words(const MacAddress& mac) {
    const auto& b = mac.bytes;
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", b[0], b[1], b[2], b[3], b[4], b[5]);
  }

  std::string describe(NextHopIndex index) const {
    const Entry& entry = entries.at(index);
    switch (entry.spec.kind) {
      case NextHopKind::kForward:
        if (entry.spec.interface == kNoInterface) return "foreign";
        return fmt::format("forward {} via {} mtu {} {}", entry.spec.interface, entry.spec.gateway.to_string(),
                           entry.spec.mtu, entry.usable ? mac_words(entry.mac) : "-");
      case NextHopKind::kGlean:
        return fmt::format("glean {} mtu {}", entry.spec.interface, entry.spec.mtu);
      case NextHopKind::kLocal:
        return "local";
      case NextHopKind::kBlackhole:
        return "blackhole";
      case NextHopKind::kUnreachable:
        return "unreachable";
      case NextHopKind::kProhibit:
        return "prohibit";
      case NextHopKind::kMultipath: {
        std::vector<std::string> words;
        for (const auto& member : entry.members)
          words.push_back(fmt::format("{} x{}", describe(member.index), member.weight));
        std::sort(words.begin(), words.end());
        return "group [" + boost::algorithm::join(words, " | ") + "]";
      }
      case NextHopKind::kNoRoute:
        break;
    }
    return "nothing";
  }

  std::map<IpPrefix, NextHopIndex> routes;
  std::map<NextHopIndex, Entry> entries;

 private:
  bool has_room_for(const IpPrefix& prefix) {
    if (routes.size() < max_routes) return true;
    if (prefix.is_ipv4() || more_ipv6_routes == 0) return false;
    --more_ipv6_routes;
    return true;
  }
  void put_members(NextHopIndex index, std::span<const WeightedHop> members) {
    Entry& entry = entries.at(index);
    for (const auto& member : members) ++entries.at(member.index).users;
    for (const auto& member : entry.members) --entries.at(member.index).users;
    entry.members.assign(members.begin(), members.end());
  }

  NextHopIndex next_ = 1;
  std::uint64_t room_ = 0;
};

/// The whole table in words, in which a group that lost all members but one means the same as that one.
inline std::map<std::string, std::string> meaning(const FakeSink& sink) {
  std::map<std::string, std::string> table = sink.table();
  for (auto& [prefix, words] : table) {
    const bool one = words.starts_with("group [") && words.find('|') == std::string::npos;
    if (one) words = words.substr(7, words.rfind(" x") - 7);
  }
  return table;
}

}  // namespace culvert::test
