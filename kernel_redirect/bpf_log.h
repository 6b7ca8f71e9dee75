// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace culvert {

/// While one exists, what libbpf would print is kept instead; the last 2 KB of it tell why a load or attach failed
/// (verifier log, the kernel's extended error). They nest; the innermost of a thread keeps. Without any, libbpf is
/// silent.
class BpfLog {
 public:
  BpfLog();
  BpfLog(const BpfLog&) = delete;
  BpfLog& operator=(const BpfLog&) = delete;
  ~BpfLog();

  const std::string& text() const noexcept { return text_; }
  /// What follows "Kernel error message: ", up to the end of that line; empty when the kernel said nothing.
  std::string kernel_message() const;

 private:
  std::string text_;
  std::string* outer_;
};

}  // namespace culvert
