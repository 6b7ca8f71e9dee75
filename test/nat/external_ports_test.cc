// SPDX-License-Identifier: Apache-2.0
#include "nat/external_ports.h"

#include <vector>

#include "packet/ipv4.h"
#include "test/support/address_book.h"
#include "test/support/catch.h"
#include "test/support/port_memory.h"

using namespace culvert;

namespace {

Ipv6Address v4(std::uint32_t number) {
  return mapped(Ipv4Address{Be32(0xc6120100U + number)});
}

struct Addresses : PortMemory {
  explicit Addresses(std::uint32_t slots = 4) : PortMemory(slots, 0, 1) {}

  void use(std::vector<ExternalAddress> addresses) { ports().use(book.publish(std::move(addresses))); }

  AddressBook book;
};

constexpr PoolRange kTwo{2000, 2001};

}  // namespace

TEST_CASE("what has ports, and what has not") {
  CHECK(port_kind(kProtocolTcp) == PortKind::kTcp);
  CHECK(port_kind(kProtocolUdp) == PortKind::kUdp);
  CHECK(port_kind(kProtocolIcmp) == PortKind::kIcmp);
  CHECK(port_kind(kProtocolIcmpv6) == PortKind::kIcmp);
  CHECK(port_kind(kProtocolSctp) == PortKind::kSctp);
  CHECK(!port_kind(kProtocolGre).has_value());
  CHECK(!port_kind(0).has_value());
}

TEST_CASE("an address has ports of each kind, and nobody has those of an address without a slot") {
  Addresses all;
  CHECK(!all.ports().find(v4(1)).has_value());
  all.use({{v4(1), kTwo}, {v4(2), kTwo}});
  CHECK(all.ports().find(v4(1)) == 0U);
  CHECK(all.ports().find(v4(2)) == 1U);
  CHECK(!all.ports().find(v4(3)).has_value());
  CHECK(!all.ports().find(Ipv6Address{}).has_value());
  for (const PortKind kind : {PortKind::kTcp, PortKind::kUdp, PortKind::kIcmp, PortKind::kSctp}) {
    CHECK(all.ports().take_exactly(v4(1), kind, 2000));
    CHECK(!all.ports().take_exactly(v4(1), kind, 2000));
    CHECK(all.ports().take_exactly(v4(2), kind, 2000));
    CHECK(!all.ports().take_exactly(v4(3), kind, 2000));
    CHECK(!all.ports().take_exactly(v4(1), kind, 2002));
    all.ports().give_back(v4(1), kind, 2000);
    CHECK(all.ports().take_exactly(v4(1), kind, 2000));
  }
}

TEST_CASE("a wish that cannot be met gets another port of its class, then any") {
  Addresses all;
  all.use({{v4(1), {1022, 1025}}});
  const auto take = [&](std::uint16_t like) { return all.ports().take(0, PortKind::kUdp, PortWish::like(like), 5); };
  CHECK(take(53) == 1023);
  CHECK(take(53) == 1022);
  CHECK(take(4000) == 1024);
  CHECK(take(54) == 1025);
  CHECK(!take(54).has_value());
}

TEST_CASE("an address that is configured no more gives nothing, and takes its ports back") {
  Addresses all;
  all.use({{v4(1), kTwo}});
  REQUIRE(all.ports().take_exactly(v4(1), PortKind::kTcp, 2000));
  all.use({{v4(1), kNoPorts}});
  CHECK(all.ports().find(v4(1)) == 0U);
  CHECK(!all.ports().take(0, PortKind::kTcp, {}, 1).has_value());
  CHECK(!all.ports().take(0, PortKind::kUdp, {}, 1).has_value());
  CHECK(!all.ports().take_exactly(v4(1), PortKind::kTcp, 2001));
  CHECK(all.ports().pool(0, PortKind::kTcp).used() == 1);
  SECTION("it comes back") {
    all.use({{v4(1), kTwo}});
    CHECK(!all.ports().take_exactly(v4(1), PortKind::kTcp, 2000));
    CHECK(all.ports().take_exactly(v4(1), PortKind::kTcp, 2001));
  }
  SECTION("another one gets the slot") {
    all.ports().give_back(v4(1), PortKind::kTcp, 2000);
    CHECK(all.ports().pool(0, PortKind::kTcp).used() == 0);
    all.use({{v4(9), kTwo}});
    CHECK(!all.ports().find(v4(1)).has_value());
    CHECK(all.ports().find(v4(9)) == 0U);
    CHECK(all.ports().take_exactly(v4(9), PortKind::kTcp, 2000));
  }
  SECTION("nobody does") {
    all.ports().give_back(v4(1), PortKind::kTcp, 2000);
    all.use({});
    CHECK(!all.ports().find(v4(1)).has_value());
  }
}

TEST_CASE("ports of the host are not given, as long as they are the host's") {
  Addresses all;
  const std::vector<HostPort> host = {{PortKind::kUdp, 2000}, {PortKind::kTcp, 2001}};
  all.use({{v4(1), kTwo, host}});
  CHECK(!all.ports().take_exactly(v4(1), PortKind::kUdp, 2000));
  CHECK(all.ports().take_exactly(v4(1), PortKind::kUdp, 2001));
  CHECK(all.ports().take_exactly(v4(1), PortKind::kTcp, 2000));
  CHECK(!all.ports().take(0, PortKind::kTcp, {}, 1).has_value());
  all.use({{v4(1), kTwo}});
  CHECK(all.ports().take_exactly(v4(1), PortKind::kUdp, 2000));
  CHECK(all.ports().take(0, PortKind::kTcp, {}, 1) == 2001);
}

TEST_CASE("every slot of a full table is found") {
  Addresses all(300);
  std::vector<ExternalAddress> addresses;
  for (std::uint32_t i = 0; i < 300; ++i) addresses.push_back({v4(i * 256), kTwo});
  all.use(addresses);
  for (std::uint32_t i = 0; i < 300; ++i) REQUIRE(all.ports().find(v4(i * 256)) == i);
  CHECK(!all.ports().find(v4(1)).has_value());
}
