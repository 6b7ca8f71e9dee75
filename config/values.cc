// SPDX-License-Identifier: Apache-2.0
#include "config/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <limits>
#include <span>

#include "base/time.h"
#include "config/diagnostics.h"

namespace culvert {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t scale;
};

constexpr std::array kDurationUnits = {
    Unit{"h", 3600 * kNanosecondsPerSecond}, Unit{"m", 60 * kNanosecondsPerSecond},  Unit{"s", kNanosecondsPerSecond},
    Unit{"ms", kNanosecondsPerMillisecond},  Unit{"us", kNanosecondsPerMicrosecond}, Unit{"ns", 1},
};
constexpr std::array kSizeUnits = {
    Unit{"GiB", 1 << 30}, Unit{"MiB", 1 << 20}, Unit{"KiB", 1 << 10}, Unit{"G", 1 << 30}, Unit{"M", 1 << 20},
    Unit{"k", 1 << 10},   Unit{"K", 1 << 10},   Unit{"B", 1},         Unit{"", 1},
};
constexpr std::array kCountUnits = {
    Unit{"G", 1'000'000'000},
    Unit{"M", 1'000'000},
    Unit{"k", 1'000},
    Unit{"", 1},
};

struct ProtocolName {
  std::string_view name;
  std::uint8_t number;
};
constexpr std::array kProtocols = {ProtocolName{"tcp", 6}, ProtocolName{"udp", 17}, ProtocolName{"sctp", 132}};

struct Kind {
  std::string_view noun;  ///< "a duration"
  std::string_view how;   ///< how to write one
  std::span<const Unit> units;
};
constexpr Kind kDuration{"a duration", "write a number with ns, us, ms, s, m or h, as in 500ms", kDurationUnits};
constexpr Kind kSize{"a size", "write bytes, or a number with KiB, MiB or GiB, as in 64KiB", kSizeUnits};
constexpr Kind kCount{"a number", "write a whole number, or one with k, M or G, as in 64k", kCountUnits};

Error refused(std::string_view text, const Kind& kind) {
  return Error{fmt::format("'{}' is not {}", shown(text), kind.noun), 0, std::string(kind.how)};
}

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// digits * scale, or false when that is more than 64 bits.
bool scaled(std::string_view digits, std::uint64_t scale, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size() && !__builtin_mul_overflow(value, scale, &value);
}

/// A decimal number with a unit. Exact: a fraction that is no whole number of the smallest unit is refused.
Result<std::uint64_t> parse_with_unit(std::string_view text, const Kind& kind) {
  const std::size_t number_end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, number_end);
  const std::string_view name = text.substr(number_end);
  const auto unit = std::find_if(kind.units.begin(), kind.units.end(), [&](const Unit& u) { return u.name == name; });
  const std::string_view whole = number.substr(0, number.find('.'));
  const std::string_view fraction = whole.size() < number.size() ? number.substr(whole.size() + 1) : "";
  const bool dot_without_digits = whole.size() < number.size() && fraction.empty();
  if (whole.empty() || dot_without_digits || !all_digits(fraction) || fraction.size() > 9) return refused(text, kind);
  if (unit == kind.units.end()) {
    if (name.empty() && all_digits(number) && number.find_first_not_of('0') == std::string_view::npos)
      return std::uint64_t{0};
    if (name.empty()) return Error{fmt::format("'{}' has no unit", text), 0, std::string(kind.how)};
    return refused(text, kind);
  }
  std::uint64_t value = 0;
  if (!scaled(whole, unit->scale, value)) return Error{fmt::format("'{}' is too large", shown(text)), 0, ""};
  std::uint64_t part = 0;
  std::uint64_t denominator = 1;
  for (std::size_t i = 0; i < fraction.size(); ++i) denominator *= 10;
  const bool fits = fraction.empty() || scaled(fraction, unit->scale, part);
  if (!fits || part % denominator != 0) {
    return Error{fmt::format("'{}' is not a whole number of the smallest unit", text), 0, std::string(kind.how)};
  }
  if (__builtin_add_overflow(value, part / denominator, &value)) {
    return Error{fmt::format("'{}' is too large", shown(text)), 0, ""};
  }
  return value;
}

/// The largest unit of which the value is a whole number.
std::string text_with_unit(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value >= unit.scale && value % unit.scale == 0) return fmt::format("{}{}", value / unit.scale, unit.name);
  }
  return "0";
}

}  // namespace

