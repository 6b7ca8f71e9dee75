// SPDX-License-Identifier: Apache-2.0
#include <random>
#include <vector>

#include "nat/destination_table.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

constexpr std::uint8_t kLan = 1, kWan = 2, kTcp = 6, kUdp = 17, kIcmp = 1, kGre = 47;

NatRange range4(std::uint32_t first, std::uint32_t last) {
  return {{0, first}, {0, last}};
}
FiveTuple4 to(std::uint32_t destination, std::uint8_t protocol, std::uint16_t port, std::uint32_t source = 7) {
  FiveTuple4 key;
  key.source = Ipv4Address{Be32(source)};
  key.destination = Ipv4Address{Be32(destination)};
  key.source_port = Be16(3000);
  key.destination_port = Be16(port);
  key.protocol = protocol;
  return key;
}
DestinationRule forward(std::uint32_t outside, std::uint8_t protocol, PoolRange ports, std::uint32_t inside,
                        std::uint16_t first) {
  DestinationRule rule;
  rule.from = NatZones{1} << kWan;
  rule.any_protocol = false;
  rule.protocol = protocol;
  rule.any_port = false;
  rule.ports = ports;
  rule.first_inside_port = first;
  rule.addresses = AddressMap::all_to_one(range4(outside, outside), {0, inside});
  return rule;
}
Ipv4Address address(std::uint32_t number) {
  return Ipv4Address{Be32(number)};
}

AddressNumber number6(std::initializer_list<std::uint16_t> words) {
  AddressNumber number;
  std::size_t n = 0;
  for (const std::uint16_t word : words) {
    (n < 4 ? number.high : number.low) |= std::uint64_t{word} << (48 - 16 * (n % 4));
    ++n;
  }
  return number;
}
NatRange prefix6(const AddressNumber& first, unsigned length) {
  const std::uint64_t host = length >= 64 ? 0 : ~std::uint64_t{0} >> length;
  return {first, {first.high | host, ~std::uint64_t{0}}};
}
/// Of all words, as checksums add them.
std::uint32_t sum(const AddressNumber& number) {
  std::uint32_t total = 0;
  for (unsigned shift = 0; shift < 64; shift += 16) {
    total += static_cast<std::uint16_t>(number.high >> shift) + static_cast<std::uint16_t>(number.low >> shift);
  }
  while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
  return total % 0xffff;
}

}  // namespace

TEST_CASE("a port is forwarded, a range keeps its order, and other packets are let alone") {
  DestinationRule one = forward(100, kTcp, {8080, 8080}, 10, 80);
  one.one_inside_port = true;
  DestinationRule many_to_one = forward(101, kUdp, {500, 509}, 10, 53);
  many_to_one.one_inside_port = true;
  const DestinationTable table({one, forward(100, kTcp, {9000, 9099}, 11, 1000), many_to_one});
  const DestinationNat& nat = table.nat();
  const auto goes = [&](const FiveTuple4& key) {
    const DestinationRule* rule = nat.find(key, kWan);
    const auto meant = rule == nullptr ? std::nullopt : DestinationNat::translated(*rule, key);
    if (!meant.has_value()) return std::string("-");
    CHECK(meant->source == key.source);
    CHECK(meant->source_port == key.source_port);
    return std::to_string(meant->destination.value.host()) + ":" + std::to_string(meant->destination_port.host());
  };
  CHECK(goes(to(100, kTcp, 8080)) == "10:80");
  CHECK(goes(to(100, kTcp, 9000)) == "11:1000");
  CHECK(goes(to(100, kTcp, 9099)) == "11:1099");
  CHECK(goes(to(101, kUdp, 507)) == "10:53");
  for (const FiveTuple4& other : {to(100, kTcp, 8081), to(100, kTcp, 9100), to(100, kTcp, 8999), to(100, kUdp, 8080),
                                  to(99, kTcp, 8080), to(101, kTcp, 507), to(100, kIcmp, 8080), to(100, kGre, 0)}) {
    INFO(other.destination.value.host() << " " << int{other.protocol} << " " << other.destination_port.host());
    CHECK(goes(other) == "-");
  }
  CHECK(nat.find(to(100, kTcp, 8080), kLan) == nullptr);
  CHECK(nat.find(FiveTuple6{}, kWan) == nullptr);
  CHECK(nat.any(false));
  CHECK(!nat.any(true));
  CHECK(nat.at_outside(address(101)) == &nat.rules()[2]);
  CHECK(nat.at_outside(address(10)) == nullptr);
  CHECK(DestinationNat{}.find(to(100, kTcp, 8080), kWan) == nullptr);
}

TEST_CASE("a target is what some rule leads to") {
  const DestinationTable table({forward(100, kTcp, {9000, 9099}, 11, 1000), forward(100, kUdp, {5, 5}, 12, 7)});
  const DestinationNat& nat = table.nat();
  CHECK(nat.is_target(address(11), kTcp, 1000));
  CHECK(nat.is_target(address(11), kTcp, 1099));
  CHECK(!nat.is_target(address(11), kTcp, 999));
  CHECK(!nat.is_target(address(11), kTcp, 1100));
  CHECK(!nat.is_target(address(11), kUdp, 1000));
  CHECK(nat.is_target(address(12), kUdp, 7));
  CHECK(!nat.is_target(address(100), kTcp, 9000));
}

