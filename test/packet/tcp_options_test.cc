// SPDX-License-Identifier: Apache-2.0
#include "packet/tcp_options.h"

#include <cstdio>
#include <cstdlib>
#include <random>

#include "test/support/bytes.h"
#include "test/support/catch.h"
#include "test/support/guarded_buffer.h"

namespace culvert::test {
namespace {

constexpr std::size_t kMostOptions = 40;

/// The last byte is the last one that may be touched.
TcpOptions read(std::string_view text) {
  static const GuardedBuffer buffer(kMostOptions);
  return read_tcp_options(buffer.at_end(hex(text)));
}

TEST_CASE("The options of a usual SYN are all read") {
  const TcpOptions options = read("020405b4 0402 080a 01020304 00000000 01 030307");
  CHECK(options.mss == 1460);
  CHECK(options.sack_permitted);
  CHECK(options.window_scale == 7);
  CHECK(options.has_timestamps);
  CHECK(options.timestamp == 0x01020304);
  CHECK(options.timestamp_echo == 0);
  CHECK_FALSE(options.has_sack);
  CHECK_FALSE(options.malformed);
}

TEST_CASE("No options, padding and unknown kinds say nothing") {
  for (const char* text : {"", "00", "01", "01010101", "fe04 0000", "1e02", "00 03 03 07"}) {
    INFO(text);
    const TcpOptions options = read(text);
    CHECK(options.window_scale == -1);
    CHECK(options.mss == 0);
    CHECK_FALSE(options.sack_permitted);
    CHECK_FALSE(options.has_sack);
    CHECK_FALSE(options.has_timestamps);
    CHECK_FALSE(options.malformed);
  }
}

TEST_CASE("What stands behind an unknown option is read") {
  CHECK(read("1e04 abcd 030302").window_scale == 2);
  CHECK(read("fe02 01 0204 0218").mss == 536);
}

TEST_CASE("A scale of more than 14 counts as 14") {
  CHECK(read("03030e").window_scale == 14);
  CHECK(read("03030f").window_scale == 14);
  CHECK(read("0303ff").window_scale == 14);
  CHECK(read("030300").window_scale == 0);
}

TEST_CASE("Of an option that comes twice the last one counts") {
  CHECK(read("030302 030305").window_scale == 5);
  CHECK(read("020405b4 02040218").mss == 536);
}

TEST_CASE("The highest right edge of all blocks is the selective acknowledgment") {
  CHECK(read("050a 00000010 00000020").sack_edge == 0x20);
  CHECK(read("0512 00000010 00000020 00000030 00000040").sack_edge == 0x40);
  CHECK(read("0512 00000030 00000040 00000010 00000020").sack_edge == 0x40);
  CHECK(read("051a 00000010 00000020 00000050 00000060 00000030 00000040").sack_edge == 0x60);
  // Across the wrap: 0x10 is behind 0xfffffff0.
  CHECK(read("0512 ffffffe0 fffffff0 00000000 00000010").sack_edge == 0x10);
  CHECK(read("0512 00000000 00000010 ffffffe0 fffffff0").sack_edge == 0x10);
  CHECK(read("050a fffffff0 00000010").sack_edge == 0x10);
  CHECK(read("0522 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008").sack_edge == 8);
}

TEST_CASE("Empty and reversed blocks say nothing") {
  CHECK_FALSE(read("050a 00000020 00000020").has_sack);
  CHECK_FALSE(read("050a 00000020 00000010").has_sack);
  const TcpOptions options = read("0512 00000070 00000060 00000010 00000020");
  CHECK(options.has_sack);
  CHECK(options.sack_edge == 0x20);
}

TEST_CASE("An option with a length that is wrong for its kind is skipped") {
  for (const char* text : {"02 03 05 030301", "02 05 05b4 01 030301", "02 02 030301", "04 03 00 030301", "05 02 030301",
                           "05 09 00000010 000000 030301", "05 0e 00000010 00000020 00000000 030301",
                           "08 08 01020304 0000 030301", "08 02 030301", "03 04 0505 030301", "03 02 030301"}) {
    INFO(text);
    const TcpOptions options = read(text);
    CHECK(options.window_scale == 1);
    CHECK(options.mss == 0);
    CHECK_FALSE(options.sack_permitted);
    CHECK_FALSE(options.has_sack);
    CHECK_FALSE(options.has_timestamps);
    CHECK_FALSE(options.malformed);
  }
}

TEST_CASE("An option that does not fit ends the walk, and what came before it holds") {
  for (const char* text : {"030301 02", "030301 02 04", "030301 02 04 05", "030301 08 0a 00000000", "030301 fe",
                           "030301 fe 00", "030301 fe 01", "030301 02 00 05 b4", "030301 02 01", "030301 05 ff 00"}) {
    INFO(text);
    const TcpOptions options = read(text);
    CHECK(options.malformed);
    CHECK(options.window_scale == 1);
    CHECK(options.mss == 0);
    CHECK_FALSE(options.has_timestamps);
    CHECK_FALSE(options.has_sack);
  }
}

TEST_CASE("Random options are read inside their bytes, and never said to hold more than they do") {
  const char* given = std::getenv("CULVERT_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  INFO("CULVERT_SEED=" << seed);
  std::mt19937_64 random(seed);
  const GuardedBuffer buffer(kMostOptions);
  std::size_t malformed = 0;
  std::size_t sacks = 0;
  for (int i = 0; i < 200'000; ++i) {
    Bytes bytes(random() % (kMostOptions + 1));
    // Small numbers are kinds and lengths.
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % (random() % 4 == 0 ? 256 : 12));
    const TcpOptions options = read_tcp_options(buffer.at_end(bytes));
    const TcpOptions same = read_tcp_options(buffer.at_begin(bytes));
    malformed += options.malformed;
    sacks += options.has_sack;
    REQUIRE(options.window_scale >= -1);
    REQUIRE(options.window_scale <= kTcpMaxScale);
    REQUIRE(options.malformed == same.malformed);
    REQUIRE(options.sack_edge == same.sack_edge);
    if (options.has_sack) REQUIRE(bytes.size() >= 10);
    if (options.has_timestamps) REQUIRE(bytes.size() >= 10);
  }
  CHECK(malformed > 1000);
  CHECK(sacks > 100);
}

}  // namespace
}  // namespace culvert::test
