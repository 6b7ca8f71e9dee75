// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spawn.h>
#include <string>
#include <vector>

#include "base/fd.h"

namespace culvert {

enum class ProcessGroup { kOwn, kOurs };

/// A process of culvertd's: with no signal blocked or handled, and of our descriptors (which are all close-on-exec)
/// with those that it is given.
class Spawn {
 public:
  explicit Spawn(ProcessGroup group);
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
  ~Spawn();

  /// The new process has `fd` under that number, which may be its own.
  void give(const Fd& fd, int as);
  /// `program` is a path; the process is called "culvertd" whatever it is. 0, or the errno.
  int spawn(int& pid, const std::string& program, std::vector<std::string> arguments);

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace culvert
