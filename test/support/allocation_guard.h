// SPDX-License-Identifier: Apache-2.0
// Proves that threads leave the heap alone. While an AllocationGuard lives, every malloc, calloc, realloc and
// operator new of the watched threads is counted, and so is every free and operator delete; the first of them all keeps
// its call stack. A test of a worker:
//
//   Workers workers(...);                       // may allocate: construction
//   workers.start();
//   AllocationGuard guard(WatchedThreads::kOthers);   // from now on every thread but this one
//   run_traffic();
//   INFO(guard.first_call_stack());
//   CHECK(guard.allocations() == 0);
//
// Linking it replaces malloc in that executable (glibc's own stays behind it); under ASan and TSan it uses their hooks
// instead. One watch at a time.
#pragma once

#include <cstdint>
#include <string>

namespace culvert {

enum class WatchedThreads {
  kThis,    ///< the one that made the watch
  kOthers,  ///< all but the one that made the watch
};

class AllocationGuard {
 public:
  explicit AllocationGuard(WatchedThreads which);
  AllocationGuard(const AllocationGuard&) = delete;
  AllocationGuard& operator=(const AllocationGuard&) = delete;
  ~AllocationGuard();

  /// How often a watched thread asked the heap for memory since the watch began.
  std::uint64_t allocations() const noexcept;
  /// How often it gave memory back (null is nothing). A realloc is an allocation only.
  std::uint64_t frees() const noexcept;

  /// Thread id, size (0: a free) and symbolized call stack of the first counted call; empty if there was none.
  std::string first_call_stack() const;
};

}  // namespace culvert
