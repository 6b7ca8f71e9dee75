// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <map>
#include <random>
#include <vector>

#include "routes/multipath.h"
#include "routes/next_hop_allocator.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

using Buckets = std::array<NextHopIndex, kMultipathBuckets>;

/// The largest difference between a member's share and its weight's, in buckets.
double worst_share(const std::vector<MultipathMember>& members, const Buckets& buckets) {
  double sum = 0;
  for (const auto& member : members) sum += member.weight;
  double worst = 0;
  std::size_t held = 0;
  for (const auto& member : members) {
    const auto count = std::count(buckets.begin(), buckets.end(), member.next_hop);
    held += static_cast<std::size_t>(count);
    worst = std::max(worst, std::abs(static_cast<double>(count) - kMultipathBuckets * member.weight / sum));
  }
  CHECK(held == kMultipathBuckets);
  return worst;
}

std::vector<MultipathMember> random_members(std::mt19937_64& random, std::size_t most) {
  std::vector<MultipathMember> members(1 + random() % most);
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto weight = static_cast<std::uint16_t>(random() % 3 == 0 ? 1 : 1 + random() % 256);
    members[i] = {static_cast<NextHopIndex>(i + 1), weight};
  }
  return members;
}

struct Table {
  Table(std::size_t entry_count, std::size_t group_count)
      : entries(entry_count), groups(group_count), table(entries, groups), allocator(table) {}

  std::vector<NextHopTable::Entry> entries;
  std::vector<NextHopTable::Group> groups;
  NextHopTable table;
  NextHopAllocator allocator;
  EpochCounter epochs;
};

NextHopKey key(InterfaceIndex interface, std::uint8_t host, std::uint16_t mtu = 1500) {
  return {interface, mapped_address({Be32(0xc0000200U | host)}), mtu, NextHopKind::kForward};
}

}  // namespace

TEST_CASE("equal members get equal buckets, weights their proportion") {
  Buckets buckets;
  const std::vector<MultipathMember> two = {{5, 1}, {6, 1}};
  fill_buckets(two, buckets);
  CHECK(worst_share(two, buckets) == 0);
  const std::vector<MultipathMember> weighted = {{5, 3}, {6, 1}};
  fill_buckets(weighted, buckets);
  CHECK(std::count(buckets.begin(), buckets.end(), 5) == 48);
  fill_buckets({}, buckets);
  CHECK(std::count(buckets.begin(), buckets.end(), kNoRouteIndex) == kMultipathBuckets);
}

TEST_CASE("a new group's shares are within 1/64 of the weights") {
  std::mt19937_64 random(5);
  for (int round = 0; round < 2000; ++round) {
    const auto members = random_members(random, 80);
    Buckets buckets;
    fill_buckets(members, buckets);
    INFO("seed 5, round " << round);
    REQUIRE(worst_share(members, buckets) < 1);
  }
}

TEST_CASE("the loss of a member moves its own buckets only, until one is left") {
  std::mt19937_64 random(6);
  std::size_t losses = 0;
  std::size_t further_moves = 0;
  for (int round = 0; round < 1000; ++round) {
    auto members = random_members(random, 32);
    Buckets buckets;
    fill_buckets(members, buckets);
    for (bool first = true; members.size() > 1; first = false) {
      const auto before = members;
      const Buckets old = buckets;
      const std::size_t lost = random() % members.size();
      const NextHopIndex gone = members[lost].next_hop;
      members.erase(members.begin() + static_cast<std::ptrdiff_t>(lost));
      refill_buckets(before, members, buckets);
      INFO("seed 6, round " << round << ", " << members.size() << " left");
      REQUIRE(worst_share(members, buckets) < 2);
      ++losses;
      for (std::size_t bucket = 0; bucket < kMultipathBuckets; ++bucket) {
        if (old[bucket] == gone || buckets[bucket] == old[bucket]) continue;
        REQUIRE_FALSE(first);  // a drift of 2/64 takes several losses
        ++further_moves;
      }
    }
  }
  CHECK(further_moves * 1000 < losses);
}

