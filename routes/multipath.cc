// SPDX-License-Identifier: Apache-2.0
#include "routes/multipath.h"

#include <algorithm>
#include <array>

namespace culvert {
namespace {

constexpr std::int64_t kBuckets = kMultipathBuckets;

/// The kernel allows 255 members; what lies beyond gets no bucket.
constexpr std::size_t kMaxMembers = 256;

std::int64_t weight_of(const MultipathMember& member) noexcept {
  return std::max<std::int64_t>(member.weight, 1);
}

/// Who has how many buckets, and who should. All amounts are buckets times the sum of the weights, so that shares are
/// exact integers: `unit_` is one bucket.
class Shares {
 public:
  Shares(std::span<const MultipathMember> members, MultipathBuckets buckets) noexcept
      : members_(members.first(std::min(members.size(), kMaxMembers))), buckets_(buckets) {
    for (const auto& member : members_) unit_ += weight_of(member);
    for (std::size_t m = 0; m < members_.size(); ++m) missing_[m] = kBuckets * weight_of(members_[m]);
    for (const NextHopIndex holder : buckets_)
      if (const std::size_t m = find(holder); m < members_.size()) missing_[m] -= unit_;
  }

  /// Buckets whose holder is no member go to whoever lacks most.
  void fill_orphans() noexcept {
    for (NextHopIndex& holder : buckets_)
      if (find(holder) == members_.size()) give(holder, most_lacking());
  }

  /// Moves single buckets from whoever has most too many to whoever lacks most, until nobody is `tolerance` buckets
  /// off.
  void balance(std::int64_t tolerance) noexcept {
    for (std::size_t moves = 0; moves < kMultipathBuckets; ++moves) {
      const std::size_t poor = most_lacking();
      const std::size_t rich = least_lacking();
      if (missing_[poor] < tolerance * unit_ && -missing_[rich] < tolerance * unit_) return;
      const auto bucket = std::find(buckets_.begin(), buckets_.end(), members_[rich].next_hop);
      missing_[rich] += unit_;
      give(*bucket, poor);
    }
  }

 private:
  std::size_t find(NextHopIndex holder) const noexcept {
    std::size_t m = 0;
    while (m < members_.size() && members_[m].next_hop != holder) ++m;
    return m;
  }
  std::size_t most_lacking() const noexcept {
    return static_cast<std::size_t>(std::max_element(missing_.begin(), end()) - missing_.begin());
  }
  std::size_t least_lacking() const noexcept {
    return static_cast<std::size_t>(std::min_element(missing_.begin(), end()) - missing_.begin());
  }
  std::array<std::int64_t, kMaxMembers>::const_iterator end() const noexcept {
    return missing_.begin() + static_cast<std::ptrdiff_t>(members_.size());
  }
  void give(NextHopIndex& holder, std::size_t member) noexcept {
    holder = members_[member].next_hop;
    missing_[member] -= unit_;
  }

  std::span<const MultipathMember> members_;
  MultipathBuckets buckets_;
  std::int64_t unit_ = 0;
  std::array<std::int64_t, kMaxMembers> missing_{};
};

bool only_lost(std::span<const MultipathMember> before, std::span<const MultipathMember> now) noexcept {
  return std::all_of(now.begin(), now.end(), [before](const MultipathMember& member) {
    return std::find(before.begin(), before.end(), member) != before.end();
  });
}

}  // namespace

void fill_buckets(std::span<const MultipathMember> members, MultipathBuckets buckets) noexcept {
  std::fill(buckets.begin(), buckets.end(), kNoRouteIndex);
  refill_buckets({}, members, buckets);
}

void refill_buckets(std::span<const MultipathMember> before, std::span<const MultipathMember> now,
                    MultipathBuckets buckets) noexcept {
  if (now.empty()) {
    std::fill(buckets.begin(), buckets.end(), kNoRouteIndex);
    return;
  }
  Shares shares(now, buckets);
  shares.fill_orphans();
  shares.balance(only_lost(before, now) ? 2 : 1);
}

}  // namespace culvert
