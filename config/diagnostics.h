// SPDX-License-Identifier: Apache-2.0
// What is wrong with a text, where, and what would be right. A check collects all of it and changes nothing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace culvert {

enum class Severity { kError, kWarning };

struct Diagnostic {
  Severity severity = Severity::kError;
  int line = 0;       ///< from 1; 0 when the whole file is meant (it cannot be read, it is too large)
  int column = 0;     ///< from 1; 0 with line 0
  std::string key;    ///< "interfaces.lan0.mode"; empty when the text is not YAML at all
  std::string what;   ///< "'zerocopy' is not a mode"
  std::string right;  ///< "use one of auto, zero-copy, copy, generic"; may be empty

  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

/// One line without its end: "file:line:col: interfaces.lan0.mode: 'zerocopy' is not a mode; use one of ...". A warning
/// says so after the position.
std::string to_text(const Diagnostic& diagnostic, std::string_view file);

/// Text as it may be shown on a terminal: control characters and bytes that are no UTF-8 become \xNN, and what is
/// longer than `limit` bytes ends in "...".
std::string shown(std::string_view text, std::size_t limit = 60);

/// Collects diagnostics. Bounded: after kMost only the number of further ones is kept, because a text of a megabyte can
/// hold hundreds of thousands of mistakes and nobody reads past the first screen.
class Diagnostics {
 public:
  static constexpr std::size_t kMost = 100;

  void add(Diagnostic diagnostic);
  /// True once there are more errors than anyone reads; readers of long lists stop then.
  bool full() const noexcept { return errors_ > kMost; }
  std::size_t errors() const noexcept { return errors_; }
  /// Sorted by position; when some were left out, the last one says how many.
  std::vector<Diagnostic> take();

 private:
  std::vector<Diagnostic> list_;
  std::size_t errors_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace culvert
