// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace culvert {

enum class Colour { kNone, kGreen, kYellow, kRed, kDim };

/// Text in columns that are as wide as their widest cell. Numbers stand to the right.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string_view title;
    Align align = Align::kRight;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// As many cells as columns.
  void row(std::vector<std::string> cells, Colour colour = Colour::kNone);
  bool empty() const noexcept { return rows_.empty(); }

  /// A title line, then the rows; each ends with a newline. Colours only when asked for.
  std::string text(bool colour) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Colour colour;
  };
  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

/// "12345"; "-" when unknown.
std::string count_text(const std::optional<std::uint64_t>& count);
/// "1.25 M", "830.0 k", "12.0"; "-" when unknown.
std::string rate_text(const std::optional<double>& rate);
/// "3 d 4:05:06", "4:05:06", "12.3 s".
std::string elapsed_text(std::uint64_t milliseconds);
/// "1.5 ms", "830 us", "120 ns".
std::string nanoseconds_text(std::uint64_t nanoseconds);
/// "2026-01-31 13:05:06.123" in the local time zone.
std::string time_text(std::uint64_t unix_ms);

}  // namespace culvert
