// SPDX-License-Identifier: Apache-2.0
#include "base/mapping.h"

#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <linux/magic.h>
#include <string>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <utility>

namespace culvert {
namespace {

constexpr std::size_t kHugePageSize = std::size_t{2} << 20;
constexpr std::size_t kSmallPageSize = 4096;
/// MFD_HUGE_2MB of linux/memfd.h, which does not go together with glibc's: log2 of the size above bit 26.
constexpr unsigned kMemfdHuge2Mb = 21U << 26;

std::size_t round_up(std::size_t size, std::size_t unit) {
  return (size + unit - 1) / unit * unit;
}

/// "always [madvise] never": which one is chosen (Documentation/admin-guide/mm/transhuge.rst).
std::string transparent_huge_pages(const char* of) {
  std::ifstream file(std::string("/sys/kernel/mm/transparent_hugepage/") + of);
  std::string line;
  std::getline(file, line);
  const std::size_t begin = line.find('[');
  return begin == std::string::npos ? "never" : line.substr(begin + 1, line.find(']') - begin - 1);
}

bool transparent_huge_pages_on() {
  return transparent_huge_pages("enabled") != "never";
}

/// Of memfds; "deny" and "force" are for tests of the kernel.
bool shmem_huge_pages_on() {
  const std::string chosen = transparent_huge_pages("shmem_enabled");
  return chosen != "never" && chosen != "deny";
}

std::size_t address_of(const std::byte* pointer) {
  return std::bit_cast<std::uintptr_t>(pointer);
}

std::byte* map_anonymous(std::size_t size, int extra_flags) {
  void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | extra_flags, -1, 0);
  return address == MAP_FAILED ? nullptr : static_cast<std::byte*>(address);
}

/// A memfd with room for all of it. Invalid when the kernel has no such memory.
Fd sized_memfd(std::size_t size, unsigned flags) {
  Fd fd(::memfd_create("culvert", MFD_CLOEXEC | flags));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return {};
  if (::fallocate(fd.get(), 0, 0, static_cast<off_t>(size)) != 0) return {};
  return fd;
}

/// A nameless file in a tmpfs that is mounted nowhere and has huge pages whatever shmem_enabled says (tmpfs(5),
/// "huge"). Mount and memory go with the last descriptor and mapping.
Fd huge_tmpfs_file(std::size_t size) {
  if (!transparent_huge_pages_on() || transparent_huge_pages("shmem_enabled") == "deny") return {};
  const Fd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!context || ::fsconfig(context.get(), FSCONFIG_SET_STRING, "huge", "always", 0) != 0 ||
      ::fsconfig(context.get(), FSCONFIG_SET_STRING, "mode", "0700", 0) != 0 ||
      ::fsconfig(context.get(), FSCONFIG_SET_STRING, "size", std::to_string(size).c_str(), 0) != 0 ||
      ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return {};
  }
  const Fd folder(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  if (!folder) return {};
  Fd fd(::openat(folder.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return {};
  if (::fallocate(fd.get(), 0, 0, static_cast<off_t>(size)) != 0) return {};
  return fd;
}

/// Whether huge pages back more than half of a mapping of shared memory, by /proc/self/smaps (proc_pid_smaps(5)):
///
///   7f5c00000000-7f5c40000000 rw-s ...     a mapping, then a line for each fact
///   ShmemPmdMapped:   1048576 kB
bool mostly_huge(const std::byte* data, std::size_t size) {
  std::ifstream file("/proc/self/smaps");
  std::array<char, 2 * sizeof(std::uintptr_t)> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), address_of(data), 16).ptr;
  const std::string beginning = std::string(digits.data(), end) + "-";
  constexpr std::string_view kFact = "ShmemPmdMapped:";
  bool ours = false;
  for (std::string line; std::getline(file, line);) {
    const std::size_t word = line.find(' ');
    if (word == std::string::npos || line[word - 1] != ':') {
      if (ours) return false;
      ours = line.starts_with(beginning);
    } else if (ours && line.starts_with(kFact)) {
      return std::strtoull(line.c_str() + kFact.size(), nullptr, 10) * 1024 > size / 2;
    }
  }
  return false;
}

}  // namespace

