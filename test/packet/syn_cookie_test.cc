// SPDX-License-Identifier: Apache-2.0
#include "packet/syn_cookie.h"

#include <cstdio>
#include <cstdlib>
#include <random>

#include "test/support/bytes.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

constexpr Now kDate = Now{1} << SynCookies::kDateShift;
constexpr NetworkKind kV4 = NetworkKind::kIpv4, kV6 = NetworkKind::kIpv6;

FiveTuple4 tuple4() {
  return {ip4("198.18.0.7"), ip4("192.0.2.80"), Be16(1024), Be16(80), 6};
}
FiveTuple6 tuple6() {
  return {ip6("2001:db8::7"), ip6("2001:db8:2::80"), Be16(1024), Be16(80), 6};
}

template <typename Tuple>
void for_one_to_two_dates(const Tuple& tuple) {
  const SynCookies cookies(SipKey::from_seed(1));
  for (const Now born : {Now{0}, kDate - 1, kDate, 7 * kDate + 5, (Now{1} << 62) - 1}) {
    const std::uint32_t cookie = cookies.make(tuple, 1000, {1460, 7, true}, born);
    const Now next = (born / kDate + 1) * kDate;
    CHECK(cookies.check(tuple, 1000, cookie, born));
    CHECK(cookies.check(tuple, 1000, cookie, next - 1));
    CHECK(cookies.check(tuple, 1000, cookie, next + kDate - 1));
    CHECK_FALSE(cookies.check(tuple, 1000, cookie, next + kDate));
    CHECK_FALSE(cookies.check(tuple, 1000, cookie, next + 9 * kDate));
    if (born >= kDate) CHECK_FALSE(cookies.check(tuple, 1000, cookie, born / kDate * kDate - 1));
  }
}

TEST_CASE("a cookie is good for one to two dates and not before") {
  for_one_to_two_dates(tuple4());
  for_one_to_two_dates(tuple6());
}

TEST_CASE("a repeated SYN gets the same cookie, another one another") {
  const SynCookies cookies(SipKey::from_seed(1)), others(SipKey::from_seed(2));
  const std::uint32_t cookie = cookies.make(tuple4(), 1000, {1460, 7, true}, 5);
  CHECK(cookies.make(tuple4(), 1000, {1460, 7, true}, kDate - 1) == cookie);
  CHECK(cookies.make(tuple4(), 1001, {1460, 7, true}, 5) != cookie);
  CHECK(cookies.make(tuple4(), 1000, {1460, 7, true}, kDate) != cookie);
  CHECK(others.make(tuple4(), 1000, {1460, 7, true}, 5) != cookie);
  CHECK_FALSE(others.check(tuple4(), 1000, cookie, 5));
}

template <typename Tuple>
void nothing_else(const Tuple& right, const std::vector<Tuple>& wrong) {
  const SynCookies cookies(SipKey::from_seed(1));
  const std::uint32_t cookie = cookies.make(right, 1000, {1460, 7, true}, 5);
  for (const Tuple& tuple : wrong) CHECK_FALSE(cookies.check(tuple, 1000, cookie, 5));
  CHECK_FALSE(cookies.check(right, 999, cookie, 5));
  for (unsigned bit = 0; bit < 32; ++bit) CHECK_FALSE(cookies.check(right, 1000, cookie ^ 1U << bit, 5));
}

TEST_CASE("a cookie is good for its tuple and number only, and no bit of it can be changed") {
  const FiveTuple4 four = tuple4();
  FiveTuple4 source4 = four, port4 = four, vrf4 = four;
  source4.source = ip4("198.18.0.8");
  port4.destination_port = Be16(81);
  vrf4.vrf = 1;
  nothing_else<FiveTuple4>(four, {four.reversed(), source4, port4, vrf4});
  const FiveTuple6 six = tuple6();
  FiveTuple6 source6 = six, port6 = six;
  source6.source = ip6("2001:db8::8");
  port6.source_port = Be16(1025);
  nothing_else<FiveTuple6>(six, {six.reversed(), source6, port6});
}

