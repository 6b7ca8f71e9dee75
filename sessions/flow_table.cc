// SPDX-License-Identifier: Apache-2.0
#include "sessions/flow_table.h"

#include <bit>
#include <cstring>

#include "base/check.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace culvert {
namespace {

constexpr std::uint32_t kTagBits = (std::uint32_t{1} << kFlowsPerBucket) - 1;

/// Bit i: tag i of the line is this one.
std::uint32_t match(const FlowTags& line, std::uint16_t tag) noexcept {
#if defined(__AVX2__)
  __m256i low, high;
  const std::byte* bytes = bytes_of(line).data();
  std::memcpy(&low, bytes, sizeof(low));
  std::memcpy(&high, bytes + sizeof(low), sizeof(high));
  const __m256i wanted = _mm256_set1_epi16(static_cast<short>(tag));
  // Packing works within the halves of a register, so the middle quarters come out swapped.
  const __m256i packed = _mm256_packs_epi16(_mm256_cmpeq_epi16(low, wanted), _mm256_cmpeq_epi16(high, wanted));
  const __m256i ordered = _mm256_permute4x64_epi64(packed, 0b11'01'10'00);
  return static_cast<std::uint32_t>(_mm256_movemask_epi8(ordered)) & kTagBits;
#else
  std::uint32_t found = 0;
  for (std::uint32_t i = 0; i < kFlowsPerBucket; ++i) found |= std::uint32_t{line.tag[i] == tag} << i;
  return found & kTagBits;
#endif
}

/// Keys as words in registers; through arrays they would take a way over the stack.
template <typename Tuple>
bool same_key(const Tuple& one, const Tuple& two) noexcept {
  const std::byte* a = bytes_of(one).data();
  const std::byte* b = bytes_of(two).data();
  std::uint64_t differ = 0;
  for (std::size_t at = 0; at < sizeof(Tuple); at += sizeof(differ)) {
    differ |= load<std::uint64_t>(a + at) ^ load<std::uint64_t>(b + at);
  }
  return differ == 0;
}

constexpr unsigned passed_shift(std::uint64_t hash) noexcept {
  return static_cast<unsigned>(hash & 3) * 4;
}

bool others_passed(const FlowTags& line, std::uint64_t hash) noexcept {
  return ((line.passed >> passed_shift(hash)) & 15) != 0;
}

FlowSlot slot_of(std::uint32_t bucket, std::uint32_t found) noexcept {
  return bucket * 32 + static_cast<std::uint32_t>(std::countr_zero(found)) + 1;
}

}  // namespace

template <typename Tuple>
FlowTable<Tuple>::FlowTable(std::span<std::byte> memory) noexcept
    : tags_(array_over<FlowTags>(memory)),
      entries_(array_over<Entry>(memory)),
      buckets_(static_cast<std::uint32_t>(memory.size() / kBucketBytes)) {
  CULVERT_CHECK(buckets_ >= kFlowProbes && memory.size() % kBucketBytes == 0 && buckets_ < (1U << 27) - 1);
}

template <typename Tuple>
std::uint32_t FlowTable<Tuple>::place_again(std::uint64_t hash, std::uint32_t probe) const noexcept {
  std::uint64_t state = hash + probe * 0xd1b54a32d192ed03ULL;
  return fast_range(splitmix64(state), buckets_);
}

template <typename Tuple>
FlowSlot FlowTable<Tuple>::find(const Tuple& key, std::uint64_t hash) const noexcept {
  return find_from(key, hash, 0);
}

template <typename Tuple>
FlowSlot FlowTable<Tuple>::find_from(const Tuple& key, std::uint64_t hash, std::uint32_t probe) const noexcept {
  for (; probe < kFlowProbes; ++probe) {
    const std::uint32_t bucket = place(hash, probe);
    const FlowTags& line = tags(bucket);
    for (std::uint32_t found = match(line, tag_of(hash)); found != 0; found &= found - 1) {
      const FlowSlot slot = slot_of(bucket, found);
      if (same_key(entry(slot).key, key)) return slot;
    }
    if (!others_passed(line, hash)) break;
  }
  return kNoFlow;
}

template <typename Tuple>
void FlowTable<Tuple>::find(std::span<const Tuple> keys, std::span<const std::uint64_t> hashes,
                            std::span<FlowSlot> slots) const noexcept {
  find_all<false>(keys, hashes, slots);
}

template <typename Tuple>
void FlowTable<Tuple>::find_sessions(std::span<const Tuple> keys, std::span<const std::uint64_t> hashes,
                                     std::span<FlowSlot> slots) const noexcept {
  find_all<true>(keys, hashes, slots);
}

template <typename Tuple>
template <bool kWithPeers>
[[gnu::always_inline]] inline void FlowTable<Tuple>::find_all(std::span<const Tuple> keys,
                                                              std::span<const std::uint64_t> hashes,
                                                              std::span<FlowSlot> slots) const noexcept {
  const std::size_t count = keys.size();
  CULVERT_ASSERT(count <= kMostFlowsAtOnce && hashes.size() == count && slots.size() == count);
  for (std::size_t i = 0; i < count; ++i) prefetch(hashes[i]);
  std::array<std::uint8_t, kMostFlowsAtOnce> elsewhere;  // keys that may live in another bucket
  std::size_t elsewhere_count = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t hash = hashes[i];
    const std::uint32_t bucket = place(hash, 0);
    const FlowTags& line = tags(bucket);
    const std::uint32_t found = match(line, tag_of(hash));
    FlowSlot slot = kNoFlow;
    if (found != 0) {
      slot = slot_of(bucket, found);
      prefetch_entry(slot);
    } else if (others_passed(line, hash)) {
      elsewhere[elsewhere_count++] = static_cast<std::uint8_t>(i);
    }
    slots[i] = slot;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const FlowSlot slot = slots[i];
    // Of no flow too: what is there instead of its entry can be read, and whatever it says it stays none.
    const Entry& flow = entry(slot);
    if (!same_key(flow.key, keys[i]) && slot != kNoFlow) {
      slots[i] = find_from(keys[i], hashes[i], 0);
    } else if (kWithPeers && slot != kNoFlow && needs_peer(flow.head)) {
      prefetch_entry(flow.head.peer);
    }
  }
  for (std::size_t i = 0; i < elsewhere_count; ++i) {
    slots[elsewhere[i]] = find_from(keys[elsewhere[i]], hashes[elsewhere[i]], 1);
  }
}

