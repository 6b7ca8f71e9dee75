// SPDX-License-Identifier: Apache-2.0
// What TableSink says about room, with the real tables: only what was reclaimed is free.
#include "control/netlink/table_sink.h"

#include "test/netlink/tables.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

/// One group of long IPv4 prefixes, few units of the IPv6 table, three next hops, one multipath group.
struct SmallTables : Tables {
  SmallTables() : Tables({{100, 1}, {100, 32}, 4, 1}) {}

  NextHopIndex hop(const std::string& gateway) {
    return sink.allocate({NextHopKind::kForward, 0, ip(gateway), 1500}).value();
  }
  bool set(const std::string& address, int length, NextHopIndex index) {
    return sink.set_route(prefix(address, length), index);
  }
  static IpPrefix prefix(const std::string& address, int length) {
    return IpPrefix::of(ip(address), static_cast<std::uint8_t>(length + (ip(address).is_ipv4() ? kIpv4PrefixBase : 0)));
  }
  void reclaim() { sink.reclaim(sink.announce()); }
};

}  // namespace

TEST_CASE("room for a prefix is made when the memory of another is reclaimed") {
  SmallTables tables;
  const NextHopIndex hop = tables.hop("192.0.2.1");
  REQUIRE(tables.set("10.0.0.0", 25, hop));
  CHECK_FALSE(tables.set("10.0.1.0", 25, hop));
  tables.sink.remove_route(SmallTables::prefix("10.0.0.0", 25));
  CHECK_FALSE(tables.set("10.0.1.0", 25, hop));
  const std::uint64_t before = tables.sink.room_made();
  tables.reclaim();
  CHECK(tables.sink.room_made() != before);
  CHECK(tables.set("10.0.1.0", 25, hop));
}

TEST_CASE("an IPv6 prefix that does not fit makes no room by its own try") {
  SmallTables tables;
  const NextHopIndex hop = tables.hop("2001:db8::1");
  const auto fits = [&](int i) { return tables.set("2001:db8:" + std::to_string(i) + "::1", 128, hop); };
  int count = 0;
  for (; count < 100 && fits(count); ++count) tables.reclaim();
  tables.reclaim();
  REQUIRE(count < 100);
  const std::uint64_t before = tables.sink.room_made();
  CHECK_FALSE(fits(count));
  tables.reclaim();
  CHECK(tables.sink.room_made() == before);
}

TEST_CASE("entries and groups are free when they are reclaimed") {
  SmallTables tables;
  const NextHopIndex one = tables.hop("192.0.2.1");
  const NextHopIndex other = tables.hop("192.0.2.2");
  CHECK(tables.sink.free_entries() == 1);
  CHECK(tables.sink.free_groups() == 1);
  const auto group = tables.sink.allocate_group(std::vector<WeightedHop>{{one, 1}, {other, 1}});
  REQUIRE(group.has_value());
  CHECK(tables.sink.free_entries() == 0);
  CHECK(tables.sink.free_groups() == 0);
  tables.sink.release(*group);
  CHECK(tables.sink.free_entries() == 0);
  CHECK(tables.sink.free_groups() == 0);
  tables.reclaim();
  CHECK(tables.sink.free_entries() == 1);
  CHECK(tables.sink.free_groups() == 1);
}
