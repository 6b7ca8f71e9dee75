// SPDX-License-Identifier: Apache-2.0
// A bounded queue between exactly two threads: one that only pushes, one that only pops. Capacity is a template
// argument: Boost's runtime-capacity variant pulls in operator new and throw, which hot code may not reference.
#pragma once

#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <span>

namespace culvert {

template <typename T, std::size_t kCapacity>
class SpscRing {
 public:
  static constexpr std::size_t capacity() noexcept { return kCapacity; }

  /// Producer. False when full: the caller applies its policy and counts.
  bool push(const T& item) noexcept { return queue_.push(item); }
  /// Producer. Pushes the first n items that fit and returns n.
  std::size_t push(std::span<const T> items) noexcept { return queue_.push(items.data(), items.size()); }
  /// Producer. Room left, a lower bound at once outdated by the consumer.
  std::size_t space() const noexcept { return queue_.write_available(); }

  /// Consumer. False when empty.
  bool pop(T& item) noexcept { return queue_.pop(item); }
  /// Consumer. Pops up to items.size() and returns how many.
  std::size_t pop(std::span<T> items) noexcept { return queue_.pop(items.data(), items.size()); }
  /// Consumer. Items waiting, a lower bound at once outdated by the producer.
  std::size_t waiting() const noexcept { return queue_.read_available(); }

 private:
  boost::lockfree::spsc_queue<T, boost::lockfree::capacity<kCapacity>> queue_;
};

}  // namespace culvert
