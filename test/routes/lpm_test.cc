// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <array>
#include <string>

#include "test/routes/tables.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

Prefix4 prefix4(const char* address, unsigned length) {
  Ipv4Address parsed;
  REQUIRE(inet_pton(AF_INET, address, &parsed) == 1);
  return {parsed, length};
}

Ipv6Address address6(const char* text) {
  Ipv6Address parsed;
  REQUIRE(inet_pton(AF_INET6, text, &parsed) == 1);
  return parsed;
}

Prefix6 prefix6(const char* address, unsigned length) {
  return {address6(address), length};
}

}  // namespace

TEST_CASE("prefixes forget the bits beyond their length") {
  CHECK(Prefix4(0xc0000201, 24) == Prefix4(0xc0000200, 24));
  CHECK(Prefix4(0xc0000201, 0) == Prefix4(0, 0));
  CHECK(Prefix4(0xc0000201, 32).bits == 0xc0000201);
  CHECK_FALSE(Prefix4(0, 33).valid());
  CHECK(prefix6("2001:db8::1", 64) == prefix6("2001:db8::2", 64));
  CHECK(prefix6("2001:db8::1", 65) == prefix6("2001:db8::2", 65));
  CHECK(prefix6("2001:db8::1", 128) != prefix6("2001:db8::2", 128));
  CHECK(prefix6("ffff::1", 0) == Prefix6());
  CHECK(prefix6("2001:db8::5:0:0:1", 128).address() == address6("2001:db8::5:0:0:1"));
  CHECK(prefix6("2001:db8::", 32).contains(address6("2001:db8:ffff::1")));
  CHECK_FALSE(prefix6("2001:db8::", 32).contains(address6("2001:db9::1")));
  CHECK_FALSE(Prefix6(0, 0, 129).valid());
}

TEST_CASE("an empty table has no route") {
  const Tables<V4> v4;
  CHECK(v4.lookup(0) == kNoRouteIndex);
  CHECK(v4.lookup(0xffffffff) == kNoRouteIndex);
  const Tables<V6> v6;
  CHECK(v6.lookup({}) == kNoRouteIndex);
  CHECK(v6.lookup(address6("ffff::1")) == kNoRouteIndex);
}

TEMPLATE_TEST_CASE("a prefix of every length holds its first and last address and not its neighbours", "", V4, V6) {
  Tables<TestType> tables;
  std::mt19937_64 random(1);
  for (unsigned length = 0; length <= TestType::kBits; ++length) {
    const auto address = TestType::random(random);
    const auto prefix = TestType::prefix(address, length);
    INFO("length " << length);
    REQUIRE(tables.insert(prefix, 7));
    CHECK(tables.writer.find(prefix) == NextHopIndex{7});
    CHECK(tables.lookup(address) == 7);
    CHECK(tables.lookup(TestType::first(prefix)) == 7);
    CHECK(tables.lookup(TestType::last(prefix)) == 7);
    for (unsigned bit = 0; bit < length; ++bit) CHECK(tables.lookup(TestType::flip(address, bit)) == kNoRouteIndex);
    for (unsigned bit = length; bit < TestType::kBits; ++bit) CHECK(tables.lookup(TestType::flip(address, bit)) == 7);
    REQUIRE(tables.remove(prefix));
    CHECK_FALSE(tables.remove(prefix));
    CHECK(tables.lookup(address) == kNoRouteIndex);
    tables.settle();
  }
  CHECK(tables.writer.size() == 0);
}

TEMPLATE_TEST_CASE("nested prefixes of all lengths: the longest answers, in whatever order they come and go", "", V4,
                   V6) {
  Tables<TestType> tables;
  std::mt19937_64 random(2);
  const auto address = TestType::random(random);
  std::vector<unsigned> lengths;
  for (unsigned length = 0; length <= TestType::kBits; ++length) lengths.push_back(length);
  std::shuffle(lengths.begin(), lengths.end(), random);
  for (const unsigned length : lengths)
    REQUIRE(tables.insert(TestType::prefix(address, length), static_cast<NextHopIndex>(length + 1)));
  CHECK(tables.lookup(address) == TestType::kBits + 1);
  for (unsigned bit = 0; bit < TestType::kBits; ++bit) CHECK(tables.lookup(TestType::flip(address, bit)) == bit + 1);

  std::shuffle(lengths.begin(), lengths.end(), random);
  std::vector<bool> present(TestType::kBits + 1, true);
  for (const unsigned length : lengths) {
    REQUIRE(tables.remove(TestType::prefix(address, length)));
    present[length] = false;
    unsigned longest = TestType::kBits + 1;
    while (longest > 0 && !present[longest - 1]) --longest;
    CHECK(tables.lookup(address) == longest);  // length + 1 of the longest that is left, 0 when none is
  }
}

