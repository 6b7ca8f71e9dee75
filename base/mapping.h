// SPDX-License-Identifier: Apache-2.0
// Memory for regions and tables, acquired once at start. Page size matters more than anything else for big tables
// (random lines of 2 GB: 13-17 ns with 2 MB pages, 70-80 with 4 KB), so a Mapping says which pages it got.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace culvert {

enum class PageKind { kHuge, kTransparentHuge, kSmall };

/// "2 MB pages", "transparent huge pages", "4 KB pages".
std::string_view page_kind_text(PageKind kind) noexcept;

enum class HugePages { kTry, kNever };

/// Owns one mapping of zeroed, prefaulted memory; unmaps it when destroyed.
class Mapping {
 public:
  Mapping() noexcept = default;
  /// Private anonymous memory of at least `size` bytes (rounded up to its page size): explicit 2 MB pages when the
  /// system has enough reserved, else transparent ones, else 4 KB. Throws SetupError when there is no memory.
  static Mapping anonymous(std::size_t size, HugePages huge_pages, std::string_view what);
  /// Shared memory behind a new memfd of that name, so that another process can map it. 4 KB pages unless THP for
  /// shmem is on. Throws SetupError.
  static Mapping shared(std::size_t size, std::string_view name);
  /// Shared memory as large and, where it can be had, on as large pages as anonymous(), so that a successor can map it
  /// too: explicit 2 MB pages, else a file in a tmpfs with huge pages of its own, which nobody else sees (needs
  /// CAP_SYS_ADMIN), else a memfd where shmem has huge pages. Where huge pages are wanted and all of that is refused,
  /// it is as anonymous(), and fd() invalid: fast is more than shared. Throws SetupError when there is no memory.
  static Mapping shareable(std::size_t size, HugePages huge_pages, std::string_view what);
  /// What another process made with shareable() on such pages, all of it; the descriptor is this mapping's from now on.
  /// Throws SetupError.
  static Mapping of(Fd fd, PageKind pages);
  /// Whether it is what shareable() makes for so many bytes; false for -1.
  static bool fits(int descriptor, std::size_t size) noexcept;
  /// of() a copy of the descriptor when it fits; empty when not.
  static Mapping of_size(int descriptor, std::size_t size);
  /// The file at `path`, which only its owner may read, of `size` bytes (rounded up to pages) and mapped to be written:
  /// what is in it outlives the process, when it lies in a tmpfs. Made when it is not there; of another size, or when
  /// `anew`, it is emptied. `kept`: it holds what an earlier process left. Its pages are huge where the tmpfs was
  /// mounted with huge=always or within_size (tmpfs(5)). Throws SetupError: there is no room, or another process has
  /// it.
  static Mapping file(const std::string& path, std::size_t size, bool anew, bool& kept);
  /// The same of a file that another process has open and leaves to us, with its lock; the descriptor stays the
  /// caller's. Nothing is mapped unless `kept`: it is of that size.
  static Mapping file_of(int descriptor, std::size_t size, bool& kept);
  /// A read-only view of the whole file (a memfd that a parent passed). Throws SetupError.
  static Mapping read_only(const Fd& fd);

  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  std::span<std::byte> bytes() const noexcept { return {data_, size_}; }
  std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  PageKind pages() const noexcept { return pages_; }
  /// The memfd of a shared mapping, or the file; invalid for anonymous ones.
  const Fd& fd() const noexcept { return fd_; }

 private:
  Mapping(std::byte* data, std::size_t size, PageKind pages, Fd fd) noexcept;
  static Mapping shared_over(Fd fd, std::size_t size, PageKind pages);
  /// For a file in a tmpfs that may have huge pages: what it got is asked of the kernel.
  static Mapping file_over(Fd fd, std::size_t size);

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  PageKind pages_ = PageKind::kSmall;
  Fd fd_;
};

/// Whether files of this folder are memory (a tmpfs); false also when there is no such folder.
bool is_tmpfs(const std::string& folder) noexcept;

}  // namespace culvert
