// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <new>
#include <span>
#include <sys/mman.h>
#include <unistd.h>

#include "test/support/bytes.h"

namespace culvert::test {

/// Memory between two pages that nobody may touch: reading or writing one byte outside ends the test with SIGSEGV.
class GuardedBuffer {
 public:
  /// Room for at least `size` bytes, rounded up to whole pages.
  explicit GuardedBuffer(std::size_t size) : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    size_ = (size + page_ - 1) / page_ * page_;
    void* memory = mmap(nullptr, size_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    begin_ = static_cast<std::byte*>(memory) + page_;
    if (mprotect(begin_, size_, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
  }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;
  ~GuardedBuffer() { munmap(begin_ - page_, size_ + 2 * page_); }

  std::span<std::byte> all() const { return {begin_, size_}; }

  /// A copy that ends where the memory ends.
  std::span<std::byte> at_end(std::span<const std::byte> bytes) const {
    return copy(begin_ + size_ - bytes.size(), bytes);
  }
  /// A copy that begins where the memory begins.
  std::span<std::byte> at_begin(std::span<const std::byte> bytes) const { return copy(begin_, bytes); }

 private:
  static std::span<std::byte> copy(std::byte* to, std::span<const std::byte> bytes) {
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    return {to, bytes.size()};
  }

  std::size_t page_;
  std::size_t size_ = 0;
  std::byte* begin_ = nullptr;
};

}  // namespace culvert::test
