// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "kernel_redirect/pins.h"

namespace culvert {
namespace {

constexpr std::array kPlaces = {"/sys/fs/bpf", "/run/culvert/bpf"};
constexpr auto kHint = "type, outside of ip netns exec: mkdir -p /run/culvert/bpf && mount -t bpf bpf /run/culvert/bpf";

bool is_bpffs(const std::string& path) {
  struct statfs status {};
  return ::statfs(path.c_str(), &status) == 0 && status.f_type == BPF_FS_MAGIC;
}

bool same_file(const char* a, const char* b) {
  struct stat first {
  }, second{};
  // Not allowed to look at process 1: then our own mounts are all we have.
  if (::stat(a, &first) != 0 || ::stat(b, &second) != 0) return true;
  return first.st_ino == second.st_ino && first.st_dev == second.st_dev;
}

/// In a child process, because a thread may not change its mount namespace alone. Only system calls between fork and
/// _exit: the parent may have threads. The child's exit status is the errno.
int mount_for_process_1(const char* place) {
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) {
    const int mounts = ::open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (mounts < 0 || ::setns(mounts, CLONE_NEWNS) != 0) ::_exit(errno);
    ::mkdir("/run/culvert", 0755);  // of use to the second place only; failing shows in mount
    ::mkdir(place, 0700);
    ::_exit(::mount("bpf", place, "bpf", 0, "mode=0700") == 0 ? 0 : errno);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return ECHILD;
  return WEXITSTATUS(status);
}

/// Spelled out, because an Error can be made from a string, too.
Result<std::string> found(std::string path) {
  return {boost::system::in_place_value, std::move(path)};
}

}  // namespace

Result<std::string> bpffs_root(BpffsMount mount) {
  const std::string prefix = same_file("/proc/self/ns/mnt", "/proc/1/ns/mnt") ? "" : "/proc/1/root";
  for (const auto* place : kPlaces) {
    if (is_bpffs(prefix + place)) return found(prefix + place);
  }
  if (mount == BpffsMount::kFindOnly) return Error{"no BPF file system is mounted", ENOENT, kHint};
  int code = 0;
  for (const auto* place : kPlaces) {
    code = mount_for_process_1(place);
    if (code == 0 && is_bpffs(prefix + place)) return found(prefix + place);
  }
  return Error{"mounting a BPF file system, which fail: closed needs", code, kHint};
}

}  // namespace culvert
