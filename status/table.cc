// SPDX-License-Identifier: Apache-2.0
#include "status/table.h"

#include <algorithm>
#include <ctime>
#include <fmt/format.h>

namespace culvert {
namespace {

std::string_view escape_of(Colour colour) {
  switch (colour) {
    case Colour::kNone:
      return "";
    case Colour::kGreen:
      return "\033[32m";
    case Colour::kYellow:
      return "\033[33m";
    case Colour::kRed:
      return "\033[31m";
    case Colour::kDim:
      return "\033[2m";
  }
  return "";
}

}  // namespace

void Table::row(std::vector<std::string> cells, Colour colour) {
  cells.resize(columns_.size());
  rows_.push_back({std::move(cells), colour});
}

std::string Table::text(bool colour) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = columns_[i].title.size();
    for (const Row& row : rows_) width = std::max(width, row.cells[i].size());
    widths.push_back(width);
  }
  const auto line = [&](auto cell) {
    std::string out;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) out += "  ";
      if (columns_[i].align == Align::kLeft) {
        out += fmt::format("{:<{}}", cell(i), widths[i]);
      } else {
        out += fmt::format("{:>{}}", cell(i), widths[i]);
      }
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out;
  };
  std::string text = line([&](std::size_t i) { return std::string(columns_[i].title); }) + "\n";
  for (const Row& row : rows_) {
    const std::string plain = line([&](std::size_t i) { return row.cells[i]; });
    const std::string_view escape = colour ? escape_of(row.colour) : "";
    text += escape.empty() ? plain + "\n" : fmt::format("{}{}\033[0m\n", escape, plain);
  }
  return text;
}

std::string count_text(const std::optional<std::uint64_t>& count) {
  return count ? fmt::format("{}", *count) : "-";
}

std::string rate_text(const std::optional<double>& rate) {
  if (!rate) return "-";
  if (*rate >= 1e9) return fmt::format("{:.2f} G", *rate / 1e9);
  if (*rate >= 1e6) return fmt::format("{:.2f} M", *rate / 1e6);
  if (*rate >= 1e4) return fmt::format("{:.1f} k", *rate / 1e3);
  return fmt::format("{:.1f}", *rate);
}

std::string elapsed_text(std::uint64_t milliseconds) {
  if (milliseconds < 60'000) return fmt::format("{:.1f} s", static_cast<double>(milliseconds) / 1000.0);
  const std::uint64_t seconds = milliseconds / 1000;
  const std::string clock = fmt::format("{}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
  return seconds < 86400 ? clock : fmt::format("{} d {}", seconds / 86400, clock);
}

std::string nanoseconds_text(std::uint64_t nanoseconds) {
  if (nanoseconds >= 1'000'000) return fmt::format("{:.1f} ms", static_cast<double>(nanoseconds) / 1e6);
  if (nanoseconds >= 1'000) return fmt::format("{:.0f} us", static_cast<double>(nanoseconds) / 1e3);
  return fmt::format("{} ns", nanoseconds);
}

std::string time_text(std::uint64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm broken_down{};
  ::localtime_r(&seconds, &broken_down);
  char text[32];
  const std::size_t length = std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &broken_down);
  return fmt::format("{}.{:03}", std::string_view(text, length), unix_ms % 1000);
}

}  // namespace culvert
