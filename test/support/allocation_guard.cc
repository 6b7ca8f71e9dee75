// SPDX-License-Identifier: Apache-2.0
#include "test/support/allocation_guard.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <execinfo.h>
#include <unistd.h>

#include "base/check.h"

namespace culvert {
namespace {

constexpr int kNobody = 0;
constexpr std::size_t kDeepestStack = 48;

struct FirstCall {
  int thread = 0;
  std::size_t size = 0;
  int depth = 0;
  std::array<void*, kDeepestStack> frames{};
};

// The hook may run before main and after it, on any thread: plain static storage, no constructors.
std::atomic<int> watcher{kNobody};  ///< thread id of the watch's maker; kNobody when there is no watch
std::atomic<bool> watch_others{false};
std::atomic<std::uint64_t> counted{0}, counted_frees{0};
std::atomic<bool> first_is_taken{false}, first_is_written{false};
FirstCall first;
thread_local bool inside_hook = false;

/// Called for every allocation and every free (size 0) of every thread.
void note(std::atomic<std::uint64_t>& count, std::size_t size) noexcept {
  const int maker = watcher.load(std::memory_order_acquire);
  if (maker == kNobody || inside_hook) return;
  const int self = ::gettid();
  if ((self != maker) != watch_others.load(std::memory_order_relaxed)) return;
  inside_hook = true;
  count.fetch_add(1, std::memory_order_relaxed);
  if (!first_is_taken.exchange(true, std::memory_order_relaxed)) {
    first.thread = self;
    first.size = size;
    first.depth = ::backtrace(first.frames.data(), static_cast<int>(first.frames.size()));
    first_is_written.store(true, std::memory_order_release);
  }
  inside_hook = false;
}

void note_allocation(std::size_t size) noexcept {
  note(counted, size);
}
void note_free(const void* memory) noexcept {
  if (memory != nullptr) note(counted_frees, 0);
}

}  // namespace

AllocationGuard::AllocationGuard(WatchedThreads which) {
  CULVERT_CHECK(watcher.load() == kNobody);
  std::array<void*, 2> frames{};
  ::backtrace(frames.data(), 2);  // loads libgcc now: its first call allocates
  counted.store(0);
  counted_frees.store(0);
  first_is_taken.store(false);
  first_is_written.store(false);
  watch_others.store(which == WatchedThreads::kOthers);
  watcher.store(::gettid(), std::memory_order_release);
}

AllocationGuard::~AllocationGuard() {
  watcher.store(kNobody, std::memory_order_release);
}

std::uint64_t AllocationGuard::allocations() const noexcept {
  return counted.load(std::memory_order_relaxed);
}

std::uint64_t AllocationGuard::frees() const noexcept {
  return counted_frees.load(std::memory_order_relaxed);
}

std::string AllocationGuard::first_call_stack() const {
  if (!first_is_written.load(std::memory_order_acquire)) return {};
  inside_hook = true;  // what is built here is not the watched code's
  std::string text = "thread " + std::to_string(first.thread) + ", " + std::to_string(first.size) + " bytes:\n";
  char** names = ::backtrace_symbols(first.frames.data(), first.depth);
  for (int i = 0; names != nullptr && i < first.depth; ++i) text += std::string("  ") + names[i] + "\n";
  std::free(names);
  inside_hook = false;
  return text;
}

}  // namespace culvert

#ifdef CULVERT_SANITIZED

// Weak in the sanitizer's run time; ours is called after each allocation, operator new's included.
extern "C" void __sanitizer_malloc_hook(const void* memory, std::size_t size) {
  if (memory != nullptr) culvert::note_allocation(size);
}
extern "C" void __sanitizer_free_hook(const void* memory) {
  culvert::note_free(memory);
}

#else

// glibc's own entry points; defining malloc and friends in the program replaces them for every library in it
// (https://www.gnu.org/software/libc/manual/html_node/Replacing-malloc.html). operator new calls malloc.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);

void* malloc(std::size_t size) {
  culvert::note_allocation(size);
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  culvert::note_allocation(count * size);
  return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
  culvert::note_allocation(size);
  return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  culvert::note_allocation(size);
  return __libc_memalign(alignment, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  culvert::note_allocation(size);
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  culvert::note_allocation(size);
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
void free(void* memory) {
  culvert::note_free(memory);
  __libc_free(memory);
}
}

#endif
