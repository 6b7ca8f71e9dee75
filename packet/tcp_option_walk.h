// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "packet/tcp_options.h"

namespace culvert {

/// Calls visit(option) for each option of a TCP header (RFC 9293 3.1) but padding; `option` is its kind, its length and
/// what that counts: at least two bytes. `options`: what stands between the fixed header and the data; bytes or const
/// bytes. False when one did not fit: nothing behind it is visited.
template <typename Byte, typename Visit>
bool walk_tcp_options(std::span<Byte> options, Visit&& visit) noexcept {
  static_assert(std::is_same_v<std::remove_const_t<Byte>, std::byte>);
  constexpr std::size_t kHead = 2;
  while (!options.empty()) {
    const auto kind = std::to_integer<std::uint8_t>(options[0]);
    if (kind == kTcpOptionEnd) break;
    if (kind == kTcpOptionNop) {
      options = options.subspan(1);
      continue;
    }
    const std::size_t size = options.size() < kHead ? 0 : std::to_integer<std::uint8_t>(options[1]);
    if (size < kHead || size > options.size()) return false;
    visit(options.first(size));
    options = options.subspan(size);
  }
  return true;
}

}  // namespace culvert
