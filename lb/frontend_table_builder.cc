// SPDX-License-Identifier: Apache-2.0
#include "lb/frontend_table_builder.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>

#include "base/check.h"

namespace culvert {
namespace {

using Family = FrontendTable::Family;

FrontendTable::Prefix prefix_of(const FrontendKey& frontend) {
  return std::visit(
      [](const auto& prefix) {
        CULVERT_CHECK(prefix.valid());
        return FrontendTable::Prefix::of(prefix.address(), prefix.length);
      },
      frontend.prefix);
}

/// For std::map.
struct IsBefore {
  static auto key(const FrontendTable::Prefix& prefix) {
    return std::make_tuple(prefix.family, prefix.length, prefix.high, prefix.low);
  }
  bool operator()(const FrontendTable::Prefix& a, const FrontendTable::Prefix& b) const { return key(a) < key(b); }
};

/// Of frontends with one prefix, which comes first.
auto precedence(const FrontendKey& frontend, FrontendIndex index) {
  return std::make_tuple(frontend.last_port - frontend.first_port, frontend.protocol == FrontendProtocol::kAny, index);
}

bool has_all_ports(const FrontendKey& frontend) {
  return frontend.first_port == 0 && frontend.last_port == 0xffff;
}

}  // namespace

FrontendTableBuilder::FrontendTableBuilder(std::span<const FrontendKey> frontends) {
  CULVERT_CHECK(frontends.size() < kNoFrontend);
  std::map<FrontendTable::Prefix, Indices, IsBefore> by_prefix;
  for (std::size_t i = 0; i < frontends.size(); ++i) {
    CULVERT_CHECK(frontends[i].first_port <= frontends[i].last_port);
    by_prefix[prefix_of(frontends[i])].push_back(static_cast<FrontendIndex>(i));
  }
  std::array<std::set<std::uint8_t, std::greater<>>, 2> lengths;
  places_.resize(2 * by_prefix.size() + 1);
  for (auto& [prefix, here] : by_prefix) {
    lengths[prefix.family == Family::kIpv6 ? 1 : 0].insert(prefix.length);
    std::sort(here.begin(), here.end(), [&](FrontendIndex a, FrontendIndex b) {
      return precedence(frontends[a], a) < precedence(frontends[b], b);
    });
    add_place(frontends, prefix, here);
  }
  for (std::size_t family = 0; family < lengths.size(); ++family) {
    lengths_[family].assign(lengths[family].begin(), lengths[family].end());
  }
  table_ = FrontendTable({places_, runs_, {lengths_[0], lengths_[1]}});
}

void FrontendTableBuilder::add_place(std::span<const FrontendKey> frontends, const FrontendTable::Prefix& prefix,
                                     const Indices& here) {
  FrontendTable::Place place;
  place.prefix = prefix;
  place.tcp = static_cast<std::uint32_t>(runs_.size());
  add_runs(frontends, here, FrontendProtocol::kTcp);
  place.udp = static_cast<std::uint32_t>(runs_.size());
  add_runs(frontends, here, FrontendProtocol::kUdp);
  place.end = static_cast<std::uint32_t>(runs_.size());
  const auto other = std::find_if(here.begin(), here.end(), [&](FrontendIndex index) {
    return frontends[index].protocol == FrontendProtocol::kAny && has_all_ports(frontends[index]);
  });
  if (other != here.end()) place.other_protocols = *other;
  std::size_t at = FrontendTable::home_of(prefix, places_.size());
  while (places_[at].prefix.family != Family::kNone) at = at + 1 == places_.size() ? 0 : at + 1;
  places_[at] = place;
}

void FrontendTableBuilder::add_runs(std::span<const FrontendKey> frontends, const Indices& here,
                                    FrontendProtocol protocol) {
  // Where frontends begin and end, by their places in the order of precedence; between two such ports they are the same
  // ones.
  struct Change {
    std::vector<std::size_t> begin, end;
  };
  std::map<std::uint32_t, Change> changes;
  for (std::size_t rank = 0; rank < here.size(); ++rank) {
    const FrontendKey& frontend = frontends[here[rank]];
    if (frontend.protocol != FrontendProtocol::kAny && frontend.protocol != protocol) continue;
    changes[frontend.first_port].begin.push_back(rank);
    changes[frontend.last_port + 1U].end.push_back(rank);
  }
  FrontendIndex last = kNoFrontend;
  std::set<std::size_t> open;
  for (const auto& [port, change] : changes) {
    for (const std::size_t rank : change.end) open.erase(rank);
    open.insert(change.begin.begin(), change.begin.end());
    const FrontendIndex first = open.empty() ? kNoFrontend : here[*open.begin()];
    if (port > 0xffff || first == last) continue;
    runs_.push_back({static_cast<std::uint16_t>(port), first});
    last = first;
  }
}

}  // namespace culvert
