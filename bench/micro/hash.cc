// SPDX-License-Identifier: Apache-2.0
// S8: the keyed hash against CRC32C, which is as fast as a hash gets here and must not be used: it is linear, so keys
// that collide under every seed can be computed.
#include "base/hash.h"

#include <array>
#include <immintrin.h>
#include <vector>

#include "bench/support/bench.h"

using namespace culvert;
using namespace culvert::bench;

namespace {

constexpr std::size_t kKeys = 1024;  ///< in the L1 and L2 caches
constexpr std::size_t kPasses = 400;

template <std::size_t kWords>
using Key = std::array<std::uint64_t, kWords>;

/// CRC32C of the words in one chain, spread over 64 bits as a table needs it.
template <std::size_t kWords>
std::uint64_t crc32c(const Key<kWords>& key, std::uint64_t seed) noexcept {
  std::uint64_t crc = seed;
  for (const std::uint64_t word : key) crc = _mm_crc32_u64(crc, word);
  return crc * 0x9e3779b97f4a7c15ULL;
}

std::uint64_t keyed(const HashKey& secret, const Key<2>& key) noexcept {
  return hash16(secret, key[0], key[1]);
}
std::uint64_t keyed(const HashKey& secret, const Key<5>& key) noexcept {
  return hash40(secret, key);
}

/// What a build for a CPU without AES uses.
std::uint64_t portable(const HashKey& secret, const Key<2>& key) noexcept {
  return hash_detail::nh16(secret, key[0], key[1]);
}
std::uint64_t portable(const HashKey& secret, const Key<5>& key) noexcept {
  return hash_detail::nh40(secret, key);
}

template <std::size_t kWords>
void compare(const std::string& name, const Options& options, Report& report) {
  std::uint64_t seed = 8;
  const HashKey secret = HashKey::from_seed(splitmix64(seed));
  std::vector<Key<kWords>> keys(kKeys);
  for (auto& key : keys)
    for (auto& word : key) word = splitmix64(seed);
  // As a table does it: the hashes of a burst are stored, then used; a copy of the secret that no store can change
  // stays in registers.
  std::vector<std::uint64_t> hashes(kKeys);

  Comparison comparison(name, kKeys * kPasses, options);
  comparison.add("keyed", [&] {
    const HashKey own = secret;
    for (std::size_t pass = 0; pass < kPasses; ++pass) {
      for (std::size_t i = 0; i < kKeys; ++i) hashes[i] = keyed(own, keys[i]);
      keep(hashes[0]);
    }
  });
  comparison.add("crc32c", [&] {
    for (std::size_t pass = 0; pass < kPasses; ++pass) {
      for (std::size_t i = 0; i < kKeys; ++i) hashes[i] = crc32c<kWords>(keys[i], 0x1234);
      keep(hashes[0]);
    }
  });
  comparison.add("NH", [&] {
    const HashKey own = secret;
    for (std::size_t pass = 0; pass < kPasses; ++pass) {
      for (std::size_t i = 0; i < kKeys; ++i) hashes[i] = portable(own, keys[i]);
      keep(hashes[0]);
    }
  });
  comparison.run();
  report.bar("S8", comparison, "keyed", "crc32c", 1.4);
  report.ratio("S8-NH", comparison, "NH", "crc32c");
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Report report(options);
  compare<2>("keyed hash, 16 bytes", options, report);
  compare<5>("keyed hash, 40 bytes", options, report);
  return report.finish();
}
