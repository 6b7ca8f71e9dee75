// SPDX-License-Identifier: Apache-2.0
// Tables of flows as contenders: each finds a stretch of keys and reads a word of what it found, and each replaces its
// oldest flows by others. All have their memory on the same kind of pages.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include "base/mapping.h"
#include "bench/support/bench.h"
#include "bench/support/dpdk_hash.h"
#include "sessions/flow_table.h"

namespace culvert::bench {

/// Another key for each number, as random as an attacker's.
template <typename Tuple>
Tuple key_of(std::uint64_t number) {
  std::uint64_t state = number;
  const std::uint64_t one = splitmix64(state);  // a permutation of the numbers
  const std::uint64_t two = splitmix64(state);
  Tuple key{};
  const auto bytes = std::as_writable_bytes(std::span(&key, 1)).data();
  constexpr std::size_t kAddress = sizeof(key.source);
  store(bytes + (kAddress == 4 ? 0 : 8), one);
  store(bytes + 2 * kAddress, static_cast<std::uint32_t>(two));
  key.protocol = (two >> 32) % 2 == 0 ? 6 : 17;
  return key;
}

/// What both parts of a table hold, and which of the keys: `count` of them from `oldest` on, around the end.
template <typename Tuple>
struct Window {
  std::span<const Tuple> keys;
  std::size_t count;
  std::size_t oldest = 0;

  const Tuple& old(std::size_t i) const { return keys[wrapped(oldest + i)]; }
  const Tuple& fresh(std::size_t i) const { return keys[wrapped(wrapped(oldest + count) + i)]; }
  void go_on(std::size_t by) { oldest = wrapped(oldest + by); }
  /// Of an index below twice the number of keys; a division would be as dear as what is measured.
  std::size_t wrapped(std::size_t index) const { return index < keys.size() ? index : index - keys.size(); }
};

template <typename Tuple>
class CulvertFlows {
 public:
  explicit CulvertFlows(const Window<Tuple>& window) : window_(window) {
    for (std::size_t i = 0; i < window.count; ++i) {
      const std::uint64_t hash = hash_of(secret_, window.keys[i]);
      const FlowSlot slot = table_.reserve(hash);
      if (slot == kNoFlow) std::abort();
      write(slot, window.keys[i]);
    }
  }

  template <std::size_t kBatch>
  std::uint64_t find(std::span<const Tuple> keys) const {
    const HashKey secret = secret_;
    std::array<std::uint64_t, kBatch> hashes;
    std::array<FlowSlot, kBatch> slots;
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < keys.size(); at += kBatch) {
      const auto batch = keys.subspan(at, kBatch);
      for (std::size_t i = 0; i < kBatch; ++i) hashes[i] = hash_of(secret, batch[i]);
      table_.find(batch, hashes, slots);
      for (const FlowSlot slot : slots)
        if (slot != kNoFlow) sum += table_.entry(slot).head.bytes;
    }
    return sum;
  }

  void replace(std::size_t count) {
    constexpr std::size_t kBatch = 64;
    std::array<Tuple, kBatch> old;
    std::array<std::uint64_t, kBatch> hashes, fresh;
    std::array<FlowSlot, kBatch> slots;
    for (std::size_t at = 0; at < count; at += kBatch) {
      for (std::size_t i = 0; i < kBatch; ++i) {
        fresh[i] = hash_of(secret_, window_.fresh(i));
        table_.prefetch(fresh[i]);
        old[i] = window_.old(i);
        hashes[i] = hash_of(secret_, old[i]);
      }
      table_.find(old, hashes, slots);
      for (std::size_t i = 0; i < kBatch; ++i) table_.release(slots[i], hashes[i]);
      for (std::size_t i = 0; i < kBatch; ++i) {
        slots[i] = table_.reserve(fresh[i]);
        if (slots[i] == kNoFlow) std::abort();
        prefetch_for_write(&table_.entry(slots[i]));
        if constexpr (sizeof(FlowEntry<Tuple>) > kCacheLine) prefetch_for_write(&table_.entry(slots[i]).head.bytes);
      }
      for (std::size_t i = 0; i < kBatch; ++i) write(slots[i], window_.fresh(i));
      window_.go_on(kBatch);
    }
  }

  std::size_t bytes() const { return FlowTable<Tuple>::bytes_for(window_.count); }
  PageKind pages() const { return memory_.pages(); }

 private:
  void write(FlowSlot slot, const Tuple& key) {
    FlowEntry<Tuple>& entry = table_.entry(slot);
    entry.key = key;
    entry.head = FlowHead{};
    entry.head.bytes = 1;
  }

  Window<Tuple> window_;
  HashKey secret_ = HashKey::from_seed(7);
  Mapping memory_ = Mapping::anonymous(bytes(), HugePages::kTry, "flows");
  FlowTable<Tuple> table_{memory_.bytes().first(bytes())};
};

/// All that maps have allocated, whatever the type.
inline std::vector<Mapping>& map_memory() {
  static std::vector<Mapping> memory;
  return memory;
}
/// Allocates mappings: one for each of the map's few arrays.
template <typename T>
struct MappingAllocator {
  using value_type = T;
  MappingAllocator() = default;
  template <typename U>
  MappingAllocator(const MappingAllocator<U>&) {}

  T* allocate(std::size_t count) {
    map_memory().push_back(Mapping::anonymous(count * sizeof(T), HugePages::kTry, "a map"));
    void* memory = map_memory().back().data();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t) {
    const void* address = memory;
    std::erase_if(map_memory(), [&](const Mapping& mapping) { return mapping.data() == address; });
  }
  friend bool operator==(const MappingAllocator&, const MappingAllocator&) { return true; }
};