std::string_view page_kind_text(PageKind kind) noexcept {
  switch (kind) {
    case PageKind::kHuge:
      return "2 MB pages";
    case PageKind::kTransparentHuge:
      return "transparent huge pages";
    case PageKind::kSmall:
      return "4 KB pages";
  }
  return "unknown pages";
}

Mapping::Mapping(std::byte* data, std::size_t size, PageKind pages, Fd fd) noexcept
    : data_(data), size_(size), pages_(pages), fd_(std::move(fd)) {}

Mapping Mapping::anonymous(std::size_t size, HugePages huge_pages, std::string_view what) {
  const bool want_huge = huge_pages == HugePages::kTry && size >= kHugePageSize;
  if (want_huge) {
    const std::size_t rounded = round_up(size, kHugePageSize);
    if (auto* data = map_anonymous(rounded, MAP_HUGETLB | MAP_POPULATE)) return {data, rounded, PageKind::kHuge, Fd()};
  }
  // Room to begin on a 2 MB boundary, so that transparent huge pages can back all of it.
  const std::size_t rounded = round_up(size, want_huge ? kHugePageSize : kSmallPageSize);
  const std::size_t slack = want_huge ? kHugePageSize : 0;
  auto* raw = map_anonymous(rounded + slack, 0);
  if (raw == nullptr) {
    throw SetupError(errno_error("reserving " + std::to_string(size >> 20) + " MiB for " + std::string(what),
                                 "lower the limits in the configuration, or give the machine more memory"));
  }
  const std::size_t skip = want_huge ? round_up(address_of(raw), kHugePageSize) - address_of(raw) : 0;
  if (skip > 0) ::munmap(raw, skip);
  if (slack > skip) ::munmap(raw + skip + rounded, slack - skip);
  auto* data = raw + skip;
  PageKind pages = PageKind::kSmall;
  if (want_huge && transparent_huge_pages_on() && ::madvise(data, rounded, MADV_HUGEPAGE) == 0) {
    pages = PageKind::kTransparentHuge;
  }
  if (::madvise(data, rounded, MADV_POPULATE_WRITE) != 0) {
    for (std::size_t at = 0; at < rounded; at += kSmallPageSize) data[at] = std::byte{0};
  }
  return {data, rounded, pages, Fd()};
}

Mapping Mapping::shared(std::size_t size, std::string_view name) {
  const std::size_t rounded = round_up(size, kSmallPageSize);
  Fd fd(::memfd_create(std::string(name).c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(rounded)) != 0) {
    throw SetupError(errno_error("making the shared memory " + std::string(name)));
  }
  void* address = ::mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd.get(), 0);
  if (address == MAP_FAILED) throw SetupError(errno_error("mapping the shared memory " + std::string(name)));
  return {static_cast<std::byte*>(address), rounded, PageKind::kSmall, std::move(fd)};
}

Mapping Mapping::shared_over(Fd fd, std::size_t size, PageKind pages) {
  // Huge pages are mapped as such only where the address begins one.
  const std::size_t unit = pages == PageKind::kSmall ? kSmallPageSize : kHugePageSize;
  const std::size_t slack = unit - kSmallPageSize;
  void* room = ::mmap(nullptr, size + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) throw SetupError(errno_error("finding room for a shared memory"));
  auto* raw = static_cast<std::byte*>(room);
  const std::size_t skip = round_up(address_of(raw), unit) - address_of(raw);
  if (skip > 0) ::munmap(raw, skip);
  if (slack > skip) ::munmap(raw + skip + size, slack - skip);
  auto* data = raw + skip;
  if (::mmap(data, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd.get(), 0) == MAP_FAILED) {
    const Error error = errno_error("mapping a shared memory");
    ::munmap(data, size);
    throw SetupError(error);
  }
  if (pages == PageKind::kTransparentHuge) ::madvise(data, size, MADV_HUGEPAGE);
  ::madvise(data, size, MADV_POPULATE_WRITE);
  return {data, size, pages, std::move(fd)};
}

Mapping Mapping::file_over(Fd fd, std::size_t size) {
  const bool may_be_huge = size >= kHugePageSize;
  Mapping mapping = shared_over(std::move(fd), size, may_be_huge ? PageKind::kTransparentHuge : PageKind::kSmall);
  mapping.pages_ = mostly_huge(mapping.data_, size) ? PageKind::kTransparentHuge : PageKind::kSmall;
  return mapping;
}

