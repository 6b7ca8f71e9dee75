// SPDX-License-Identifier: Apache-2.0
#include "sessions/scan_meters.h"

#include <random>
#include <vector>

#include "test/support/catch.h"

using namespace culvert;

namespace {

constexpr Now kSecond = kNanosecondsPerSecond;

}  // namespace

TEST_CASE("bits tell how many different things were tried, within a few percent; the same thing counts once") {
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (const std::uint32_t things : {5U, 20U, 100U, 500U, 1000U}) {
    double sum = 0;
    constexpr int kRounds = 200;
    for (int round = 0; round < kRounds; ++round) {
      std::vector<ScanMeters::Line> lines(64);
      ScanMeters scans(lines);
      std::uint32_t bits = 0;
      for (std::uint32_t i = 0; i < things; ++i) {
        const std::uint64_t what = random();
        for (int again = 0; again < 3; ++again) bits = scans.note(77, what, kSecond);
      }
      sum += bits;
    }
    const double expected = ScanMeters::bits_of(things);
    CHECK(sum / kRounds > expected * 0.97);
    CHECK(sum / kRounds < expected * 1.03);
  }
}

TEST_CASE("a window ends after ten seconds") {
  std::vector<ScanMeters::Line> lines(64);
  ScanMeters scans(lines);
  std::mt19937_64 random(1);
  std::uint32_t bits = 0;
  for (int i = 0; i < 100; ++i) bits = scans.note(5, random(), 10 * kSecond);
  CHECK(bits > 80);
  CHECK(scans.note(5, random(), 20 * kSecond - 1) > 80);
  CHECK(scans.note(5, random(), 20 * kSecond) == 1);
}

TEST_CASE("sources that are made up push each other out, and no scan") {
  std::vector<ScanMeters::Line> lines(16);
  ScanMeters scans(lines);
  std::mt19937_64 random(1);
  std::uint32_t bits = 0;
  for (int i = 0; i < 50; ++i) {
    for (int noise = 0; noise < 200; ++noise) scans.note(random(), random(), kSecond);
    if (i < 3) bits = 0;
    for (int tries = 0; tries < 4; ++tries) bits = scans.note(5, random(), kSecond);
  }
  CHECK(bits > 140);
}

TEST_CASE("without lines nothing is counted") {
  ScanMeters scans({});
  CHECK(scans.note(1, 2, kSecond) == 0);
}