TEST_CASE("a member that comes takes its share and no more moves") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 1000; ++round) {
    auto members = random_members(random, 32);
    Buckets buckets;
    fill_buckets(members, buckets);
    const auto before = members;
    const Buckets old = buckets;
    members.push_back({1000, static_cast<std::uint16_t>(1 + random() % 256)});
    refill_buckets(before, members, buckets);
    INFO("seed 7, round " << round);
    REQUIRE(worst_share(members, buckets) < 1);
    const auto taken = std::count(buckets.begin(), buckets.end(), 1000);
    std::size_t between_others = 0;
    for (std::size_t bucket = 0; bucket < kMultipathBuckets; ++bucket)
      if (buckets[bucket] != old[bucket] && buckets[bucket] != 1000) ++between_others;
    REQUIRE(between_others <= members.size() / 2);  // rounding only
    REQUIRE(taken <= 64);
  }
}

TEST_CASE("routes through the same neighbour share an entry") {
  Table t(8, 1);
  const NextHopIndex first = t.allocator.acquire(key(0, 1)).value();
  const NextHopIndex second = t.allocator.acquire(key(0, 1)).value();
  const NextHopIndex other = t.allocator.acquire(key(0, 2)).value();
  CHECK(first != kNoRouteIndex);
  CHECK(first == second);
  CHECK(first != other);
  CHECK(t.allocator.users(first) == 2);
  CHECK(t.table.view(first).kind == NextHopKind::kForward);
  CHECK(t.table.view(first).mtu == 1500);
  CHECK_FALSE(t.table.neighbor(first).usable);
  CHECK(t.allocator.key(first) == key(0, 1));
  CHECK(t.allocator.entry_gauge().used.read() == 2);
}

TEST_CASE("an entry is reused only after the epoch of its release is acknowledged") {
  Table t(3, 0);  // entry 0 and two more
  const NextHopIndex one = t.allocator.acquire(key(0, 1)).value();
  t.table.set_neighbor(one, {{2, 0, 0, 0, 0, 1}});
  REQUIRE(t.allocator.acquire(key(0, 2)).has_value());
  CHECK(t.allocator.acquire(key(0, 3)).has_error());
  CHECK(t.allocator.entry_gauge().failures.read() == 1);

  t.allocator.release(one, t.epochs.open());
  CHECK(t.allocator.users(one) == 0);
  CHECK(t.table.view(one).kind == NextHopKind::kForward);  // readers may still hold it
  CHECK(t.table.neighbor(one).usable);
  CHECK(t.allocator.acquire(key(0, 3)).has_error());
  const Epoch announced = t.epochs.announce();
  t.allocator.reclaim(announced - 1);
  CHECK(t.allocator.acquire(key(0, 3)).has_error());
  t.allocator.reclaim(announced);
  CHECK(t.table.view(one).kind == NextHopKind::kNoRoute);
  CHECK_FALSE(t.table.neighbor(one).usable);
  CHECK(t.allocator.acquire(key(0, 3)).value() == one);
  CHECK(t.allocator.entry_gauge().peak.read() == 2);
}

TEST_CASE("a neighbour's entries are found whatever their MTU") {
  Table t(16, 0);
  const NextHopIndex plain = t.allocator.acquire(key(1, 1)).value();
  const NextHopIndex small = t.allocator.acquire(key(1, 1, 1400)).value();
  const NextHopIndex elsewhere = t.allocator.acquire(key(2, 1)).value();
  const NextHopIndex on_link = t.allocator.acquire({1, {}, 1500, NextHopKind::kGlean}).value();
  std::vector<NextHopIndex> found;
  t.allocator.for_each_neighbor(1, key(1, 1).gateway,
                                [&](NextHopIndex index, const NextHopKey&) { found.push_back(index); });
  CHECK(found == std::vector<NextHopIndex>{small, plain});
  found.clear();
  t.allocator.for_each_on(1, [&](NextHopIndex index, const NextHopKey&) { found.push_back(index); });
  CHECK(found.size() == 3);
  CHECK(std::count(found.begin(), found.end(), on_link) == 1);
  CHECK(std::count(found.begin(), found.end(), elsewhere) == 0);
}