TEST_CASE("the first rule for an address decides, by its sources too") {
  const std::vector<NatRange> friends{range4(50, 60)};
  DestinationRule some = forward(100, kTcp, {80, 80}, 10, 80);
  some.any_source = false;
  some.sources = friends;
  DestinationRule all;
  all.addresses = AddressMap::in_order(range4(96, 111), range4(200, 215));
  const DestinationTable table({some, all});
  const DestinationNat& nat = table.nat();
  CHECK(nat.find(to(100, kTcp, 80, 55), kWan) == &nat.rules()[0]);
  CHECK(nat.find(to(100, kTcp, 80, 61), kWan) == &nat.rules()[1]);
  CHECK(nat.find(to(111, kGre, 0), kLan) == &nat.rules()[1]);
  CHECK(nat.find(to(112, kGre, 0), kLan) == nullptr);
  CHECK(DestinationNat::translated(all, to(111, kGre, 0))->destination == address(215));
  CHECK(nat.is_target(address(200), kGre, 0));
}

TEST_CASE("static rules give hosts their addresses outside where they hold") {
  DestinationRule fixed;
  fixed.from = NatZones{1} << kWan;
  fixed.both_ways = true;
  fixed.addresses = AddressMap::in_order(range4(96, 111), range4(200, 215));
  DestinationRule one_way = fixed;
  one_way.both_ways = false;
  one_way.addresses = AddressMap::in_order(range4(300, 300), range4(201, 201));
  const DestinationTable table({one_way, fixed});
  const DestinationNat& nat = table.nat();
  CHECK(nat.find_static(to(7, kTcp, 1, 201), kWan) == &nat.rules()[1]);
  CHECK(DestinationNat::outside_of(fixed, address(201)) == address(97));
  CHECK(nat.find_static(to(7, kTcp, 1, 201), kLan) == nullptr);
  CHECK(nat.find_static(to(7, kTcp, 1, 199), kWan) == nullptr);
}

TEST_CASE("RFC 6296: the example of its appendix, and back") {
  const AddressNumber inside = number6({0xfd01, 0x0203, 0x0405, 0, 0, 0, 0, 0});
  const AddressNumber outside = number6({0x2001, 0x0db8, 0x0001, 0, 0, 0, 0, 0});
  const AddressMap map = AddressMap::neutral(prefix6(outside, 48), prefix6(inside, 48), 48);
  const AddressNumber host = number6({0xfd01, 0x0203, 0x0405, 0x0001, 0, 0, 0, 0x1234});
  const AddressNumber seen = number6({0x2001, 0x0db8, 0x0001, 0xd550, 0, 0, 0, 0x1234});
  CHECK(map.to_outside(host) == seen);
  CHECK(map.to_inside(seen) == host);
  // 3.4: the subnet 0xffff has no address outside.
  CHECK(!map.to_outside(number6({0xfd01, 0x0203, 0x0405, 0xffff, 0, 0, 0, 1})).has_value());
}

TEST_CASE("RFC 6296: every sum stays, every address comes back, for every length") {
  std::mt19937_64 random(5);
  for (const unsigned length : {16U, 32U, 44U, 48U, 49U, 56U, 60U, 64U}) {
    const std::uint64_t mask = ~std::uint64_t{0} << (64 - length);
    for (int i = 0; i < 20'000; ++i) {
      const AddressNumber inside{(random() & mask), 0}, outside{(random() & mask), 0};
      const AddressMap map = AddressMap::neutral(prefix6(outside, length), prefix6(inside, length), length);
      AddressNumber host{inside.high | (random() & ~mask), random()};
      if (i % 4 == 0) host.low |= 0xffff'ffff'0000'0000;  // the words that are passed over
      if (i % 8 == 0) host.low |= 0x0000'0000'ffff'0000;
      const auto seen = map.to_outside(host);
      const bool none = length <= 48 ? (host.high & 0xffff) == 0xffff : host.low == ~std::uint64_t{0};
      REQUIRE(seen.has_value() == !none);
      if (none) continue;
      REQUIRE(map.outside().holds(*seen));
      REQUIRE(sum(*seen) == sum(host));
      const auto back = map.to_inside(*seen);
      REQUIRE(back.has_value());
      // 0xffff and 0 are one number to a sum, and 0 is what is written (3.4).
      const bool in_subnet = length <= 48;
      AddressNumber same = *back;
      REQUIRE((same == host || (in_subnet && sum(same) == sum(host))));
    }
  }
}

TEST_CASE("places hold what their ranges hold") {
  std::mt19937_64 random(9);
  for (int round = 0; round < 300; ++round) {
    std::vector<DestinationRule> rules(1 + random() % 12);
    for (DestinationRule& rule : rules) {
      const auto first = static_cast<std::uint32_t>(random() % 200);
      const auto count = static_cast<std::uint32_t>(random() % (round % 10 == 0 ? 3000 : 20));
      const auto inside = static_cast<std::uint32_t>(10'000 + random() % 200);
      rule.addresses = AddressMap::in_order(range4(first, first + count), range4(inside, inside + count));
      if (round % 7 == 0) {
        rule.addresses = AddressMap::all_to_one(range4(0xffffff00U + first, 0xffffffffU), {0, inside});
      }
    }
    const DestinationTable table(rules);
    for (int i = 0; i < 300; ++i) {
      const auto number = static_cast<std::uint32_t>(round % 7 == 0 ? 0xffffff00U + random() % 256 : random() % 260);
      const AddressNumber wanted{0, number};
      const DestinationRule* found = table.nat().find(to(number, kTcp, 80), kWan);
      const auto right = std::find_if(rules.begin(), rules.end(), [&](const DestinationRule& rule) {
        return rule.addresses.outside().holds(wanted);
      });
      REQUIRE((found == nullptr) == (right == rules.end()));
      if (found == nullptr) continue;
      REQUIRE(found - table.nat().rules().data() == right - rules.begin());
    }
  }
}
