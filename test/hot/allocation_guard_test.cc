// SPDX-License-Identifier: Apache-2.0
#include "test/support/allocation_guard.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "test/support/catch.h"

using namespace culvert;

namespace {

/// Keeps the compiler from removing an allocation that nobody reads.
void keep(const void* memory) {
  __asm__ volatile("" : : "g"(memory) : "memory");
}

/// Runs `work` on another thread while this one watches the others. A thread's own start allocates, so it is over
/// first.
template <typename Work>
std::uint64_t allocations_of_other_thread(Work work, std::uint64_t* frees = nullptr) {
  enum Step { kStarting, kReady, kWatched, kDone, kReleased };
  std::atomic<Step> step{kStarting};
  const auto wait_for = [&step](Step wanted) {
    while (step.load() != wanted) std::this_thread::yield();
  };
  std::thread other([&] {
    step.store(kReady);
    wait_for(kWatched);
    work();
    step.store(kDone);
    wait_for(kReleased);
  });
  wait_for(kReady);
  std::uint64_t count = 0;
  {
    const AllocationGuard guard(WatchedThreads::kOthers);
    step.store(kWatched);
    wait_for(kDone);
    keep(std::make_unique<int>(1).get());  // this thread's own does not count
    count = guard.allocations();
    if (frees != nullptr) *frees = guard.frees();
  }
  step.store(kReleased);
  other.join();
  return count;
}

}  // namespace

TEST_CASE("every way to the heap is counted on the watched thread") {
  const AllocationGuard guard(WatchedThreads::kThis);
  keep(std::make_unique<int>(1).get());
  const auto after_one = guard.allocations();
  void* memory = std::malloc(10);
  keep(memory);
  memory = std::realloc(memory, 100'000);
  keep(memory);
  std::free(memory);
  void* zeroed = std::calloc(3, 5);
  keep(zeroed);
  std::free(zeroed);
  struct alignas(128) Wide {
    char bytes[128];
  };
  keep(std::make_unique<Wide>().get());
  const auto after_all = guard.allocations();
  const auto frees = guard.frees();
  CHECK(after_one == 1);
  CHECK(after_all == 5);
  CHECK(frees >= 4);
  CHECK(guard.first_call_stack().find("thread ") == 0);
}

TEST_CASE("nothing is counted when no watch lives or the work leaves the heap alone") {
  std::vector<int> numbers(100);
  const AllocationGuard guard(WatchedThreads::kThis);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>(i);
  keep(numbers.data());
  std::free(nullptr);
  const auto count = guard.allocations() + guard.frees();
  CHECK(count == 0);
  CHECK(guard.first_call_stack().empty());
}

TEST_CASE("an allocation of another thread is counted, and this thread's are not") {
  CHECK(allocations_of_other_thread([] { keep(std::make_unique<long>(7).get()); }) == 1);
}

TEST_CASE("a free of another thread is counted, with its call stack, and no allocation") {
  void* memory = std::malloc(10);
  keep(memory);
  std::uint64_t frees = 0;
  CHECK(allocations_of_other_thread([memory] { std::free(memory); }, &frees) == 0);
  CHECK(frees == 1);
}

TEST_CASE("another thread that leaves the heap alone counts nothing") {
  CHECK(allocations_of_other_thread([] { keep(nullptr); }) == 0);
}
