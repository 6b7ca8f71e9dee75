// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/address.h"

namespace culvert {

/// Addresses of one family that follow each other; `first` is not behind `last`.
struct AddressSpan {
  ConfigAddress first;
  ConfigAddress last;  ///< included

  friend constexpr auto operator<=>(const AddressSpan&, const AddressSpan&) noexcept = default;
};

/// Reads "198.18.1.1", "198.18.1.16-198.18.1.31", or the prefix "198.18.2.0/28" with all of its addresses; IPv6 too.
Result<AddressSpan> parse_address_span(std::string_view text);
/// One address, or the first and the last one.
std::string to_text(const AddressSpan& span);

/// How many addresses it has; 2^64 - 1 stands for more, too.
std::uint64_t address_count(const AddressSpan& span) noexcept;
/// Whether one has as many addresses as the other.
bool same_count(const AddressSpan& a, const AddressSpan& b) noexcept;
/// Of a span that is a prefix with all of its addresses; nothing: it is none.
std::optional<unsigned> prefix_length(const AddressSpan& span) noexcept;
/// The address that many behind the first one; less than address_count().
ConfigAddress address_at(const AddressSpan& span, std::uint64_t index) noexcept;

}  // namespace culvert
