// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <sys/random.h>

#include "base/result.h"

namespace culvert {

HashKey HashKey::random() {
  HashKey key;
  const auto got = ::getrandom(key.word.data(), sizeof(key.word), 0);
  if (got != static_cast<ssize_t>(sizeof(key.word))) throw SetupError(errno_error("drawing a hash key from getrandom"));
  return key;
}

HashKey HashKey::from_seed(std::uint64_t seed) noexcept {
  HashKey key;
  for (auto& word : key.word) word = splitmix64(seed);
  return key;
}

}  // namespace culvert
