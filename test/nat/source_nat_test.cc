// SPDX-License-Identifier: Apache-2.0
#include "nat/source_nat.h"

#include <vector>

#include "test/support/catch.h"

using namespace culvert;

namespace {

constexpr std::uint8_t kOffice = 1, kGuests = 2, kInternet = 3;

NatRange range4(std::uint32_t first, std::uint32_t last) {
  return {{0, first}, {0, last}};
}
FiveTuple4 key4(std::uint32_t source, std::uint32_t destination) {
  FiveTuple4 key;
  key.source = Ipv4Address{Be32(source)};
  key.destination = Ipv4Address{Be32(destination)};
  return key;
}

SourceRule rule(NatZones from, NatZones to) {
  SourceRule made;
  made.from = from;
  made.to = to;
  return made;
}
constexpr NatZones zone(std::uint8_t number) {
  return NatZones{1} << number;
}

}  // namespace

TEST_CASE("the first rule of both zones decides") {
  const std::vector<SourceRule> rules{rule(zone(kOffice), zone(kInternet)), rule(zone(kGuests), zone(kInternet)),
                                      rule(zone(kOffice) | zone(kGuests), kAnyNatZone)};
  SourceNat nat;
  nat.rules = rules;
  CHECK(nat.find(FiveTuple4{}, kOffice, kInternet) == &rules[0]);
  CHECK(nat.find(FiveTuple4{}, kGuests, kInternet) == &rules[1]);
  CHECK(nat.find(FiveTuple4{}, kGuests, kOffice) == &rules[2]);
  CHECK(nat.find(FiveTuple4{}, kOffice, 63) == &rules[2]);
  CHECK(nat.find(FiveTuple4{}, kInternet, kOffice) == nullptr);
  CHECK(nat.find(FiveTuple6{}, kOffice, kInternet) == nullptr);  // of the other family
  CHECK(SourceNat{}.find(FiveTuple4{}, kOffice, kInternet) == nullptr);
}

TEST_CASE("ranges hold their ends and nothing between them") {
  const std::vector<NatRange> ranges{range4(10, 20), range4(21, 21), range4(30, 40), range4(0xfffffff0, 0xffffffff)};
  std::vector<SourceRule> rules{rule(kAnyNatZone, kAnyNatZone)};
  SourceNat nat;
  nat.rules = rules;
  const auto in = [](std::uint32_t number) {
    return (number >= 10 && number <= 21) || (number >= 30 && number <= 40) || number >= 0xfffffff0;
  };
  for (const std::uint32_t number :
       {0U, 9U, 10U, 15U, 20U, 21U, 22U, 29U, 30U, 40U, 41U, 0xffffffefU, 0xfffffff0U, 0xffffffffU}) {
    INFO(number);
    rules[0].any_source = false;
    rules[0].any_destination = true;
    rules[0].sources = ranges;
    CHECK((nat.find(key4(number, 15), 1, 2) != nullptr) == in(number));
    rules[0].any_source = true;
    rules[0].any_destination = false;
    rules[0].destinations = ranges;
    CHECK((nat.find(key4(15, number), 1, 2) != nullptr) == in(number));
  }
  rules[0].destinations = {};
  CHECK(nat.find(key4(15, 15), 1, 2) == nullptr);  // a list of nobody is not anybody
}

TEST_CASE("IPv6 addresses are compared by both halves") {
  const std::vector<NatRange> ranges{{{0x20010db800000000, 5}, {0x20010db800000001, 3}}};
  std::vector<SourceRule> rules{rule(kAnyNatZone, kAnyNatZone)};
  rules[0].ipv6 = true;
  rules[0].any_source = false;
  rules[0].sources = ranges;
  SourceNat nat;
  nat.rules = rules;
  const auto found = [&](std::uint8_t last_of_high, std::uint8_t last) {
    FiveTuple6 key;
    key.source.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, last_of_high};
    key.source.bytes[15] = last;
    return nat.find(key, 1, 2) != nullptr;
  };
  CHECK(!found(0, 4));
  CHECK(found(0, 5));
  CHECK(found(0, 255));
  CHECK(found(1, 3));
  CHECK(!found(1, 4));
  CHECK(!found(2, 0));
}

TEST_CASE("a host asks its own address first, then those behind it, some of them") {
  const std::vector<std::uint16_t> slots{3, 5, 8};
  const NatPool pool{.slots = slots};
  CHECK(pool.has(5));
  CHECK(!pool.has(4));
  PairedSlots last(pool, ~std::uint64_t{0});
  CHECK(last.tries() == 3);
  CHECK(last.next() == 8);
  CHECK(last.next() == 3);
  CHECK(last.next() == 5);
  CHECK(PairedSlots(pool, 0).next() == 3);
  const std::vector<std::uint16_t> many(100);
  CHECK(PairedSlots({.slots = many}, 0).tries() == PairedSlots::kMostTries);
  CHECK(PairedSlots({}, 7).tries() == 0);
}
