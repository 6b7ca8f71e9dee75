// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "control/netlink/adjacencies.h"
#include "control/netlink/object_model.h"
#include "control/netlink/path_set.h"

namespace culvert {

/// From a set's paths to its next-hop entry. See resolver.h for what becomes of which route.
class SetResolver {
 public:
  SetResolver(RouteSink& sink, const LinkModel& links, const ObjectModel& objects, Adjacencies& adjacencies,
              TableActivity& activity);

  /// What the set leads to now; holds the entries it uses. `old`: what it led to before; a group of it is changed in
  /// place when that is possible, and then belongs to the new resolution.
  Resolution resolve(const PathSet& set, const Resolution* old);
  /// Releases what a resolution holds. `keep_group`: its group went over to the next resolution.
  void give_back(Resolution& resolution, bool keep_group);

  std::size_t groups() const noexcept { return groups_; }
  static constexpr std::size_t fixed_in_use() noexcept { return kFixedCount; }

 private:
  /// Entries that exist once: they say no more than their kind.
  enum Fixed : std::uint8_t { kToHost, kToNothing, kToUnreachable, kToProhibit, kToForeign, kFixedCount };

  std::vector<Path> paths_of(const PathSet& set, bool& blackhole) const;
  std::vector<const Path*> carriers(const std::vector<Path>& paths) const;
  Adjacency* hold(Resolution& resolution, const PathSet& set, const Path& path);
  void lead_to_one(Resolution& resolution, const PathSet& set, const Path& path);
  void lead_to_group(Resolution& resolution, const PathSet& set, const std::vector<const Path*>& members,
                     const Resolution* old);
  void lead_nowhere(Resolution& resolution);
  void lead_to_first_held(Resolution& resolution, std::size_t lacks_entries);
  NextHopIndex fixed(Fixed which) const noexcept { return fixed_[which]; }

  RouteSink& sink_;
  const LinkModel& links_;
  const ObjectModel& objects_;
  Adjacencies& adjacencies_;
  TableActivity& activity_;
  std::array<NextHopIndex, kFixedCount> fixed_{};
  std::size_t groups_ = 0;
};

}  // namespace culvert
