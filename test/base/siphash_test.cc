// SPDX-License-Identifier: Apache-2.0
#include "base/siphash.h"

#include "test/support/catch.h"

using namespace culvert;

namespace {

/// The key and the texts of the authors' test vectors: bytes that count up from 0. The values are OpenSSL's, too.
constexpr SipKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

template <std::size_t kWords>
constexpr std::array<std::uint64_t, kWords> counting() {
  std::array<std::uint64_t, kWords> words{};
  for (std::size_t i = 0; i < kWords; ++i) words[i] = 0x0706050403020100 + 0x0808080808080808 * i;
  return words;
}

}  // namespace

TEST_CASE("SipHash-2-4 has the values of its reference") {
  CHECK(siphash(kKey, counting<0>()) == 0x726fdb47dd0e0e31);
  CHECK(siphash(kKey, counting<1>()) == 0x93f5f5799a932462);
  CHECK(siphash(kKey, counting<2>()) == 0x3f2acc7f57c29bdb);
  CHECK(siphash(kKey, counting<3>()) == 0xb8ad50c6f649af94);
  CHECK(siphash(kKey, counting<5>()) == 0x0e3ea96b5304a7d0);
  CHECK(siphash(kKey, counting<6>()) == 0xe612a3cb9ecba951);
}

TEST_CASE("keys are drawn at random, or are those of a seed") {
  const SipKey one = SipKey::random(), other = SipKey::random();
  CHECK(one.low != other.low);
  CHECK(one.high != other.high);
  CHECK(SipKey::from_seed(5).low == SipKey::from_seed(5).low);
  CHECK(SipKey::from_seed(5).high != SipKey::from_seed(6).high);
}
