// SPDX-License-Identifier: Apache-2.0
#include "packet/syn_cookie.h"

#include <array>
#include <type_traits>

namespace culvert {
namespace {

// The low bits.
constexpr unsigned kMssBits = 2;
constexpr unsigned kAbilityBits = 3;
constexpr unsigned kDateBit = kMssBits + kAbilityBits;
constexpr unsigned kMssMask = (1U << kMssBits) - 1;
constexpr unsigned kAbilityMask = (1U << kAbilityBits) - 1;
constexpr unsigned kLowBits = kDateBit + 1;
constexpr std::uint32_t kLowMask = (1U << kLowBits) - 1;

/// Ethernet; what tunnels leave of it; what more of them leave; what is taken when nothing is said (RFC 9293 3.7.1).
/// (Alcock, Nelson: "An Analysis of TCP Maximum Segment Sizes", 2011.)
constexpr std::array<std::uint16_t, kMssMask + 1> kSizes4{536, 1300, 1400, 1460};
/// The same for IPv6, whose links all carry 1280 bytes (RFC 8200 5). Smaller sizes are those of small memories.
constexpr std::array<std::uint16_t, kMssMask + 1> kSizes6{536, 1220, 1380, 1440};

struct Ability {
  std::int8_t window_scale;
  bool sack_permitted;
};

/// Each client gets the last one that has not more than it can. Scales are those of common receive buffers: 6 MB make
/// 7, Windows has 8. Whoever scales windows but knows no SACK gets neither.
constexpr std::array<Ability, kAbilityMask + 1> kAbilities{
    {{-1, false}, {-1, true}, {0, true}, {3, true}, {6, true}, {7, true}, {8, true}, {10, true}}};

constexpr const auto& sizes_of(NetworkKind network) noexcept {
  return network == NetworkKind::kIpv4 ? kSizes4 : kSizes6;
}

/// What is taken of a client that says nothing.
constexpr std::uint16_t usual_mss(NetworkKind network) noexcept {
  return network == NetworkKind::kIpv4 ? 536 : 1220;
}

std::uint32_t rounded(const SynOptions& options, NetworkKind network) noexcept {
  const std::uint16_t mss = options.mss != 0 ? options.mss : usual_mss(network);
  const auto& sizes = sizes_of(network);
  std::uint32_t size = kMssMask;
  while (size > 0 && sizes[size] > mss) --size;
  std::uint32_t ability = 0;
  if (options.sack_permitted) {
    ability = kAbilityMask;
    while (kAbilities[ability].window_scale > options.window_scale) --ability;
  }
  return size | ability << kMssBits;
}

template <typename Tuple>
inline constexpr NetworkKind kFamily = std::is_same_v<Tuple, FiveTuple4> ? NetworkKind::kIpv4 : NetworkKind::kIpv6;

}  // namespace

// No cookie is made of one word.
SynCookies::SynCookies(const SipKey& key) noexcept
    : key_(key), timestamp_offset_(static_cast<std::uint32_t>(siphash(key, std::array<std::uint64_t, 1>{}))) {}

template <typename Tuple>
std::uint32_t SynCookies::cookie_of(const Tuple& tuple, std::uint32_t client_isn, std::uint32_t low,
                                    std::uint64_t date) const noexcept {
  low |= static_cast<std::uint32_t>(date & 1) << kDateBit;
  constexpr std::size_t kTupleWords = sizeof(Tuple) / sizeof(std::uint64_t);
  std::array<std::uint64_t, kTupleWords + 1> words;
  const auto tuple_words = tuple.words();
  for (std::size_t i = 0; i < kTupleWords; ++i) words[i] = tuple_words[i];
  // Dates do not come again within 2^26 of them (146 years).
  words[kTupleWords] = client_isn | std::uint64_t{low} << 32 | date << (32 + kLowBits);
  return (static_cast<std::uint32_t>(siphash(key_, words)) & ~kLowMask) | low;
}

template <typename Tuple>
std::uint32_t SynCookies::make(const Tuple& tuple, std::uint32_t client_isn, const SynOptions& options,
                               Now now) const noexcept {
  return cookie_of(tuple, client_isn, rounded(options, kFamily<Tuple>), now >> kDateShift);
}

template <typename Tuple>
bool SynCookies::check(const Tuple& tuple, std::uint32_t client_isn, std::uint32_t cookie, Now now) const noexcept {
  // The date's bit says which one of this date and the one before it is.
  std::uint64_t date = now >> kDateShift;
  if ((date & 1) != (cookie >> kDateBit & 1)) --date;
  return cookie_of(tuple, client_isn, cookie & (kLowMask >> 1), date) == cookie;
}

SynOptions SynCookies::options_in(std::uint32_t cookie, NetworkKind network) noexcept {
  const Ability& ability = kAbilities[cookie >> kMssBits & kAbilityMask];
  return {sizes_of(network)[cookie & kMssMask], ability.window_scale, ability.sack_permitted};
}

template std::uint32_t SynCookies::make(const FiveTuple4&, std::uint32_t, const SynOptions&, Now) const noexcept;
template std::uint32_t SynCookies::make(const FiveTuple6&, std::uint32_t, const SynOptions&, Now) const noexcept;
template bool SynCookies::check(const FiveTuple4&, std::uint32_t, std::uint32_t, Now) const noexcept;
template bool SynCookies::check(const FiveTuple6&, std::uint32_t, std::uint32_t, Now) const noexcept;

}  // namespace culvert
