// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace culvert {

struct HolderProcess {
  int pid = 0;
  std::string name;
};

/// The first process with a descriptor of the BPF program or link of that id (`field` is "prog_id" or "link_id", as
/// /proc/PID/fdinfo has it: Documentation/filesystems/proc.rst, 3.8). Our own descriptor `except_fd` does not count.
/// Walks all of /proc: for start-up and error messages only. A process that we may not look into is not found.
std::optional<HolderProcess> process_holding(std::string_view field, std::uint32_t id, int except_fd = -1);

/// The XDP program that sits on an interface.
struct XdpHolder {
  std::uint32_t program_id = 0;
  std::string program_name;  ///< up to 15 characters; may be empty
  bool generic = false;
  std::optional<HolderProcess> process;

  /// "program culvert_xdp (id 12), generic, held by culvertd (pid 34)".
  std::string to_string() const;
};

/// Nothing when no program is attached, or the interface is gone.
std::optional<XdpHolder> xdp_holder(int ifindex);

}  // namespace culvert