Result<std::uint64_t> parse_duration_ns(std::string_view text) {
  return parse_with_unit(text, kDuration);
}
Result<std::uint64_t> parse_size_bytes(std::string_view text) {
  return parse_with_unit(text, kSize);
}
Result<std::uint64_t> parse_count(std::string_view text) {
  return parse_with_unit(text, kCount);
}

Result<std::uint64_t> parse_rate_per_second(std::string_view text) {
  constexpr std::string_view kPerSecond = "/s";
  if (text.ends_with(kPerSecond)) {
    const auto count = parse_count(text.substr(0, text.size() - kPerSecond.size()));
    if (count) return count;
  }
  return Error{fmt::format("'{}' is not a rate", shown(text)), 0, "write a number per second, as in 100/s or 1.5k/s"};
}

std::string duration_text(std::uint64_t ns) {
  return text_with_unit(ns, kDurationUnits);
}
std::string count_text(std::uint64_t count) {
  return fmt::format("{}", count);
}
std::string rate_text(std::uint64_t per_second) {
  return fmt::format("{}/s", per_second);
}

std::string size_text(std::uint64_t bytes) {
  // Only the unambiguous names are written: KiB and its like, plain bytes otherwise.
  const std::string text = text_with_unit(bytes, std::span(kSizeUnits).first(3));
  return text == "0" ? fmt::format("{}", bytes) : text;
}

Result<ProtocolPort> parse_protocol_port(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view protocol = text.substr(0, slash);
  const std::string_view port = slash == std::string_view::npos ? "" : text.substr(slash + 1);
  const Error error{fmt::format("'{}' is not a protocol and port", shown(text)), 0,
                    "write tcp/, udp/ or sctp/ and a port of 1 to 65535, as in tcp/22"};
  ProtocolPort result;
  const auto row =
      std::find_if(kProtocols.begin(), kProtocols.end(), [&](const auto& p) { return p.name == protocol; });
  if (row == kProtocols.end()) return error;
  result.protocol = row->number;
  const auto [end, parse_error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (parse_error != std::errc() || end != port.data() + port.size() || result.port == 0) return error;
  return result;
}

std::string to_text(const ProtocolPort& port) {
  for (const ProtocolName& row : kProtocols) {
    if (row.number == port.protocol) return fmt::format("{}/{}", row.name, port.port);
  }
  return fmt::format("{}/{}", port.protocol, port.port);
}

Result<MacAddress> parse_mac_address(std::string_view text) {
  constexpr std::size_t kDigits = 3;  // of one byte, with the colon before the next
  const Error error{fmt::format("'{}' is not an Ethernet address", shown(text)), 0, "write it like 00:00:5e:00:01:07"};
  MacAddress address;
  if (text.size() != address.bytes.size() * kDigits - 1) return error;
  for (std::size_t i = 0; i < address.bytes.size(); ++i) {
    const std::string_view byte = text.substr(i * kDigits, kDigits - 1);
    const bool separated = i == 0 || text[i * kDigits - 1] == ':';
    const auto [end, parse_error] = std::from_chars(byte.data(), byte.data() + byte.size(), address.bytes[i], 16);
    if (!separated || parse_error != std::errc() || end != byte.data() + byte.size()) return error;
  }
  return address;
}

std::string to_text(const MacAddress& address) {
  return fmt::format("{:02x}", fmt::join(address.bytes, ":"));
}

std::string yaml_scalar(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("/._-:").find(c) != std::string_view::npos;
  };
  const bool starts_plain = !text.empty() && text.front() != '-' && text.front() != ':' && text.front() != '.';
  const bool reads_as_null = text == "null" || text == "Null" || text == "NULL";
  if (starts_plain && !reads_as_null && text.back() != ':' && std::all_of(text.begin(), text.end(), plain)) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += fmt::format("\\{}", c);
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace culvert
