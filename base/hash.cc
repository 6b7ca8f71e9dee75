// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <sys/random.h>

#include "base/result.h"
#include "base/siphash.h"

namespace culvert {
namespace {

void draw(void* secret, std::size_t size) {
  const auto got = ::getrandom(secret, size, 0);
  if (got != static_cast<ssize_t>(size)) throw SetupError(errno_error("drawing a hash key from getrandom"));
}

}  // namespace

HashKey HashKey::random() {
  HashKey key;
  draw(key.word.data(), sizeof(key.word));
  return key;
}

HashKey HashKey::from_seed(std::uint64_t seed) noexcept {
  HashKey key;
  for (auto& word : key.word) word = splitmix64(seed);
  return key;
}

SipKey SipKey::random() {
  SipKey key;
  draw(&key, sizeof(key));
  return key;
}

SipKey SipKey::from_seed(std::uint64_t seed) noexcept {
  SipKey key;
  key.low = splitmix64(seed);
  key.high = splitmix64(seed);
  return key;
}

}  // namespace culvert
