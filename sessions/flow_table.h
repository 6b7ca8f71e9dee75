// SPDX-License-Identifier: Apache-2.0
// The table of flows: one entry for each direction of a session, found by its five-tuple in two cache lines.
//
//   bucket (2 KB for IPv4, a page for IPv6)
//   | 31 tags of 16 bits, four 4-bit counters | entry 1 | entry 2 | ... | entry 31 |
//     one line                                  64 bytes each (IPv6: 128)
//
// That is how places are numbered. In memory the lines of a bucket change places by its number (place_of): if all tags
// began a page, those of a burst would share one or two of the 64 sets of a first-level cache and push each other out
// before they are compared.
//
// A key's hash names its bucket and its tag. All tags of a bucket are compared at once; an entry whose tag agrees is
// compared in full, so a miss mostly costs one line and a hit two, both on one page. When a bucket is full a flow lives
// in the next bucket of its probe sequence, and each bucket that it passed counts it, by two bits of its tag: a search
// goes on only where such a counter is not zero. There are no tombstones and nothing ever moves: a slot is a handle.
//
//   198.18.0.1:1024 -> 198.18.1.1:443 TCP    hash 0x41d3.... 9a07: bucket 41, tag 0x9a07
//   bucket 41 holds the tag at place 6       slot 41 * 32 + 6; its entry's key is compared
//
// The memory is the caller's, has one size for ever, and is sized so that as many flows as it is said to hold fill
// three quarters of it. A flow that finds no place in kFlowProbes buckets is refused: one in many millions at that
// load. One worker looks and writes; the hash must be keyed and secret (base/hash.h), or senders could fill one bucket.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/cell.h"
#include "base/hash.h"
#include "base/prefetch.h"
#include "packet/five_tuple.h"
#include "sessions/flow_head.h"

namespace culvert {

inline constexpr std::uint32_t kFlowsPerBucket = 31;
/// Buckets in which a flow may live.
inline constexpr std::uint32_t kFlowProbes = 8;
/// Keys that one call of the batched find takes.
inline constexpr std::size_t kMostFlowsAtOnce = 128;

template <typename Tuple>
struct alignas(kCacheLine) FlowEntry {
  Tuple key;
  FlowHead head;
};

/// The first line of a bucket.
struct alignas(kCacheLine) FlowTags {
  std::array<std::uint16_t, kFlowsPerBucket> tag;  ///< 0: free
  std::uint16_t passed;  ///< four counters of 4 bits: flows with tag % 4 == i that had to go on; 15 stays 15
};

static_assert(sizeof(FlowTags) == kCacheLine);

/// Where a slot's entry lies, counted in entries; of a bucket's first slot, which is none: its tags.
constexpr std::size_t place_of(FlowSlot slot) noexcept {
  return slot ^ (slot >> 5 & 31);
}

template <typename Tuple>
class FlowTable {
 public:
  using Entry = FlowEntry<Tuple>;
  static constexpr std::size_t kBucketBytes = 32 * sizeof(Entry);

  /// Bytes of memory for so many flows.
  static constexpr std::size_t bytes_for(std::size_t flows) noexcept { return buckets_for(flows) * kBucketBytes; }
  static constexpr std::size_t buckets_for(std::size_t flows) noexcept {
    const std::size_t buckets = (flows * 4 + 3 * kFlowsPerBucket - 1) / (3 * kFlowsPerBucket);
    return buckets < kFlowProbes ? kFlowProbes : buckets;
  }
  /// Slots that `buckets` have; a slot is below it.
  static constexpr std::size_t slots_for(std::size_t buckets) noexcept { return buckets * 32; }

  /// `memory`: a multiple of kBucketBytes, at least kFlowProbes buckets, aligned to a cache line (a page is better);
  /// zeroed, or what a table has left.
  explicit FlowTable(std::span<std::byte> memory) noexcept;

  std::uint32_t buckets() const noexcept { return buckets_; }
  std::size_t slots() const noexcept { return slots_for(buckets_); }
  /// As another process left it, with so many flows.
  void go_on(std::uint32_t flows) noexcept { size_ = flows; }
  /// Flows in it.
  std::uint32_t size() const noexcept { return size_; }

  /// The slot of a key with this hash (hash_of), or kNoFlow.
  FlowSlot find(const Tuple& key, std::uint64_t hash) const noexcept;
  /// The same for many keys, with everything prefetched: at most kMostFlowsAtOnce, all spans of one length.
  void find(std::span<const Tuple> keys, std::span<const std::uint64_t> hashes,
            std::span<FlowSlot> slots) const noexcept;

