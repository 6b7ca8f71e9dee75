// SPDX-License-Identifier: Apache-2.0
// The test process moves into a network and a mount namespace of its own: whatever it makes ends with it.
#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <unistd.h>

#include "base/fd.h"
#include "base/result.h"

namespace culvert {
/// So that a failed REQUIRE(result) says why.
inline std::ostream& operator<<(std::ostream& out, const Error& error) {
  return out << error.to_string();
}
}  // namespace culvert

namespace culvert::test {

/// Nothing when all is well, else why the tests cannot run here.
std::optional<std::string> enter_sandbox();

/// A BPF file system for pins that only this process and its children see.
const std::string& sandbox_bpffs();

/// Runs a shell command; fails the test when it fails.
void run(const std::string& command);
/// What the command prints.
std::string output_of(const std::string& command);

/// A veth pair, up, deleted when destroyed (unless it is gone by then).
class VethPair {
 public:
  VethPair(std::string name, std::string peer, const std::string& options = {}, const std::string& peer_options = {});
  VethPair(const VethPair&) = delete;
  VethPair& operator=(const VethPair&) = delete;
  ~VethPair();

  const std::string& name() const noexcept { return name_; }
  const std::string& peer() const noexcept { return peer_; }
  int ifindex() const;

 private:
  std::string name_, peer_;
};

/// A child process that does `work`, says so and waits to be killed. Killed with SIGKILL when destroyed.
class Child {
 public:
  explicit Child(const std::function<void()>& work);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { kill(); }

  void kill();  ///< SIGKILL, and waits for its end
  pid_t pid() const noexcept { return pid_; }

 private:
  pid_t pid_ = -1;
};

/// An AF_XDP socket that may stand in an XSKMAP: with rings and memory, not bound.
Fd make_xsk();

/// Tries for up to two seconds: the kernel frees links, programs and maps a moment after the last descriptor.
bool eventually(const std::function<bool()>& condition);

}  // namespace culvert::test