SynOptions kept(const SynOptions& options, NetworkKind network) {
  const SynCookies cookies(SipKey::from_seed(3));
  const std::uint32_t cookie =
      network == kV4 ? cookies.make(tuple4(), 1, options, 9) : cookies.make(tuple6(), 1, options, 9);
  return SynCookies::options_in(cookie, network);
}

TEST_CASE("a client is given no larger segments than it takes") {
  struct Row {
    NetworkKind network;
    std::uint16_t mss, kept;
  };
  for (const Row& row : std::initializer_list<Row>{
           {kV4, 0, 536},     {kV4, 1, 536},     {kV4, 535, 536},   {kV4, 536, 536},   {kV4, 1299, 536},
           {kV4, 1300, 1300}, {kV4, 1399, 1300}, {kV4, 1400, 1400}, {kV4, 1452, 1400}, {kV4, 1460, 1460},
           {kV4, 8960, 1460}, {kV6, 0, 1220},    {kV6, 100, 536},   {kV6, 1219, 536},  {kV6, 1220, 1220},
           {kV6, 1379, 1220}, {kV6, 1380, 1380}, {kV6, 1432, 1380}, {kV6, 1440, 1440}, {kV6, 65535, 1440}}) {
    INFO(row.mss);
    CHECK(kept({row.mss, 7, true}, row.network).mss == row.kept);
  }
}

TEST_CASE("a client's scale is rounded down, and kept only with selective acknowledgments") {
  constexpr std::int8_t kKept[] = {-1, 0, 0, 0, 3, 3, 3, 6, 7, 8, 8, 10, 10, 10, 10, 10};  // of -1, 0, 1, ..., 14
  for (std::int8_t scale = -1; scale <= 14; ++scale) {
    INFO(int{scale});
    CHECK(kept({1460, scale, true}, kV4) == SynOptions{1460, kKept[scale + 1], true});
    CHECK(kept({1440, scale, true}, kV6) == SynOptions{1440, kKept[scale + 1], true});
    CHECK(kept({1460, scale, false}, kV4) == SynOptions{1460, -1, false});
  }
}

TEST_CASE("any cookie says something, and making it again from that gives the same") {
  for (std::uint32_t low = 0; low < 64; ++low) {
    for (const NetworkKind network : {kV4, kV6}) {
      const SynOptions options = SynCookies::options_in(0xabcdef00 | low, network);
      CHECK(kept(options, network) == options);
    }
  }
}

TEST_CASE("forged cookies are taken for true as rarely as their bits say") {
  const char* given = std::getenv("CULVERT_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  INFO("CULVERT_SEED=" << seed);
  std::mt19937_64 random(seed);
  const SynCookies cookies(SipKey::from_seed(random()));
  // 2^21 guesses at 2^-26 each: none in 97 of 100 runs, more than two in one of 200,000.
  int taken = 0;
  for (int i = 0; i < 1 << 21; ++i) taken += cookies.check(tuple4(), 1000, static_cast<std::uint32_t>(random()), 5);
  CHECK(taken <= 2);
}

TEST_CASE("the upper bits of cookies are spread evenly") {
  const SynCookies cookies(SipKey::from_seed(4));
  std::array<int, 256> top{}, lowest{};
  constexpr int kEach = 256;
  for (std::uint32_t isn = 0; isn < 256 * kEach; ++isn) {
    const std::uint32_t cookie = cookies.make(tuple6(), isn, {1440, 7, true}, 5);
    ++top[cookie >> 24];
    ++lowest[cookie >> 6 & 0xff];
  }
  // Six standard deviations of 16.
  for (const int count : top) CHECK(std::abs(count - kEach) < 96);
  for (const int count : lowest) CHECK(std::abs(count - kEach) < 96);
}

}  // namespace
}  // namespace culvert::test