template <typename Tuple>
class BoostFlows {
 public:
  explicit BoostFlows(const Window<Tuple>& window) : window_(window) {
    map_.reserve(window.count);
    for (std::size_t i = 0; i < window.count; ++i) insert(window.keys[i]);
  }
  ~BoostFlows() = default;
  BoostFlows(const BoostFlows&) = delete;
  BoostFlows& operator=(const BoostFlows&) = delete;

  std::uint64_t find(std::span<const Tuple> keys) const {
    std::uint64_t sum = 0;
    for (const Tuple& key : keys)
      if (const auto found = map_.find(key.words()); found != map_.end()) sum += found->second[0];
    return sum;
  }
  void replace(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      map_.erase(window_.old(0).words());
      insert(window_.fresh(0));
      window_.go_on(1);
    }
  }
  static std::size_t bytes() {
    std::size_t sum = 0;
    for (const Mapping& mapping : map_memory()) sum += mapping.size();
    return sum;
  }

 private:
  /// Plain words: a type of ours would bring its namespace's prefetch() beside Boost's.
  using Key = decltype(Tuple{}.words());
  using Head = std::array<std::uint64_t, sizeof(FlowHead) / 8>;
  struct Hash {
    using is_avalanching = void;
    std::size_t operator()(const Key& key) const { return hash_of(kSecret, load<Tuple>(key.data())); }
    static inline const HashKey kSecret = HashKey::from_seed(7);
  };
  void insert(const Tuple& key) { map_.emplace(key.words(), Head{1}); }

  Window<Tuple> window_;
  boost::unordered_flat_map<Key, Head, Hash, std::equal_to<Key>, MappingAllocator<std::pair<const Key, Head>>> map_;
};

/// rte_hash, and the heads in an array of lines beside it.
template <typename Tuple>
class DpdkFlows {
 public:
  static std::unique_ptr<DpdkFlows> of(const Window<Tuple>& window) {
    auto flows = std::make_unique<DpdkFlows>(window);
    if (!flows->hash_) return nullptr;
    for (std::size_t i = 0; i < window.count; ++i) {
      if (!flows->insert(window.keys[i])) return nullptr;
    }
    return flows;
  }
  explicit DpdkFlows(const Window<Tuple>& window) : window_(window) {}

  std::uint64_t find(std::span<const Tuple> keys) const {
    constexpr std::size_t kBatch = RteHash::kMostAtOnce;
    std::array<std::int32_t, kBatch> places;
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < keys.size(); at += kBatch) {
      hash_->lookup(std::as_bytes(keys.subspan(at)).data(), places);
      for (const std::int32_t place : places)
        if (place >= 0) prefetch(&heads_[static_cast<std::size_t>(place)]);
      for (const std::int32_t place : places)
        if (place >= 0) sum += heads_[static_cast<std::size_t>(place)].head.bytes;
    }
    return sum;
  }
  void replace(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      hash_->remove(bytes_of(window_.old(0)).data());
      if (!insert(window_.fresh(0))) std::abort();
      window_.go_on(1);
    }
  }
  std::size_t bytes() const { return hash_->bytes() + heads_.size_bytes(); }

 private:
  struct alignas(kCacheLine) Line {
    FlowHead head;
  };
  static std::size_t places(const Window<Tuple>& window) { return window.count * 4 / 3; }

  bool insert(const Tuple& key) {
    const std::int32_t place = hash_->insert(bytes_of(key).data());
    if (place < 0) return false;
    Line& line = heads_[static_cast<std::size_t>(place)];
    line.head = FlowHead{};
    line.head.bytes = 1;
    return true;
  }

  Window<Tuple> window_;
  std::unique_ptr<RteHash> hash_ = RteHash::of(places(window_), sizeof(Tuple));
  Mapping memory_ = Mapping::anonymous((places(window_) + 1) * sizeof(Line), HugePages::kTry, "heads");
  std::span<Line> heads_ = array_over<Line>(memory_.bytes().first((places(window_) + 1) * sizeof(Line)));
};

/// No table: two lines of as much memory for each key, whose addresses are known at once, and nothing is compared.
template <typename Tuple>
class TwoLines {
 public:
  explicit TwoLines(std::size_t bytes) : memory_(Mapping::anonymous(bytes, HugePages::kTry, "lines")) {}

  template <std::size_t kBatch>
  std::uint64_t find(std::span<const Tuple> keys) const {
    const HashKey secret = secret_;
    const auto lines = static_cast<std::uint32_t>(memory_.size() / kCacheLine);
    const std::byte* memory = memory_.data();
    std::array<const std::byte*, kBatch> one, two;
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < keys.size(); at += kBatch) {
      const auto batch = keys.subspan(at, kBatch);
      for (std::size_t i = 0; i < kBatch; ++i) {
        const std::uint64_t hash = hash_of(secret, batch[i]);
        one[i] = memory + std::size_t{fast_range(hash, lines)} * kCacheLine;
        two[i] = memory + std::size_t{fast_range(hash << 32, lines)} * kCacheLine;
        prefetch(one[i]);
        prefetch(two[i]);
      }
      for (std::size_t i = 0; i < kBatch; ++i) sum += load<std::uint64_t>(one[i]) + load<std::uint64_t>(two[i]);
    }
    return sum;
  }

 private:
  HashKey secret_ = HashKey::from_seed(7);
  Mapping memory_;
};

}  // namespace culvert::bench
