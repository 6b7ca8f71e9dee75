// SPDX-License-Identifier: Apache-2.0
// Keyed hashing of session-sized keys: nobody outside can build colliding tuples, as with CRC32C (linear: one set
// collides under every seed). With AES instructions: rounds of AES (FIPS 197 5.1) under secret round keys. Without them
// NH (Black, Halevi, Krawczyk, Krovetz, Rogaway: "UMAC", CRYPTO '99) on 64-bit words. Every bit of either hash is as
// good as any other: take table indices from the top bits (fast range), tags from the bottom. The two differ, so a
// stored hash means nothing to a binary built otherwise. Why AES, and why so many rounds: docs/decisions/0006.
#pragma once

#include <array>
#include <cstdint>
#if defined(__AES__)
#include <wmmintrin.h>
#endif

namespace culvert {

/// The secret of one table; drawn once from the kernel's random source (getrandom(2)), never published.
struct HashKey {
  alignas(16) std::array<std::uint64_t, 8> word{};

  /// A fresh key. Throws SetupError when the kernel gives no randomness.
  static HashKey random();
  /// A key derived from a seed by splitmix64; for tests and simulations that must be repeatable.
  static HashKey from_seed(std::uint64_t seed) noexcept;
};

namespace hash_detail {
__extension__ using Product = unsigned __int128;

inline Product multiply(std::uint64_t a, std::uint64_t b) noexcept {
  return static_cast<Product>(a) * b;
}

inline std::uint64_t finish(Product sum) noexcept {
  const std::uint64_t folded = static_cast<std::uint64_t>(sum) ^ static_cast<std::uint64_t>(sum >> 64);
  const std::uint64_t mixed = folded * 0x9e3779b97f4a7c15ULL;
  return mixed ^ (mixed >> 32);
}

/// NH: sums of 128-bit products of (word + key word), universal over the key.
inline std::uint64_t nh16(const HashKey& key, std::uint64_t a, std::uint64_t b) noexcept {
  return finish(multiply(a + key.word[0], b + key.word[1]));
}
inline std::uint64_t nh40(const HashKey& key, const std::array<std::uint64_t, 5>& words) noexcept {
  return finish(multiply(words[0] + key.word[0], words[1] + key.word[1]) +
                multiply(words[2] + key.word[2], words[3] + key.word[3]) +
                multiply(words[4] + key.word[4], key.word[5]));
}

#if defined(__AES__)
inline __m128i block(std::uint64_t low, std::uint64_t high) noexcept {
  return _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low));
}
inline __m128i round_key(const HashKey& key, std::size_t index) noexcept {
  return block(key.word[2 * index], key.word[2 * index + 1]);
}
inline __m128i two_rounds(__m128i block, __m128i whitening, __m128i first, __m128i second) noexcept {
  return _mm_aesenc_si128(_mm_aesenc_si128(_mm_xor_si128(block, whitening), first), second);
}

/// Three rounds: after two, one byte of input still leaves a pattern (sequential keys fill few buckets).
inline std::uint64_t aes16(const HashKey& key, std::uint64_t a, std::uint64_t b) noexcept {
  const __m128i state = two_rounds(block(a, b), round_key(key, 0), round_key(key, 1), round_key(key, 2));
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_aesenc_si128(state, round_key(key, 3))));
}
/// Two rounds a block before they are added: one would let a difference of one block cancel another's (a guess of one
/// key byte), and the three blocks go side by side.
inline std::uint64_t aes40(const HashKey& key, const std::array<std::uint64_t, 5>& words) noexcept {
  const __m128i k0 = round_key(key, 0), k1 = round_key(key, 1), k2 = round_key(key, 2), k3 = round_key(key, 3);
  const __m128i sum = _mm_xor_si128(_mm_xor_si128(two_rounds(block(words[0], words[1]), k0, k1, k2),
                                                  two_rounds(block(words[2], words[3]), k1, k2, k3)),
                                    two_rounds(block(words[4], 0), k2, k3, k0));
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_aesenc_si128(_mm_aesenc_si128(sum, k3), k0)));
}
#endif
}  // namespace hash_detail

/// Hash of a 16-byte key (IPv4: addresses, ports, protocol, VRF). A loop over many keys that stores hashes takes a copy
/// of the secret first, which then stays in registers.
inline std::uint64_t hash16(const HashKey& key, std::uint64_t a, std::uint64_t b) noexcept {
#if defined(__AES__)
  return hash_detail::aes16(key, a, b);
#else
  return hash_detail::nh16(key, a, b);
#endif
}

/// Hash of a 40-byte key (IPv6).
inline std::uint64_t hash40(const HashKey& key, const std::array<std::uint64_t, 5>& words) noexcept {
#if defined(__AES__)
  return hash_detail::aes40(key, words);
#else
  return hash_detail::nh40(key, words);
#endif
}

/// A value of [0, range) from a hash, by multiplication instead of division (Lemire, "Fast random integer generation in
/// an interval"): uses the hash's top bits.
inline std::uint32_t fast_range(std::uint64_t hash, std::uint32_t range) noexcept {
  return static_cast<std::uint32_t>(((hash >> 32) * range) >> 32);
}

/// splitmix64 (Steele, Lea, Flood 2014): the step that spreads seeds.
constexpr std::uint64_t splitmix64(std::uint64_t& state) noexcept {
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace culvert