TEST_CASE("the default route answers for all addresses without another route") {
  Tables<V4> v4;
  REQUIRE(v4.insert(prefix4("192.0.2.0", 24), 3));
  REQUIRE(v4.insert(prefix4("0.0.0.0", 0), 9));
  REQUIRE(v4.insert(prefix4("198.51.100.128", 25), 4));
  CHECK(v4.lookup(prefix4("192.0.2.1", 32).bits) == 3);
  CHECK(v4.lookup(prefix4("198.51.100.127", 32).bits) == 9);
  CHECK(v4.lookup(prefix4("198.51.100.128", 32).bits) == 4);
  CHECK(v4.lookup(0xffffffff) == 9);
  REQUIRE(v4.remove(prefix4("0.0.0.0", 0)));
  CHECK(v4.lookup(prefix4("198.51.100.127", 32).bits) == kNoRouteIndex);

  Tables<V6> v6;
  REQUIRE(v6.insert(prefix6("::", 0), 9));
  REQUIRE(v6.insert(prefix6("2001:db8::", 32), 3));
  CHECK(v6.lookup(address6("2001:db8::1")) == 3);
  CHECK(v6.lookup(address6("2001:db9::1")) == 9);
  REQUIRE(v6.insert(prefix6("::", 0), 10));
  CHECK(v6.lookup(address6("::1")) == 10);
}

TEST_CASE("a /64 of neighbours: hosts inside a connected prefix inside an aggregate") {
  Tables<V6> tables;
  REQUIRE(tables.insert(prefix6("2001:db8::", 32), 1));
  REQUIRE(tables.insert(prefix6("2001:db8:0:1::", 64), 2));
  REQUIRE(tables.insert(prefix6("2001:db8:0:1:211:22ff:fe33:4455", 128), 3));
  REQUIRE(tables.insert(prefix6("2001:db8:0:1::5", 128), 4));
  CHECK(tables.lookup(address6("2001:db8:1::")) == 1);
  CHECK(tables.lookup(address6("2001:db8:0:2::5")) == 1);
  CHECK(tables.lookup(address6("2001:db8:0:1::6")) == 2);
  CHECK(tables.lookup(address6("2001:db8:0:1:211:22ff:fe33:4455")) == 3);
  CHECK(tables.lookup(address6("2001:db8:0:1::5")) == 4);
  // The same low half under another high half is nobody's.
  CHECK(tables.lookup(address6("2001:db8:0:3::5")) == 1);
  CHECK(tables.lookup(address6("2001:db9:0:1::5")) == kNoRouteIndex);
  REQUIRE(tables.remove(prefix6("2001:db8:0:1::", 64)));
  CHECK(tables.lookup(address6("2001:db8:0:1::6")) == 1);
  CHECK(tables.lookup(address6("2001:db8:0:1::5")) == 4);
}

TEMPLATE_TEST_CASE("a bulk lookup of any size says what single lookups say", "", V4, V6) {
  Tables<TestType> tables;
  std::mt19937_64 random(3);
  std::vector<typename TestType::Address> addresses;
  for (int i = 0; i < 500; ++i) {
    const auto address = TestType::random(random);
    addresses.push_back(address);
    const auto length = static_cast<unsigned>(random() % (TestType::kBits + 1));
    REQUIRE(tables.insert(TestType::prefix(address, length), static_cast<NextHopIndex>(1 + i)));
  }
  for (const std::size_t size : {0UL, 1UL, 2UL, 31UL, 32UL, 33UL, 63UL, 64UL, 65UL, 127UL, 129UL, 500UL}) {
    std::vector<NextHopIndex> results(size + 1, 0x7abc);
    TestType::lookup(tables.table, std::span(addresses).first(size), results);
    for (std::size_t i = 0; i < size; ++i) CHECK(results[i] == tables.lookup(addresses[i]));
    CHECK(results[size] == 0x7abc);
  }
}

TEST_CASE("IPv4 addresses in wire order are looked up like those in host order") {
  Tables<V4> tables;
  REQUIRE(tables.insert(prefix4("192.0.2.0", 24), 3));
  REQUIRE(tables.insert(prefix4("192.0.2.77", 32), 4));
  const std::array<Ipv4Address, 3> addresses = {prefix4("192.0.2.76", 32).address(),
                                                prefix4("192.0.2.77", 32).address(), Ipv4Address{}};
  std::array<NextHopIndex, 3> results{};
  tables.table.lookup(addresses, results);
  CHECK(results == std::array<NextHopIndex, 3>{3, 4, 0});
  CHECK(tables.table.lookup(addresses[1]) == 4);
}

TEMPLATE_TEST_CASE("what cannot be a route is refused and changes nothing", "", V4, V6) {
  Tables<TestType> tables;
  typename TestType::Prefix too_long;
  too_long.length = TestType::kBits + 1;
  CHECK_FALSE(tables.insert(too_long, 1));
  CHECK_FALSE(tables.remove(too_long));
  CHECK_FALSE(tables.insert({}, kNoRouteIndex));
  CHECK_FALSE(tables.insert({}, kMaxNextHops));
  CHECK(tables.insert({}, kMaxNextHops - 1));
  CHECK(tables.writer.size() == 1);
  CHECK(tables.lookup({}) == kMaxNextHops - 1);
}

TEMPLATE_TEST_CASE("every known prefix is visited once", "", V4, V6) {
  Tables<TestType> tables;
  std::mt19937_64 random(4);
  Model<TestType> model;
  for (unsigned i = 0; i < 300; ++i) {
    const auto prefix = TestType::prefix(TestType::random(random), static_cast<unsigned>(random() % TestType::kBits));
    REQUIRE(tables.insert(prefix, static_cast<NextHopIndex>(i + 1)));
    model.insert(prefix, static_cast<NextHopIndex>(i + 1));
  }
  std::map<typename TestType::Prefix, NextHopIndex> visited;
  tables.writer.for_each([&](const auto& prefix, NextHopIndex next_hop) { visited[prefix] = next_hop; });
  CHECK(visited == model.prefixes());
  CHECK(tables.writer.size() == model.prefixes().size());
}
