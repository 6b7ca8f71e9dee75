// SPDX-License-Identifier: Apache-2.0
// SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012) of a few whole words: a message
// authentication code whose values may be shown to anybody. The faster hashes of base/hash.h spread keys over tables
// and must never leave the process: who sees their values can compute the secret.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace culvert {

/// 128 secret bits.
struct SipKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  /// A fresh key. Throws SetupError when the kernel gives no randomness.
  static SipKey random();
  /// For tests and simulations that must be repeatable.
  static SipKey from_seed(std::uint64_t seed) noexcept;
};

namespace siphash_detail {
struct State {
  std::uint64_t v0, v1, v2, v3;

  constexpr void round() noexcept {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }
  constexpr void take(std::uint64_t word) noexcept {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};
}  // namespace siphash_detail

/// The value of kWords words as they lie in memory on a little-endian machine; at most 31 of them.
template <std::size_t kWords>
constexpr std::uint64_t siphash(const SipKey& key, const std::array<std::uint64_t, kWords>& words) noexcept {
  static_assert(kWords < 32, "the length's last byte is shifted to the top");
  siphash_detail::State state{key.low ^ 0x736f6d6570736575ULL, key.high ^ 0x646f72616e646f6dULL,
                              key.low ^ 0x6c7967656e657261ULL, key.high ^ 0x7465646279746573ULL};
  for (const std::uint64_t word : words) state.take(word);
  state.take(std::uint64_t{kWords} * 8 << 56);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace culvert
