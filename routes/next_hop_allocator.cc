// SPDX-License-Identifier: Apache-2.0
#include "routes/next_hop_allocator.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"

namespace culvert {
namespace {

/// Ordered by next hop, each next hop once.
std::vector<MultipathMember> merged(std::span<const MultipathMember> members) {
  std::vector<MultipathMember> result(members.begin(), members.end());
  for (MultipathMember& member : result) member.weight = std::max<std::uint16_t>(member.weight, 1);
  std::sort(result.begin(), result.end());
  std::size_t kept = 0;
  for (const MultipathMember& member : result) {
    if (kept > 0 && result[kept - 1].next_hop == member.next_hop) {
      const unsigned sum = unsigned{result[kept - 1].weight} + member.weight;
      result[kept - 1].weight = static_cast<std::uint16_t>(std::min(sum, 0xffffU));
    } else {
      result[kept++] = member;
    }
  }
  result.resize(kept);
  return result;
}

}  // namespace

Ipv6Address mapped_address(Ipv4Address address) noexcept {
  Ipv6Address mapped;
  mapped.bytes[10] = mapped.bytes[11] = 0xff;
  store(mapped.bytes.data() + 12, address);
  return mapped;
}

NextHopAllocator::NextHopAllocator(NextHopTable& table) : table_(table), entries_(table.size()) {
  CULVERT_CHECK(table.size() > 0 && table.size() <= kMaxNextHops && table.group_count() <= kMaxNextHops);
  for (std::size_t index = table.size(); index-- > 1;) free_entries_.push_back(static_cast<NextHopIndex>(index));
  for (std::size_t group = table.group_count(); group-- > 0;) free_groups_.push_back(static_cast<std::uint16_t>(group));
  entry_gauge_.max.set(table.size() - 1);
  group_gauge_.max.set(table.group_count());
}

Result<NextHopIndex> NextHopAllocator::acquire(const NextHopKey& key) {
  CULVERT_CHECK(key.kind != NextHopKind::kNoRoute && key.kind != NextHopKind::kMultipath);
  if (const auto known = by_key_.find(key); known != by_key_.end()) {
    ++entries_[known->second].users;
    return known->second;
  }
  const auto taken = take_entry();
  if (taken.has_error()) return taken;
  const NextHopIndex index = *taken;
  entries_[index] = {key, 1, {}};
  by_key_.emplace(key, index);
  table_.set(index, {key.kind, key.interface, key.mtu, 0});
  observe();
  return index;
}

Result<NextHopIndex> NextHopAllocator::acquire_multipath(std::span<const MultipathMember> members, NextHopIndex like) {
  const Members wanted = merged(members);
  if (wanted.empty()) return Error{"a multipath route without members", 0, {}};
  for (const MultipathMember& member : wanted)
    CULVERT_CHECK(entries_[member.next_hop].users > 0 && entries_[member.next_hop].members.empty());
  if (const auto known = by_members_.find(wanted); known != by_members_.end()) {
    ++entries_[known->second].users;
    return known->second;
  }
  if (free_groups_.empty()) {
    group_gauge_.failures.add();
    return Error{"all " + std::to_string(table_.group_count()) + " multipath groups are in use", 0,
                 "let more multipath routes share their set of next hops: their number is fixed"};
  }
  const auto taken = take_entry();
  if (taken.has_error()) return taken;
  const NextHopIndex index = *taken;
  const std::uint16_t group = free_groups_.back();
  free_groups_.pop_back();

  for (const MultipathMember& member : wanted) retain(member.next_hop);
  fill_group(group, wanted, like);
  entries_[index] = {{kNoInterface, {}, 0, NextHopKind::kMultipath}, 1, wanted};
  by_members_.emplace(wanted, index);
  table_.set(index, {NextHopKind::kMultipath, kNoInterface, 0, group});
  observe();
  return index;
}

Result<NextHopIndex> NextHopAllocator::change_multipath(NextHopIndex index, std::span<const MultipathMember> members,
                                                        Epoch open) {
  CULVERT_CHECK(entries_[index].users > 0 && !entries_[index].members.empty());
  const Members wanted = merged(members);
  if (wanted == entries_[index].members) return index;
  if (wanted.empty() || entries_[index].users > 1 || by_members_.count(wanted) != 0) {
    return acquire_multipath(members, index);
  }
  for (const MultipathMember& member : wanted) retain(member.next_hop);
  fill_group(table_.view(index).group, wanted, index);
  by_members_.erase(entries_[index].members);
  by_members_.emplace(wanted, index);
  const Members before = std::exchange(entries_[index].members, wanted);
  for (const MultipathMember& member : before) release(member.next_hop, open);
  return index;
}

void NextHopAllocator::retain(NextHopIndex index) {
  CULVERT_CHECK(entries_[index].users > 0);
  ++entries_[index].users;
}

void NextHopAllocator::release(NextHopIndex index, Epoch open) {
  Entry& entry = entries_[index];
  CULVERT_CHECK(entry.users > 0);
  if (--entry.users > 0) return;
  if (entry.key.kind == NextHopKind::kMultipath) {
    by_members_.erase(entry.members);
    // The members wait in the same epoch: a reader that still holds this entry finds them.
    for (const MultipathMember& member : entry.members) release(member.next_hop, open);
    entry.members.clear();
  } else {
    by_key_.erase(entry.key);
  }
  retired_.retire(index, open);
}

void NextHopAllocator::reclaim(Epoch acknowledged) {
  retired_.reclaim(acknowledged, [this](NextHopIndex index) { free_entry(index); });
  observe();
}

Result<NextHopIndex> NextHopAllocator::take_entry() {
  if (free_entries_.empty()) {
    entry_gauge_.failures.add();
    return Error{"all " + std::to_string(table_.size() - 1) + " next hops are in use", 0,
                 "raise system.limits.next_hops"};
  }
  const NextHopIndex index = free_entries_.back();
  free_entries_.pop_back();
  return index;
}

void NextHopAllocator::fill_group(std::uint16_t group, const Members& members, NextHopIndex like) {
  std::array<NextHopIndex, kMultipathBuckets> buckets{};
  if (!entries_[like].members.empty()) {
    const std::uint16_t model = table_.view(like).group;
    for (std::size_t bucket = 0; bucket < kMultipathBuckets; ++bucket)
      buckets[bucket] = table_.member(model, std::uint64_t{bucket} << 58);
    refill_buckets(entries_[like].members, members, buckets);
  } else {
    fill_buckets(members, buckets);
  }
  for (std::size_t bucket = 0; bucket < kMultipathBuckets; ++bucket) table_.set_bucket(group, bucket, buckets[bucket]);
}

void NextHopAllocator::free_entry(NextHopIndex index) {
  const NextHopView view = table_.view(index);
  if (view.kind == NextHopKind::kMultipath) free_groups_.push_back(view.group);
  table_.set(index, {});
  table_.forget_neighbor(index);
  free_entries_.push_back(index);
}

void NextHopAllocator::observe() {
  entry_gauge_.observe(table_.size() - 1 - free_entries_.size());
  group_gauge_.observe(table_.group_count() - free_groups_.size());
}

}  // namespace culvert
