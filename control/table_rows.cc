// SPDX-License-Identifier: Apache-2.0
#include "control/table_rows.h"

#include <array>
#include <cstdio>
#include <fmt/format.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <optional>

namespace culvert {
namespace {

// A page begins behind its cursor: family, address and length (or interface) of the last row, in hexadecimal.
struct Cursor {
  unsigned family = 4;
  IpAddress address;
  unsigned number = 0;
};

std::string cursor_text(unsigned family, const IpAddress& address, unsigned number) {
  return fmt::format("{}.{:x}.{:x}.{:x}", family, address.high, address.low, number);
}

Result<std::optional<Cursor>> parse_cursor(const std::string& text) {
  using Parsed = Result<std::optional<Cursor>>;
  if (text.empty()) return Parsed(boost::system::in_place_value, std::nullopt);
  Cursor cursor;
  if (std::sscanf(text.c_str(), "%u.%lx.%lx.%x", &cursor.family, &cursor.address.high, &cursor.address.low,
                  &cursor.number) != 4) {
    return Error{"after: not the 'next' of an earlier page", 0, "leave it out to begin"};
  }
  return Parsed(boost::system::in_place_value, cursor);
}

std::string_view kind_text(std::uint8_t type) {
  switch (type) {
    case RTN_UNICAST:
      return "unicast";
    case RTN_LOCAL:
      return "local";
    case RTN_BROADCAST:
      return "broadcast";
    case RTN_ANYCAST:
      return "anycast";
    case RTN_MULTICAST:
      return "multicast";
    case RTN_BLACKHOLE:
      return "blackhole";
    case RTN_UNREACHABLE:
      return "unreachable";
    case RTN_PROHIBIT:
      return "prohibit";
    case RTN_THROW:
      return "throw";
    default:
      return "unknown";
  }
}

std::string link_name(const KernelMirror& mirror, std::uint32_t ifindex) {
  const Link* link = mirror.model().links().find(ifindex);
  return link != nullptr ? link->name : fmt::format("if{}", ifindex);
}

boost::json::object route_row(const KernelMirror& mirror, const IpPrefix& prefix, const Route& route) {
  const PathSetContent& content = *route.set->content;
  const std::vector<Path>& paths = content.paths.empty() ? route.set->fallback : content.paths;
  std::string via;
  std::string interface;
  for (const Path& path : paths) {
    const std::string_view comma = interface.empty() ? "" : ", ";
    via += fmt::format("{}{}", comma, path.has_gateway ? path.gateway.to_string() : "on-link");
    interface += fmt::format("{}{}", comma, link_name(mirror, path.ifindex));
  }
  boost::json::object row;
  row["prefix"] = prefix.to_string();
  row["kind"] = kind_text(content.type);
  row["via"] = content.type == RTN_UNICAST ? via : "";
  row["interface"] = interface;
  row["mtu_bytes"] = content.mtu;
  return row;
}

/// Appends rows of one family; false when the page is full.
bool append_routes(const KernelMirror& mirror, bool ipv4, const std::optional<Cursor>& cursor, std::size_t limit,
                   TableRows& rows) {
  const auto& all = mirror.model().routes(ipv4).all();
  const unsigned family = ipv4 ? 4 : 6;
  if (cursor.has_value() && cursor->family > family) return true;
  const bool resume = cursor.has_value() && cursor->family == family;
  const auto length = static_cast<std::uint8_t>(resume ? cursor->number : 0);
  auto at = resume ? all.upper_bound(IpPrefix{cursor->address, length}) : all.begin();
  for (; at != all.end(); ++at) {
    if (rows.rows.size() == limit) return false;
    if (at->second.first == nullptr) continue;
    rows.rows.push_back(route_row(mirror, at->first, *at->second.first));
    rows.next = cursor_text(family, at->first.address, at->first.length);
  }
  return true;
}

std::string_view neighbor_state(const Neighbor& neighbor) {
  static constexpr std::array<std::pair<std::uint16_t, std::string_view>, 8> kStates{{{NUD_INCOMPLETE, "incomplete"},
                                                                                      {NUD_REACHABLE, "reachable"},
                                                                                      {NUD_STALE, "stale"},
                                                                                      {NUD_DELAY, "delay"},
                                                                                      {NUD_PROBE, "probe"},
                                                                                      {NUD_FAILED, "failed"},
                                                                                      {NUD_NOARP, "noarp"},
                                                                                      {NUD_PERMANENT, "permanent"}}};
  for (const auto& [bit, text] : kStates) {
    if ((neighbor.state & bit) != 0) return text;
  }
  return "none";
}

}  // namespace

Result<TableRows> route_rows(const KernelMirror& mirror, const TablePage& page) {
  const auto cursor = parse_cursor(page.after);
  if (cursor.has_error()) return cursor.error();
  TableRows rows;
  rows.total = mirror.model().routes(true).size() + mirror.model().routes(false).size();
  const bool through =
      append_routes(mirror, true, *cursor, page.limit, rows) && append_routes(mirror, false, *cursor, page.limit, rows);
  if (through) rows.next.clear();
  return rows;
}

Result<TableRows> neighbor_rows(const KernelMirror& mirror, const TablePage& page) {
  const auto cursor = parse_cursor(page.after);
  if (cursor.has_error()) return cursor.error();
  TableRows rows;
  const auto& all = mirror.model().neighbors().all();
  rows.total = all.size();
  auto at = cursor->has_value() ? all.upper_bound(NeighborKey{(*cursor)->number, (*cursor)->address}) : all.begin();
  for (; at != all.end() && rows.rows.size() < page.limit; ++at) {
    const Neighbor& neighbor = at->second;
    boost::json::object row;
    row["address"] = at->first.address.to_string();
    row["interface"] = link_name(mirror, at->first.ifindex);
    row["mac"] = neighbor.has_mac ? fmt::format("{:02x}", fmt::join(neighbor.mac.bytes, ":")) : "";
    row["state"] = neighbor_state(neighbor);
    row["managed"] = neighbor.managed;
    rows.rows.push_back(std::move(row));
    rows.next = cursor_text(0, at->first.address, at->first.ifindex);
  }
  if (at == all.end()) rows.next.clear();
  return rows;
}

}  // namespace culvert
