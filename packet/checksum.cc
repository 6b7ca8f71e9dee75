// SPDX-License-Identifier: Apache-2.0
#include "packet/checksum.h"

#include <array>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

namespace culvert {
namespace {

/// Four 64-bit lanes; the compiler makes one AVX2 register of it, or two SSE2 ones where there is no AVX2.
using Lanes [[gnu::vector_size(32)]] = std::uint64_t;

/// 64 bytes a step: low and high 32-bit words are added into separate 64-bit lanes, so no carry is ever lost.
OnesSum sum_blocks(const std::byte* bytes, std::size_t blocks) noexcept {
  Lanes low{};
  Lanes high{};
  for (; blocks > 0; --blocks, bytes += 64) {
    Lanes first;
    Lanes second;
    std::memcpy(&first, bytes, sizeof(first));
    std::memcpy(&second, bytes + sizeof(first), sizeof(second));
    low += (first & 0xffffffff) + (second & 0xffffffff);
    high += (first >> 32) + (second >> 32);
  }
  low += high;
  return low[0] + low[1] + low[2] + low[3];
}

#ifndef __SSE4_2__
constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
    table[byte] = crc;
  }
  return table;
}();
#endif

}  // namespace

OnesSum ones_sum(const std::byte* bytes, std::size_t length) noexcept {
  OnesSum sum = 0;
  if (length >= 64) {
    sum = sum_blocks(bytes, length / 64);
    bytes += length & ~std::size_t{63};
    length &= 63;
  }
  for (; length >= 8; length -= 8, bytes += 8) {
    const auto words = load<std::uint64_t>(bytes);
    sum += (words & 0xffffffff) + (words >> 32);
  }
  if ((length & 4) != 0) {
    sum += load<std::uint32_t>(bytes);
    bytes += 4;
  }
  if ((length & 2) != 0) {
    sum += load<std::uint16_t>(bytes);
    bytes += 2;
  }
  if ((length & 1) != 0) sum += load<std::uint8_t>(bytes);
  return sum;
}

std::uint32_t crc32c(const std::byte* bytes, std::size_t length, std::uint32_t crc) noexcept {
  crc = ~crc;
#ifdef __SSE4_2__
  std::uint64_t wide = crc;
  for (; length >= 8; length -= 8, bytes += 8) wide = _mm_crc32_u64(wide, load<std::uint64_t>(bytes));
  crc = static_cast<std::uint32_t>(wide);
  for (; length > 0; --length, ++bytes) crc = _mm_crc32_u8(crc, load<std::uint8_t>(bytes));
#else
  for (; length > 0; --length, ++bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ load<std::uint8_t>(bytes)) & 0xff];
#endif
  return ~crc;
}

}  // namespace culvert
