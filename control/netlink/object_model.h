// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "control/netlink/messages.h"

namespace culvert {

/// A next-hop object of the kernel (`ip nexthop`).
struct NextHopObject {
  bool blackhole = false;
  Path path;
  std::vector<ObjectMember> members;  ///< not empty: a group
  std::uint8_t generation = 0;
};

/// Next-hop objects and groups by id. Routes name an id; FRR installs all its routes that way.
class ObjectModel {
 public:
  /// Each returns the ids whose meaning changed (groups of a changed object too), and in `gone` those that the kernel
  /// has removed together with their routes.
  struct Changes {
    std::vector<std::uint32_t> changed;
    std::vector<std::uint32_t> gone;
  };
  Changes apply(const ObjectMessage& message, std::uint8_t generation);
  Changes sweep(std::uint8_t generation);
  /// The kernel removes the objects of a link that went down, and says nothing (nexthop_flush_dev).
  Changes flush_link(std::uint32_t ifindex);

  const NextHopObject* find(std::uint32_t id) const;
  /// The live paths of an object or group with their weights; `blackhole` when it is one.
  std::vector<Path> expand(std::uint32_t id, bool& blackhole) const;
  std::size_t size() const noexcept { return objects_.size(); }

 private:
  void remove(std::uint32_t id, Changes& changes);
  void add_groups_of(std::uint32_t id, Changes& changes) const;

  std::map<std::uint32_t, NextHopObject> objects_;
};

}  // namespace culvert
