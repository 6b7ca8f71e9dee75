// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cell.h"
#include "status/resource.h"

namespace culvert {

/// What one resource says at one moment. Without a value, `unknown` says why.
struct ResourceReading {
  ResourceKind kind = ResourceKind::kFrames;
  std::string_view scope;
  std::optional<std::uint64_t> max, used, peak, failures;
  std::string_view unknown;
};

/// Where every bounded thing is entered: nothing bounded exists without a line here. Only the control thread calls it;
/// gauges are written by whoever owns the resource and read here with plain loads, so reading costs the owner nothing.
///
/// The scope says which one of its kind a resource is: "wan0/0" (interface/queue), "worker 1", "culvertd". Lanes and
/// workers come and go: remove(scope) takes all lines of one scope out before its gauges are freed.
class Registry {
 public:
  /// `gauge` outlives its line. `lane_state`, when given, is the LaneCells::state of the lane that the gauge belongs
  /// to: unless it says "up" the row is unknown, with the reason. A line with the same kind and scope is replaced.
  /// False, and nothing is entered, when this gauge is in under another name: a shared thing is counted once.
  bool add(ResourceKind kind, std::string scope, const Gauge* gauge, const Cell* lane_state = nullptr);

  /// A resource that should be there and cannot be read, for example the lane of an interface that is gone.
  void add_unknown(ResourceKind kind, std::string scope, std::string reason);

  /// Takes out every line of the scope; returns how many there were.
  std::size_t remove(std::string_view scope);

  std::size_t size() const noexcept { return lines_.size(); }
  bool has(ResourceKind kind) const noexcept;

  /// Kinds in table order, scopes in order of entry. Used and peak never exceed max, whatever is written meanwhile.
  /// Valid until the next add or remove.
  std::vector<ResourceReading> read() const;

 private:
  struct Line {
    ResourceKind kind = ResourceKind::kFrames;
    std::string scope;
    const Gauge* gauge = nullptr;
    const Cell* lane_state = nullptr;
    std::string unknown;
  };
  static ResourceReading read_line(const Line& line);
  void put(Line line);

  std::vector<Line> lines_;
};

}  // namespace culvert
