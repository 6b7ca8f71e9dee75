// SPDX-License-Identifier: Apache-2.0
#include "base/spawn.h"

#include <csignal>
#include <unistd.h>

namespace culvert {

Spawn::Spawn(ProcessGroup group) {
  ::posix_spawn_file_actions_init(&files_);
  ::posix_spawnattr_init(&attributes_);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes_, &none);
  ::posix_spawnattr_setsigdefault(&attributes_, &all);
  ::posix_spawnattr_setpgroup(&attributes_, 0);
  const int flags =
      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (group == ProcessGroup::kOwn ? POSIX_SPAWN_SETPGROUP : 0);
  ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
}

Spawn::~Spawn() {
  ::posix_spawnattr_destroy(&attributes_);
  ::posix_spawn_file_actions_destroy(&files_);
}

void Spawn::give(const Fd& fd, int as) {
  ::posix_spawn_file_actions_adddup2(&files_, fd.get(), as);
}

int Spawn::spawn(int& pid, const std::string& program, std::vector<std::string> arguments) {
  std::string name = "culvertd";
  std::vector<char*> pointers{name.data()};
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  return ::posix_spawn(&pid, program.c_str(), &files_, &attributes_, pointers.data(), environ);
}

}  // namespace culvert
