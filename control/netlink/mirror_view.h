// SPDX-License-Identifier: Apache-2.0
// What `show routes | neighbors | interfaces` reads: pages of plain rows, so that a full table never holds up control's
// loop. A page ends after `limit` rows or kScanLimit looked-at entries; `next` says where the following one begins.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/netlink/mirror_model.h"

namespace culvert {

inline constexpr std::size_t kScanLimit = 20'000;

struct RouteQuery {
  bool ipv4 = true;
  std::optional<IpPrefix> within = {};        ///< only prefixes inside this one
  std::optional<std::uint32_t> ifindex = {};  ///< only routes with a path through this link
  std::optional<IpPrefix> from = {};          ///< `next` of the page before
  std::size_t limit = 1000;
};

struct RouteRow {
  IpPrefix prefix;
  bool best = false;  ///< the one that packets follow
  bool local_table = false;
  std::uint8_t type = 0;      ///< RTN_*
  std::uint8_t protocol = 0;  ///< RTPROT_*
  std::uint32_t metric = 0;
  std::uint32_t object = 0;
  std::uint32_t mtu = 0;
  NextHopIndex next_hop = kNoRouteIndex;  ///< in the next-hop table; best routes only
  std::vector<Path> paths;
};

struct RoutePage {
  std::vector<RouteRow> rows;
  std::optional<IpPrefix> next;
};

struct NeighborQuery {
  std::optional<std::uint32_t> ifindex = {};
  std::optional<NeighborKey> from = {};
  std::size_t limit = 1000;
};

struct NeighborRow {
  NeighborKey key;
  Neighbor neighbor;
  std::string link;  ///< its name
};

struct NeighborPage {
  std::vector<NeighborRow> rows;
  std::optional<NeighborKey> next;
};

struct LinkRow {
  Link link;
  std::vector<std::pair<IpPrefix, LinkAddress>> addresses;  ///< with host bits
};

RoutePage routes_page(const MirrorModel& model, const RouteQuery& query);
/// The routes of the longest prefix that holds the address: `show routes ADDRESS`.
std::vector<RouteRow> routes_for(const MirrorModel& model, const IpAddress& address);
NeighborPage neighbors_page(const MirrorModel& model, const NeighborQuery& query);
/// Culvert's own interfaces, or every link; links are few, so there are no pages.
std::vector<LinkRow> link_rows(const MirrorModel& model, bool owned_only);

}  // namespace culvert