  /// The same for packets that are to be decided about: what of their sessions' other directions is read then comes,
  /// too.
  void find_sessions(std::span<const Tuple> keys, std::span<const std::uint64_t> hashes,
                     std::span<FlowSlot> slots) const noexcept;

  /// A place for a flow with this hash, its tag written, its entry of whatever was there before: to be filled at once.
  /// kNoFlow: no room. Two entries with one key are the caller's to avoid.
  FlowSlot reserve(std::uint64_t hash) noexcept;
  /// The place that it would have in the first of its buckets, or kNoFlow.
  FlowSlot next_place(std::uint64_t hash) const noexcept;
  /// Gives the place back. `hash`: of its key.
  void release(FlowSlot slot, std::uint64_t hash) noexcept;

  /// The line of a bucket's tags, counted in lines.
  static constexpr std::size_t line_of_tags(std::uint32_t bucket) noexcept {
    return place_of(bucket * 32) * (sizeof(Entry) / kCacheLine);
  }
  Entry& entry(FlowSlot slot) noexcept { return entries_[place_of(slot)]; }
  const Entry& entry(FlowSlot slot) const noexcept { return entries_[place_of(slot)]; }
  /// Whether there is a flow at this slot; any number below slots() may be asked for.
  bool used(FlowSlot slot) const noexcept { return slot % 32 != 0 && tags(slot / 32).tag[slot % 32 - 1] != 0; }

  void prefetch(std::uint64_t hash) const noexcept { culvert::prefetch(&tags(place(hash, 0))); }
  void prefetch_entry(FlowSlot slot) const noexcept {
    const Entry& flow = entry(slot);
    culvert::prefetch(&flow);
    if constexpr (sizeof(Entry) > kCacheLine) culvert::prefetch(bytes_of(flow).data() + kCacheLine);
  }
  /// What release() writes.
  void prefetch_tag(FlowSlot slot) const noexcept { culvert::prefetch_for_write(&tags(slot / 32)); }

  // After a crash.

  /// Tags that are not free, counted.
  std::uint32_t count_tags() const noexcept;
  /// Forgets every tag and counter; entries stay as they are.
  void forget_tags() noexcept;
  /// Writes the tag of an entry at its slot again. False when a flow with this hash can't live there.
  bool restore(FlowSlot slot, std::uint64_t hash) noexcept;

 private:
  static std::uint16_t tag_of(std::uint64_t hash) noexcept {
    const auto tag = static_cast<std::uint16_t>(hash);
    return tag != 0 ? tag : std::uint16_t{0x8000};
  }
  /// The bucket of probe 0..kFlowProbes-1.
  std::uint32_t place(std::uint64_t hash, std::uint32_t probe) const noexcept {
    const std::uint32_t first = fast_range(hash, buckets_);
    if (probe == 0) return first;
    return place_again(hash, probe);
  }
  std::uint32_t place_again(std::uint64_t hash, std::uint32_t probe) const noexcept;
  template <bool kWithPeers>
  void find_all(std::span<const Tuple> keys, std::span<const std::uint64_t> hashes,
                std::span<FlowSlot> slots) const noexcept;
  /// Of TCP windows of both directions are looked at, and translated packets leave with the other direction's key.
  static bool needs_peer(const FlowHead& head) noexcept {
    return head.kind() == FlowKind::kTcp || head.has(kFlowTranslated);
  }
  FlowSlot find_from(const Tuple& key, std::uint64_t hash, std::uint32_t probe) const noexcept;
  /// Probe number of a bucket in the sequence of a hash; kFlowProbes when it is not in it.
  std::uint32_t probe_of(std::uint32_t bucket, std::uint64_t hash) const noexcept;
  void count_passed(std::uint64_t hash, std::uint32_t probes) noexcept;

  FlowTags& tags(std::uint32_t bucket) noexcept { return tags_[line_of_tags(bucket)]; }
  const FlowTags& tags(std::uint32_t bucket) const noexcept { return tags_[line_of_tags(bucket)]; }

  std::span<FlowTags> tags_;  ///< every line; of each bucket one holds tags
  std::span<Entry> entries_;  ///< every slot, by place_of()
  std::uint32_t buckets_;
  std::uint32_t size_ = 0;
};

extern template class FlowTable<FiveTuple4>;
extern template class FlowTable<FiveTuple6>;

}  // namespace culvert