template <typename Tuple>
FlowSlot FlowTable<Tuple>::reserve(std::uint64_t hash) noexcept {
  for (std::uint32_t probe = 0; probe < kFlowProbes; ++probe) {
    const std::uint32_t bucket = place(hash, probe);
    FlowTags& line = tags(bucket);
    const std::uint32_t free = match(line, 0);
    if (free == 0) continue;
    put(line.tag[static_cast<std::size_t>(std::countr_zero(free))], tag_of(hash));
    if (probe != 0) count_passed(hash, probe);
    ++size_;
    return slot_of(bucket, free);
  }
  return kNoFlow;
}

template <typename Tuple>
FlowSlot FlowTable<Tuple>::next_place(std::uint64_t hash) const noexcept {
  const std::uint32_t bucket = place(hash, 0);
  const std::uint32_t free = match(tags(bucket), 0);
  return free == 0 ? kNoFlow : slot_of(bucket, free);
}

template <typename Tuple>
void FlowTable<Tuple>::count_passed(std::uint64_t hash, std::uint32_t probes) noexcept {
  for (std::uint32_t probe = 0; probe < probes; ++probe) {
    FlowTags& line = tags(place(hash, probe));
    const unsigned shift = passed_shift(hash);
    if (((line.passed >> shift) & 15) != 15) line.passed = static_cast<std::uint16_t>(line.passed + (1U << shift));
  }
}

template <typename Tuple>
std::uint32_t FlowTable<Tuple>::probe_of(std::uint32_t bucket, std::uint64_t hash) const noexcept {
  std::uint32_t probe = 0;
  while (probe < kFlowProbes && place(hash, probe) != bucket) ++probe;
  return probe;
}

template <typename Tuple>
void FlowTable<Tuple>::release(FlowSlot slot, std::uint64_t hash) noexcept {
  const std::uint32_t bucket = slot / 32;
  std::uint16_t& tag = tags(bucket).tag[slot % 32 - 1];
  CULVERT_ASSERT(tag == tag_of(hash));
  put(tag, 0);
  --size_;
  const std::uint32_t probes = probe_of(bucket, hash);
  for (std::uint32_t probe = 0; probe < probes; ++probe) {
    FlowTags& line = tags(place(hash, probe));
    const unsigned shift = passed_shift(hash);
    const unsigned passed = (line.passed >> shift) & 15;
    // A counter that was full once says "some" for ever.
    if (passed != 15 && passed != 0) line.passed = static_cast<std::uint16_t>(line.passed - (1U << shift));
  }
}

template <typename Tuple>
std::uint32_t FlowTable<Tuple>::count_tags() const noexcept {
  std::uint32_t count = 0;
  for (std::uint32_t bucket = 0; bucket < buckets_; ++bucket) {
    count += kFlowsPerBucket - static_cast<std::uint32_t>(std::popcount(match(tags(bucket), 0)));
  }
  return count;
}

template <typename Tuple>
void FlowTable<Tuple>::forget_tags() noexcept {
  for (std::uint32_t bucket = 0; bucket < buckets_; ++bucket) tags(bucket) = FlowTags{};
  size_ = 0;
}

template <typename Tuple>
bool FlowTable<Tuple>::restore(FlowSlot slot, std::uint64_t hash) noexcept {
  const std::uint32_t bucket = slot / 32;
  const std::uint32_t probe = probe_of(bucket, hash);
  if (slot % 32 == 0 || probe == kFlowProbes) return false;
  tags(bucket).tag[slot % 32 - 1] = tag_of(hash);
  if (probe != 0) count_passed(hash, probe);
  ++size_;
  return true;
}

template class FlowTable<FiveTuple4>;
template class FlowTable<FiveTuple6>;

}  // namespace culvert