TEST_CASE("a multipath entry holds its members, and both wait for the workers") {
  Table t(8, 2);
  const NextHopIndex a = t.allocator.acquire(key(0, 1)).value();
  const NextHopIndex b = t.allocator.acquire(key(0, 2)).value();
  const std::vector<MultipathMember> members = {{b, 1}, {a, 1}};
  const NextHopIndex group = t.allocator.acquire_multipath(members).value();
  const std::vector<MultipathMember> same = {{a, 1}, {b, 1}};
  CHECK(t.allocator.acquire_multipath(same).value() == group);
  const std::vector<MultipathMember> doubled = {{a, 1}, {b, 1}, {a, 1}};
  const NextHopIndex second = t.allocator.acquire_multipath(doubled).value();
  CHECK(second != group);
  CHECK(t.allocator.members(second)[0].weight == 2);
  CHECK(t.allocator.acquire_multipath(std::vector<MultipathMember>{{a, 3}, {b, 1}}).has_error());
  CHECK(t.allocator.group_gauge().failures.read() == 1);
  t.allocator.release(second, t.epochs.open());

  CHECK(t.table.view(group).kind == NextHopKind::kMultipath);
  std::map<NextHopIndex, int> seen;
  for (std::uint64_t bucket = 0; bucket < kMultipathBuckets; ++bucket)
    ++seen[t.table.member(t.table.view(group).group, bucket << 58)];
  CHECK(seen == std::map<NextHopIndex, int>{{a, 32}, {b, 32}});

  t.allocator.release(a, t.epochs.open());
  t.allocator.release(b, t.epochs.open());
  CHECK(t.allocator.users(a) == 1);
  t.allocator.release(group, t.epochs.open());
  t.allocator.release(group, t.epochs.open());
  CHECK(t.allocator.users(a) == 0);
  CHECK(t.table.view(group).kind == NextHopKind::kMultipath);
  CHECK(t.table.view(a).kind == NextHopKind::kForward);
  t.allocator.reclaim(t.epochs.announce());
  CHECK(t.table.view(group).kind == NextHopKind::kNoRoute);
  CHECK(t.allocator.entry_gauge().used.read() == 0);
  CHECK(t.allocator.group_gauge().used.read() == 0);
}

TEST_CASE("a group made like another keeps the buckets of the members that stay") {
  Table t(8, 2);
  std::vector<MultipathMember> members;
  for (std::uint8_t host = 1; host <= 4; ++host) members.push_back({t.allocator.acquire(key(0, host)).value(), 1});
  const NextHopIndex four = t.allocator.acquire_multipath(members).value();
  const NextHopIndex gone = members.back().next_hop;
  members.pop_back();
  const NextHopIndex three = t.allocator.acquire_multipath(members, four).value();
  for (std::uint64_t bucket = 0; bucket < kMultipathBuckets; ++bucket) {
    const NextHopIndex old = t.table.member(t.table.view(four).group, bucket << 58);
    const NextHopIndex now = t.table.member(t.table.view(three).group, bucket << 58);
    if (old != gone) CHECK(now == old);
    CHECK(now != gone);
  }
}

TEST_CASE("a group with one user changes its members in place, a shared one does not") {
  Table t(16, 4);
  std::vector<MultipathMember> members;
  for (std::uint8_t host = 1; host <= 3; ++host) members.push_back({t.allocator.acquire(key(0, host)).value(), 1});
  const NextHopIndex gone = members.back().next_hop;
  const NextHopIndex group = t.allocator.acquire_multipath(members).value();
  t.allocator.release(gone, t.epochs.open());  // held by the group alone
  members.pop_back();
  CHECK(t.allocator.change_multipath(group, members, t.epochs.open()).value() == group);
  for (std::uint64_t bucket = 0; bucket < kMultipathBuckets; ++bucket)
    CHECK(t.table.member(t.table.view(group).group, bucket << 58) != gone);
  CHECK(t.allocator.users(gone) == 0);
  CHECK(t.table.view(gone).kind == NextHopKind::kForward);  // a worker may still hold its index
  t.allocator.reclaim(t.epochs.announce());
  CHECK(t.table.view(gone).kind == NextHopKind::kNoRoute);

  CHECK(t.allocator.acquire_multipath(members).value() == group);  // a second user
  members.pop_back();
  const NextHopIndex other = t.allocator.change_multipath(group, members, t.epochs.open()).value();
  CHECK(other != group);
  CHECK(t.allocator.members(group).size() == 2);
  CHECK(t.allocator.members(other).size() == 1);
}