Mapping Mapping::shareable(std::size_t size, HugePages huge_pages, std::string_view what) {
  const bool want_huge = huge_pages == HugePages::kTry && size >= kHugePageSize;
  if (!want_huge) {
    const std::size_t rounded = round_up(size, kSmallPageSize);
    Fd fd = sized_memfd(rounded, 0);
    return fd ? shared_over(std::move(fd), rounded, PageKind::kSmall) : anonymous(size, huge_pages, what);
  }
  const std::size_t rounded = round_up(size, kHugePageSize);
  if (Fd fd = sized_memfd(rounded, MFD_HUGETLB | kMemfdHuge2Mb); fd) {
    return shared_over(std::move(fd), rounded, PageKind::kHuge);
  }
  if (Fd fd = huge_tmpfs_file(rounded); fd) return shared_over(std::move(fd), rounded, PageKind::kTransparentHuge);
  if (shmem_huge_pages_on()) {
    if (Fd fd = sized_memfd(rounded, 0); fd) return shared_over(std::move(fd), rounded, PageKind::kTransparentHuge);
  }
  return anonymous(size, huge_pages, what);
}

Mapping Mapping::of(Fd fd, PageKind pages) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw SetupError(errno_error("reading the size of a shared memory"));
  return shared_over(std::move(fd), static_cast<std::size_t>(status.st_size), pages);
}

bool Mapping::fits(int descriptor, std::size_t size) noexcept {
  struct stat status {};
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0) return false;
  const auto there = static_cast<std::size_t>(status.st_size);
  return there == round_up(size, kSmallPageSize) || there == round_up(size, kHugePageSize);
}

Mapping Mapping::of_size(int descriptor, std::size_t size) {
  if (!fits(descriptor, size)) return {};
  Fd fd(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
  if (!fd) throw SetupError(errno_error("keeping a shared memory"));
  return of(std::move(fd), size >= kHugePageSize ? PageKind::kTransparentHuge : PageKind::kSmall);
}

Mapping Mapping::file(const std::string& path, std::size_t size, bool anew, bool& kept) {
  const auto failed = [&path](const char* what, const char* advice) {
    return SetupError(errno_error(std::string(what) + " " + path, advice));
  };
  const std::size_t rounded = round_up(size, kSmallPageSize);
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) throw failed("opening", "may culvertd write in this folder?");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) throw failed("locking", "does another culvertd run with it?");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw failed("looking at", "");
  kept = !anew && status.st_size == static_cast<off_t>(rounded);
  if (!kept && (::ftruncate(fd.get(), 0) != 0 || ::fchmod(fd.get(), 0600) != 0)) throw failed("emptying", "");
  // Before there is memory: huge=within_size gives huge pages below the end of the file.
  if (::ftruncate(fd.get(), static_cast<off_t>(rounded)) != 0) throw failed("sizing", "");
  // All of it now: memory that is missing later would be a signal in the middle of a packet.
  if (const int error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(rounded)); error != 0) {
    errno = error;
    throw failed("making room for", "set sessions.max lower, or give the tmpfs more room (mount -o remount,size=...)");
  }
  return file_over(std::move(fd), rounded);
}

Mapping Mapping::file_of(int descriptor, std::size_t size, bool& kept) {
  const std::size_t rounded = round_up(size, kSmallPageSize);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw SetupError(errno_error("looking at a file of sessions"));
  kept = status.st_size == static_cast<off_t>(rounded);
  if (!kept) return {};
  Fd fd(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
  if (!fd) throw SetupError(errno_error("keeping a file of sessions"));
  return file_over(std::move(fd), rounded);
}

bool is_tmpfs(const std::string& folder) noexcept {
  struct statfs status {};
  return ::statfs(folder.c_str(), &status) == 0 && status.f_type == TMPFS_MAGIC;
}

Mapping Mapping::read_only(const Fd& fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw SetupError(errno_error("reading the size of a shared memory"));
  const auto size = static_cast<std::size_t>(status.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) throw SetupError(errno_error("mapping a shared memory to read"));
  return {static_cast<std::byte*>(address), size, PageKind::kSmall, Fd()};
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      pages_(other.pages_),
      fd_(std::move(other.fd_)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(pages_, other.pages_);
  std::swap(fd_, other.fd_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace culvert
