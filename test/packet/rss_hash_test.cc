// SPDX-License-Identifier: Apache-2.0
// The fast symmetric hash beside Toeplitz as it is written, and that one beside the vectors that every NIC is held to.
#include "packet/rss_hash.h"

#include <random>
#include <string>
#include <vector>

#include "test/support/bytes.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

using Input = std::vector<std::uint8_t>;

/// Bit by bit: where the input has a one, the 32 bits of the key that begin there.
std::uint32_t toeplitz(const Input& key, const Input& input) {
  const auto bit = [](const Input& bytes, std::size_t at) { return bytes[at / 8] >> (7 - at % 8) & 1U; };
  std::uint32_t hash = 0;
  for (std::size_t at = 0; at < input.size() * 8; ++at) {
    if (bit(input, at) == 0) continue;
    std::uint32_t window = 0;
    for (std::size_t i = 0; i < 32; ++i) window = window << 1 | bit(key, at + i);
    hash ^= window;
  }
  return hash;
}

/// "Verifying the RSS Hash Calculation", Windows driver documentation.
const Input kPublishedKey{0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
                          0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
                          0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

Input symmetric_key() {
  Input key;
  for (int i = 0; i < 20; ++i) key.insert(key.end(), {0x6d, 0x5a});
  return key;
}

template <typename Value>
void append(Input& input, const Value& value) {
  for (const std::uint8_t byte : load<std::array<std::uint8_t, sizeof(Value)>>(&value)) input.push_back(byte);
}

/// What a NIC hashes of a packet.
template <typename Tuple>
Input input_of(const Tuple& tuple) {
  Input input;
  append(input, tuple.source);
  append(input, tuple.destination);
  if (tuple.protocol != kProtocolTcp && tuple.protocol != kProtocolUdp) return input;
  append(input, tuple.source_port);
  append(input, tuple.destination_port);
  return input;
}

template <typename Tuple>
Tuple random_tuple(std::mt19937_64& random) {
  std::array<std::uint8_t, sizeof(Tuple)> bytes{};
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  auto tuple = load<Tuple>(bytes.data());
  static constexpr std::uint8_t kProtocols[] = {kProtocolTcp, kProtocolUdp, 1, 47, 58, 132};
  tuple.protocol = kProtocols[random() % std::size(kProtocols)];
  return tuple;
}

}  // namespace

TEST_CASE("Toeplitz as it is written has the published hashes") {
  const auto hash = [](const char* source, std::uint16_t source_port, const char* destination,
                       std::uint16_t destination_port, bool ports) {
    FiveTuple4 tuple{ip4(source), ip4(destination), Be16(source_port), Be16(destination_port), 0, 0, 0};
    tuple.protocol = ports ? kProtocolTcp : 1;
    return toeplitz(kPublishedKey, input_of(tuple));
  };
  CHECK(hash("66.9.149.187", 2794, "161.142.100.80", 1766, false) == 0x323e8fc2);
  CHECK(hash("66.9.149.187", 2794, "161.142.100.80", 1766, true) == 0x51ccc178);
  CHECK(hash("199.92.111.2", 14230, "65.69.140.83", 4739, false) == 0xd718262a);
  CHECK(hash("199.92.111.2", 14230, "65.69.140.83", 4739, true) == 0xc626b0ea);
}

TEMPLATE_TEST_CASE("the fast hash is Toeplitz under the symmetric key, and the same both ways", "", FiveTuple4,
                   FiveTuple6) {
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const Input key = symmetric_key();
  for (int i = 0; i < 3000; ++i) {
    const auto tuple = random_tuple<TestType>(random);
    REQUIRE(symmetric_rss_hash(tuple) == toeplitz(key, input_of(tuple)));
    REQUIRE(symmetric_rss_hash(tuple) == symmetric_rss_hash(tuple.reversed()));
  }
}

}  // namespace culvert::test
