// SPDX-License-Identifier: Apache-2.0
// Keyed hashing of session-sized keys. NH (Black, Halevi, Krawczyk, Krovetz, Rogaway: "UMAC", CRYPTO '99) on 64-bit
// words: sums of 128-bit products of (word + key word), universal over the secret key, so that nobody outside can build
// colliding tuples as with CRC32C (linear: one set collides under every seed). A final multiply spreads the product
// over all 64 bits; take table indices from the top bits (fast range), tags from the bottom.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace culvert {

/// The secret of one table; drawn once from the kernel's random source (getrandom(2)), never published.
struct HashKey {
  std::array<std::uint64_t, 8> word{};

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
}  // namespace hash_detail

/// Hash of a 16-byte key (IPv4: addresses, ports, protocol, VRF).
inline std::uint64_t hash16(const HashKey& key, std::uint64_t a, std::uint64_t b) noexcept {
  return hash_detail::finish(hash_detail::multiply(a + key.word[0], b + key.word[1]));
}

/// Hash of a 40-byte key (IPv6).
inline std::uint64_t hash40(const HashKey& key, const std::array<std::uint64_t, 5>& words) noexcept {
  return hash_detail::finish(hash_detail::multiply(words[0] + key.word[0], words[1] + key.word[1]) +
                             hash_detail::multiply(words[2] + key.word[2], words[3] + key.word[3]) +
                             hash_detail::multiply(words[4] + key.word[4], key.word[5]));
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
