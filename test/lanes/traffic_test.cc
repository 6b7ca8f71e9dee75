// SPDX-License-Identifier: Apache-2.0
#include "lanes/traffic.h"

#include <map>
#include <set>
#include <string>

#include "base/bytes.h"
#include "base/endian.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

/// 0xffff when the checksum inside is right (RFC 1071).
std::uint16_t sum_of(std::span<const std::byte> bytes, std::uint32_t start = 0) {
  std::uint32_t sum = start;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

std::set<std::string> tuples(const PacketList& list, std::size_t from, std::size_t length) {
  std::set<std::string> found;
  for (std::size_t i = 0; i < list.size(); ++i) {
    found.emplace(as_chars(list.lines_of(list[i])) + from, length);
  }
  return found;
}

}  // namespace

TEST_CASE("IPv4 traffic has as many tuples as flows and correct lengths and checksums") {
  for (const std::uint8_t protocol : {std::uint8_t{17}, std::uint8_t{6}}) {
    const PacketList list = make_traffic({.flows = 5000, .length = 101, .protocol = protocol});
    REQUIRE(list.size() == 5000);
    CHECK(tuples(list, 14 + 12, 12).size() == 5000);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto packet = list.stored(list[i]);
      REQUIRE(packet.size() == 101);
      REQUIRE(load<Be16>(&packet[16]).host() == 101 - 14);
      REQUIRE(sum_of(packet.subspan(14, 20)) == 0xffff);
      const std::uint32_t pseudo = sum_of(packet.subspan(26, 8)) + protocol + (101U - 34);
      REQUIRE(sum_of(packet.subspan(34), pseudo) == 0xffff);
    }
  }
}

TEST_CASE("IPv6 traffic likewise") {
  const PacketList list = make_traffic({.flows = 3000, .network = NetworkKind::kIpv6, .protocol = 6});
  CHECK(tuples(list, 14 + 8, 36).size() == 3000);
  const auto packet = list.stored(list[17]);
  CHECK(packet.size() == 74);
  CHECK(load<Be16>(&packet[18]).host() == 20);
  CHECK(sum_of(packet.subspan(54), sum_of(packet.subspan(22, 32)) + 6U + 20U) == 0xffff);
}

TEST_CASE("IMIX has its sizes in the ratio 7 : 4 : 1") {
  const PacketList list = make_traffic({.flows = 1200, .sizes = TrafficSizes::kImix, .headers_only = true});
  std::map<std::uint16_t, int> sizes;
  for (std::size_t i = 0; i < list.size(); ++i) {
    ++sizes[list[i].length];
    CHECK(list[i].stored <= 128);
  }
  CHECK(sizes == std::map<std::uint16_t, int>{{60, 700}, {590, 400}, {1514, 100}});
}

TEST_CASE("the seed decides order and destinations") {
  const auto first = [](std::uint64_t seed) {
    const PacketList list = make_traffic({.flows = 100, .seed = seed});
    return std::string(as_chars(list.lines_of(list[0])), 64);
  };
  CHECK(first(1) == first(1));
  CHECK(first(1) != first(2));
}
