// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostics.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace culvert {
namespace {

/// Length of the printable character that begins at `text[at]`, or 0: a control character (C0, DEL, C1) or no UTF-8.
std::size_t printable_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  const std::size_t length = lead >= 0xf0 && lead < 0xf5 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (length == 0 || lead >= 0xf5 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return lead == 0xc2 && byte(1) < 0xa0 ? 0 : length;
}

}  // namespace

std::string shown(std::string_view text, std::size_t limit) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    if (result.size() >= limit) return result + "...";
    const std::size_t length = printable_length(text, at);
    if (length == 0) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
    } else {
      result += text.substr(at, length);
    }
    at += std::max<std::size_t>(length, 1);
  }
  return result;
}

std::string to_text(const Diagnostic& diagnostic, std::string_view file) {
  std::string text(file);
  if (diagnostic.line > 0) text += fmt::format(":{}:{}", diagnostic.line, diagnostic.column);
  text += ": ";
  if (diagnostic.severity == Severity::kWarning) text += "warning: ";
  if (!diagnostic.key.empty()) text += diagnostic.key + ": ";
  text += diagnostic.what;
  if (!diagnostic.right.empty()) text += "; " + diagnostic.right;
  return text;
}

void Diagnostics::add(Diagnostic diagnostic) {
  if (diagnostic.severity == Severity::kError) ++errors_;
  if (list_.size() >= kMost) {
    ++left_out_;
  } else {
    list_.push_back(std::move(diagnostic));
  }
}

std::vector<Diagnostic> Diagnostics::take() {
  std::stable_sort(list_.begin(), list_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  if (left_out_ != 0) {
    const Severity severity = errors_ != 0 ? Severity::kError : Severity::kWarning;
    list_.push_back({severity, 0, 0, "", fmt::format("{}{} more are not shown", full() ? "at least " : "", left_out_),
                     "mend the first ones"});
  }
  return std::move(list_);
}

}  // namespace culvert
