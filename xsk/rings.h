// SPDX-License-Identifier: Apache-2.0
// The four rings that a socket shares with the kernel (Documentation/networking/af_xdp.rst, "Rings"). Each has one
// producer and one consumer, a power of two of entries, and two free-running 32-bit indices that live in shared memory:
//
//   fill        we produce frames       the kernel fills them           ProducerRing<std::uint64_t>
//   rx          the kernel produces     we consume packets              ConsumerRing<xdp_desc>
//   tx          we produce packets      the kernel consumes, sends      ProducerRing<xdp_desc>
//   completion  the kernel produces     we consume frames to reuse      ConsumerRing<std::uint64_t>
//
// A reservation that is not settled wedges a ring, so there is none to forget: a Batch publishes exactly what was
// pushed, or releases exactly what it showed, when it goes out of scope.
//
//   { auto batch = tx.batch(64);  while (batch.has_room() && ...) batch.push(descriptor); }   // published here
//   { auto batch = rx.batch(64);  for (i < batch.size()) read(batch[i]); }                    // released here
//
// The rings are ours and not libxdp's: its version 1.3 leaves cached indices uninitialised, and a reservation there is
// a count that the caller has to repeat. Entries and indices are the kernel's to write: what they say is checked by the
// lane.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <linux/if_xdp.h>
#include <span>

namespace culvert {

/// Where a ring lies: in the socket's mapping, or in a test's arrays.
template <typename Entry>
struct RingMemory {
  std::uint32_t* producer = nullptr;
  std::uint32_t* consumer = nullptr;
  std::uint32_t* flags = nullptr;
  std::span<Entry> entries;  ///< a power of two
};

namespace ring_detail {
inline std::uint32_t load_acquire(std::uint32_t* index) noexcept {
  return std::atomic_ref<std::uint32_t>(*index).load(std::memory_order_acquire);
}
inline void store_release(std::uint32_t* index, std::uint32_t value) noexcept {
  std::atomic_ref<std::uint32_t>(*index).store(value, std::memory_order_release);
}
}  // namespace ring_detail

/// A ring that we write and the kernel reads.
template <typename Entry>
class ProducerRing {
 public:
  ProducerRing() noexcept = default;
  explicit ProducerRing(RingMemory<Entry> memory) noexcept
      : memory_(memory),
        mask_(static_cast<std::uint32_t>(memory.entries.size() - 1)),
        produced_(ring_detail::load_acquire(memory.producer)),
        consumed_(ring_detail::load_acquire(memory.consumer)) {}

  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(memory_.entries.size()); }
  /// Entries that the kernel has not consumed, now. Reads the kernel's cache line.
  std::uint32_t waiting() noexcept { return produced_ - refreshed(); }
  /// The kernel's index, now: has it made progress?
  std::uint32_t consumed() noexcept { return refreshed(); }
  /// The kernel wants a system call before it looks at the ring (XDP_RING_NEED_WAKEUP).
  bool needs_wakeup() const noexcept {
    return (std::atomic_ref<std::uint32_t>(*memory_.flags).load(std::memory_order_relaxed) & XDP_RING_NEED_WAKEUP) != 0;
  }

  /// Room for some entries; publishes those that were pushed at the end of its life.
  class Batch {
   public:
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    ~Batch() {
      if (next_ == ring_.produced_) return;
      ring_.produced_ = next_;
      ring_detail::store_release(ring_.memory_.producer, next_);
    }
    bool has_room() const noexcept { return next_ != end_; }
    std::uint32_t room() const noexcept { return end_ - next_; }
    /// There must be room.
    void push(const Entry& entry) noexcept { ring_.memory_.entries[next_++ & ring_.mask_] = entry; }

   private:
    friend class ProducerRing;
    Batch(ProducerRing& ring, std::uint32_t count) noexcept
        : ring_(ring), next_(ring.produced_), end_(ring.produced_ + count) {}
    ProducerRing& ring_;
    std::uint32_t next_;
    std::uint32_t end_;
  };

  /// Room for up to `wanted` entries; may be none. One batch at a time.
  Batch batch(std::uint32_t wanted) noexcept {
    std::uint32_t room = size() - (produced_ - consumed_);
    if (room < wanted) room = size() - (produced_ - refreshed());
    return Batch(*this, std::min(room, wanted));
  }

 private:
  /// An index that cannot be (more consumed than produced) counts as no progress: never write over what waits.
  std::uint32_t refreshed() noexcept {
    const std::uint32_t now = ring_detail::load_acquire(memory_.consumer);
    if (produced_ - now <= size()) consumed_ = now;
    return consumed_;
  }

  RingMemory<Entry> memory_;
  std::uint32_t mask_ = 0;
  std::uint32_t produced_ = 0;
  std::uint32_t consumed_ = 0;
};

/// A ring that the kernel writes and we read.
template <typename Entry>
class ConsumerRing {
 public:
  ConsumerRing() noexcept = default;
  explicit ConsumerRing(RingMemory<Entry> memory) noexcept
      : memory_(memory),
        mask_(static_cast<std::uint32_t>(memory.entries.size() - 1)),
        produced_(ring_detail::load_acquire(memory.producer)),
        consumed_(ring_detail::load_acquire(memory.consumer)) {}

  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(memory_.entries.size()); }
  /// Entries that we have not consumed, now. Reads the kernel's cache line.
  std::uint32_t waiting() noexcept { return refreshed() - consumed_; }
  /// The same as of the last look at the kernel's index.
  std::uint32_t known() const noexcept { return produced_ - consumed_; }

  /// Some entries to read; releases all of them at the end of its life.
  class Batch {
   public:
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    ~Batch() {
      if (count_ == 0) return;
      ring_.consumed_ += count_;
      ring_detail::store_release(ring_.memory_.consumer, ring_.consumed_);
    }
    std::uint32_t size() const noexcept { return count_; }
    const Entry& operator[](std::uint32_t index) const noexcept {
      return ring_.memory_.entries[(ring_.consumed_ + index) & ring_.mask_];
    }

   private:
    friend class ConsumerRing;
    Batch(ConsumerRing& ring, std::uint32_t count) noexcept : ring_(ring), count_(count) {}
    ConsumerRing& ring_;
    std::uint32_t count_;
  };

  /// Up to `wanted` entries, oldest first; may be none. One batch at a time.
  Batch batch(std::uint32_t wanted) noexcept {
    std::uint32_t there = known();
    if (there < wanted) there = waiting();
    return Batch(*this, std::min(there, wanted));
  }

 private:
  /// An index that cannot be (more than a ring ahead) counts as nothing new.
  std::uint32_t refreshed() noexcept {
    const std::uint32_t now = ring_detail::load_acquire(memory_.producer);
    if (now - consumed_ <= size()) produced_ = now;
    return produced_;
  }

  RingMemory<Entry> memory_;
  std::uint32_t mask_ = 0;
  std::uint32_t produced_ = 0;
  std::uint32_t consumed_ = 0;
};

}  // namespace culvert
