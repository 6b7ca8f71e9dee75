// SPDX-License-Identifier: Apache-2.0
#include "config/line_diff.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fmt/format.h>

#include "config/config.h"

namespace culvert {
namespace {

using Lines = std::vector<std::string_view>;

constexpr std::size_t kContext = 3;
constexpr std::size_t kMostCells = 4'000'000;  // of the table below: 16 MB

/// One line of a diff: ' ' in both, '-' only in the old text, '+' only in the new one.
struct Edit {
  char kind;
  std::string_view line;
};

Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// The stretch in which the texts differ, by the table of longest common subsequences from each pair of lines on.
void edit_middle(const Lines& from, const Lines& to, std::vector<Edit>& edits) {
  if (from.size() * to.size() > kMostCells) {
    for (const std::string_view line : from) edits.push_back({'-', line});
    for (const std::string_view line : to) edits.push_back({'+', line});
    return;
  }
  const std::size_t width = to.size() + 1;
  std::vector<std::uint32_t> common((from.size() + 1) * width, 0);
  for (std::size_t i = from.size(); i-- > 0;) {
    for (std::size_t j = to.size(); j-- > 0;) {
      common[i * width + j] = from[i] == to[j] ? common[(i + 1) * width + j + 1] + 1
                                               : std::max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < from.size() || j < to.size()) {
    if (i < from.size() && j < to.size() && from[i] == to[j]) {
      edits.push_back({' ', from[i++]});
      ++j;
    } else if (j == to.size() || (i < from.size() && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      edits.push_back({'-', from[i++]});
    } else {
      edits.push_back({'+', to[j++]});
    }
  }
}

std::vector<Edit> edits_between(const Lines& from, const Lines& to) {
  const std::size_t shorter = std::min(from.size(), to.size());
  std::size_t head = 0;
  while (head < shorter && from[head] == to[head]) ++head;
  std::size_t tail = 0;
  while (tail < shorter - head && from[from.size() - 1 - tail] == to[to.size() - 1 - tail]) ++tail;
  std::vector<Edit> edits;
  for (std::size_t i = 0; i < head; ++i) edits.push_back({' ', from[i]});
  const auto middle = [&](const Lines& lines) {
    return Lines(lines.begin() + static_cast<std::ptrdiff_t>(head), lines.end() - static_cast<std::ptrdiff_t>(tail));
  };
  edit_middle(middle(from), middle(to), edits);
  for (std::size_t i = from.size() - tail; i < from.size(); ++i) edits.push_back({' ', from[i]});
  return edits;
}

std::string hunk_range(std::size_t first_line, std::size_t count) {
  // An empty range names the line before it (POSIX diff, "Diff Unified Output Format").
  return count == 1 ? fmt::format("{}", first_line)
                    : fmt::format("{},{}", count == 0 ? first_line - 1 : first_line, count);
}

/// Writes the edits [begin, end) as one hunk; the counts are of the lines before it.
std::string hunk_text(const std::vector<Edit>& edits, std::size_t begin, std::size_t end, std::size_t from_line,
                      std::size_t to_line) {
  std::string body;
  std::size_t from_count = 0;
  std::size_t to_count = 0;
  for (std::size_t i = begin; i < end; ++i) {
    from_count += edits[i].kind == '+' ? 0U : 1U;
    to_count += edits[i].kind == '-' ? 0U : 1U;
    body += fmt::format("{}{}\n", edits[i].kind, edits[i].line);
  }
  return fmt::format("@@ -{} +{} @@\n{}", hunk_range(from_line + 1, from_count), hunk_range(to_line + 1, to_count),
                     body);
}

}  // namespace

std::string unified_diff(std::string_view from, std::string_view to, std::string_view from_name,
                         std::string_view to_name) {
  const std::vector<Edit> edits = edits_between(lines_of(from), lines_of(to));
  std::string text;
  std::size_t from_line = 0;
  std::size_t to_line = 0;
  std::size_t written = 0;  // edits before this one are counted in the two lines above
  const auto advance_to = [&](std::size_t target) {
    for (; written < target; ++written) {
      from_line += edits[written].kind == '+' ? 0U : 1U;
      to_line += edits[written].kind == '-' ? 0U : 1U;
    }
  };
  for (std::size_t i = 0; i < edits.size(); ++i) {
    if (edits[i].kind == ' ') continue;
    const std::size_t begin = std::max(written, i > kContext ? i - kContext : 0);
    std::size_t last = i;  // the last change of the hunk: the next one is further away than two contexts
    for (std::size_t j = i + 1; j < edits.size() && j <= last + 2 * kContext + 1; ++j) {
      if (edits[j].kind != ' ') last = j;
    }
    const std::size_t end = std::min(edits.size(), last + kContext + 1);
    advance_to(begin);
    text += hunk_text(edits, begin, end, from_line, to_line);
    advance_to(end);
    i = end - 1;
  }
  return text.empty() ? text : fmt::format("--- {}\n+++ {}\n{}", from_name, to_name, text);
}

ConfigDiff diff_configurations(std::string_view from, std::string_view to, std::string_view from_name,
                               std::string_view to_name) {
  ConfigDiff diff;
  diff.lines = unified_diff(from, to, from_name, to_name);
  const CheckResult old_config = check_text(from, std::string(from_name));
  const CheckResult new_config = check_text(to, std::string(to_name));
  diff.values_known = old_config.ok() && new_config.ok();
  if (diff.values_known) diff.changes = changes_between(*old_config.config, *new_config.config);
  return diff;
}

}  // namespace culvert
