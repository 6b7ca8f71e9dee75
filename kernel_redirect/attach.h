// SPDX-License-Identifier: Apache-2.0
// The first two rungs of the bind ladder: native XDP (in the driver), else generic XDP (behind it, on skbs). What was
// asked, what was got and why it is not better is kept for the status. (Zero-copy or copy is the sockets' matter:
// xsk/.)
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace culvert {

enum class AttachWish {
  kAuto,     ///< native; generic when the driver refuses
  kNative,   ///< native or SetupError
  kGeneric,  ///< generic or SetupError
};
enum class AttachMode { kNative, kGeneric };

struct AttachReport {
  AttachWish asked = AttachWish::kAuto;
  AttachMode mode = AttachMode::kNative;
  bool taken_over = false;  ///< a pinned link of an earlier culvertd goes on with the new program
  std::string reason;       ///< why it is not native; empty when it is, or when generic was asked for
  std::string hint;         ///< what to type for native; may be empty

  /// "native", or "generic (why not native; what to type)".
  std::string to_string() const;
};

struct Attachment {
  Fd link;  ///< while it is open, or pinned, the program is attached
  AttachReport report;
};

/// Attaches the program to the interface by a bpf_link. Throws SetupError: somebody else is attached (who), not
/// allowed, no such interface, or the wish refused (the kernel's own words, and what to type). `patient`: a program
/// that only a process that is just ending held is given a second to go.
Attachment attach_xdp(const std::string& interface, int ifindex, int program_fd, AttachWish wish, bool patient = true);

}  // namespace culvert
