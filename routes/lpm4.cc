// SPDX-License-Identifier: Apache-2.0
#include "routes/lpm4.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "base/prefetch.h"

namespace culvert {
namespace {

std::uint32_t host_order(std::uint32_t address) noexcept {
  return address;
}
std::uint32_t host_order(Ipv4Address address) noexcept {
  return address.value.host();
}

#ifdef __AVX2__
/// Eight addresses in host order.
__m256i load8(const std::uint32_t* addresses) noexcept {
  return load<__m256i>(addresses);
}
__m256i load8(const Ipv4Address* addresses) noexcept {
  const __m256i swap_words = _mm256_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9,
                                             10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
  return _mm256_shuffle_epi8(load<__m256i>(addresses), swap_words);
}

/// The slots of eight addresses as 16-bit lanes. The processor reads aligned 32-bit words, each at once; a word holds
/// two slots.
__m128i slots8(const std::uint16_t* slots, __m256i addresses) noexcept {
  const void* words = slots;
  const __m256i pairs = _mm256_i32gather_epi32(static_cast<const int*>(words), _mm256_srli_epi32(addresses, 9), 4);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(addresses, 4), _mm256_set1_epi32(16));
  const __m256i slot = _mm256_and_si256(_mm256_srlv_epi32(pairs, odd), _mm256_set1_epi32(0xffff));
  return _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi32(slot, slot), 0x08));
}
#endif

}  // namespace

Lpm4::Lpm4(std::span<std::byte> memory, const Lpm4Limits& limits) noexcept : group_count_(limits.groups) {
  CULVERT_CHECK(limits.groups <= kMaxGroups && memory.size() >= memory_size(limits));
  const auto words = array_over<std::uint16_t>(memory);
  slots_ = words.data();
  groups_ = words.data() + kSlots;
}

template <typename Address>
void Lpm4::lookup_all(std::span<const Address> addresses, std::span<NextHopIndex> results) const noexcept {
  const NextHopIndex default_index = default_next_hop();
  std::size_t done = 0;
  // A prefetch makes nobody wait, so more misses are under way than those of the gathers that the processor holds.
  for (const Address address : addresses) prefetch(&slots_[host_order(address) >> 8]);
#ifdef __AVX2__
  const __m128i defaults = _mm_set1_epi16(static_cast<std::int16_t>(default_index));
  for (; done + 8 <= addresses.size(); done += 8) {
    const __m128i slots = slots8(slots_, load8(&addresses[done]));
    const __m128i none = _mm_cmpeq_epi16(slots, _mm_setzero_si128());
    store(&results[done], _mm_blendv_epi8(slots, defaults, none));
    if (_mm_testz_si128(slots, _mm_set1_epi16(static_cast<std::int16_t>(kGroupBit))) != 0) [[likely]]
      continue;
    for (std::size_t i = done; i < done + 8; ++i) {
      if ((results[i] & kGroupBit) == 0) continue;
      const std::uint16_t slot = read(group_slot(results[i], host_order(addresses[i])));
      results[i] = slot != 0 ? slot : default_index;
    }
  }
#endif
  for (; done < addresses.size(); ++done) results[done] = lookup(addresses[done]);
}

void Lpm4::lookup(std::span<const std::uint32_t> host_order_addresses, std::span<NextHopIndex> results) const noexcept {
  lookup_all(host_order_addresses, results);
}

void Lpm4::lookup(std::span<const Ipv4Address> addresses, std::span<NextHopIndex> results) const noexcept {
  lookup_all(addresses, results);
}

}  // namespace culvert
