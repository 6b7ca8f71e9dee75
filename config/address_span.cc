// SPDX-License-Identifier: Apache-2.0
#include "config/address_span.h"

#include <fmt/format.h>
#include <limits>

#include "config/diagnostics.h"
#include "config/rule.h"

namespace culvert {
namespace {

AddressSpan span_of(const ConfigPrefix& network) noexcept {
  AddressSpan span{network.address, network.address};
  for (unsigned bit = network.length; bit < network.address.bits(); ++bit) {
    span.last.bytes[bit / 8] |= static_cast<std::uint8_t>(0x80u >> (bit % 8));
  }
  return span;
}

/// An address as a number of 128 bits.
struct Number {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
};

Number number_of(const ConfigAddress& address) noexcept {
  Number number;
  for (std::size_t i = 0; i < address.bits() / 8; ++i) {
    number.high = number.high << 8 | number.low >> 56;
    number.low = number.low << 8 | address.bytes[i];
  }
  return number;
}

/// The last one's number minus the first one's.
Number width_of(const AddressSpan& span) noexcept {
  const Number first = number_of(span.first);
  const Number last = number_of(span.last);
  return {last.high - first.high - (last.low < first.low ? 1 : 0), last.low - first.low};
}

Result<AddressSpan> parse_ends(std::string_view first_text, std::string_view last_text) {
  const Result<ConfigAddress> first = parse_address(first_text);
  if (!first) return first.error();
  const Result<ConfigAddress> last = parse_address(last_text);
  if (!last) return last.error();
  const AddressSpan span{first.value(), last.value()};
  if (span.first.is_ipv6 != span.last.is_ipv6) {
    return Error{fmt::format("{} and {} are of two families", to_text(span.first), to_text(span.last)), 0,
                 "write each family by itself"};
  }
  if (span.last < span.first) {
    return Error{fmt::format("{} is behind {}", to_text(span.first), to_text(span.last)), 0,
                 fmt::format("write {}-{}", to_text(span.last), to_text(span.first))};
  }
  return span;
}

}  // namespace

Result<AddressSpan> parse_address_span(std::string_view text) {
  if (text.find('/') != std::string_view::npos) {
    const Result<ConfigPrefix> network = parse_network(text);
    if (!network) return network.error();
    return span_of(network.value());
  }
  const std::size_t dash = text.find('-');
  if (dash != std::string_view::npos) return parse_ends(text.substr(0, dash), text.substr(dash + 1));
  const Result<ConfigAddress> address = parse_address(text);
  if (!address) return address.error();
  return AddressSpan{address.value(), address.value()};
}

std::string to_text(const AddressSpan& span) {
  if (span.first == span.last) return to_text(span.first);
  return fmt::format("{}-{}", to_text(span.first), to_text(span.last));
}

std::uint64_t address_count(const AddressSpan& span) noexcept {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  const Number width = width_of(span);
  return width.high != 0 || width.low == kMost ? kMost : width.low + 1;
}

bool same_count(const AddressSpan& a, const AddressSpan& b) noexcept {
  const Number one = width_of(a);
  const Number other = width_of(b);
  return one.high == other.high && one.low == other.low;
}

std::optional<unsigned> prefix_length(const AddressSpan& span) noexcept {
  unsigned same = 0;
  const auto bit = [](const ConfigAddress& address, unsigned n) { return address.bytes[n / 8] >> (7 - n % 8) & 1; };
  while (same < span.first.bits() && bit(span.first, same) == bit(span.last, same)) ++same;
  for (unsigned n = same; n < span.first.bits(); ++n) {
    if (bit(span.first, n) != 0 || bit(span.last, n) != 1) return std::nullopt;
  }
  return same;
}

ConfigAddress address_at(const AddressSpan& span, std::uint64_t index) noexcept {
  ConfigAddress address = span.first;
  for (std::size_t i = address.bits() / 8; i-- > 0;) {
    index += address.bytes[i];  // the carry and what is left of the index
    address.bytes[i] = static_cast<std::uint8_t>(index);
    index >>= 8;
  }
  return address;
}

}  // namespace culvert
