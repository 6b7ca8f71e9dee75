// SPDX-License-Identifier: Apache-2.0
#include "umem/region.h"

#include <bit>

#include "base/result.h"
#include "test/support/catch.h"

using namespace culvert;

TEST_CASE("a region is page aligned, zeroed, and translates addresses both ways") {
  const Region region({.frame_size = kSmallFrame, .frames = 3000, .workers = 2});
  const RegionView view = region.view();
  CHECK(view.frames() == 3000);
  CHECK(std::bit_cast<std::uintptr_t>(view.base) % 4096 == 0);
  CHECK(*view.at(2999 * kSmallFrame + 2047) == std::byte{0});
  CHECK(view.address_of(view.at(12345)) == 12345);
  CHECK(view.frame_of(2 * kSmallFrame + 700) == 2 * kSmallFrame);
  CHECK_FALSE(page_kind_text(region.pages()).empty());
}

TEST_CASE("what lies inside a region is decided without overflow") {
  const Region region({.frame_size = kLargeFrame, .frames = 4, .workers = 1});
  const RegionView view = region.view();
  CHECK(view.contains(0, 4 * kLargeFrame));
  CHECK(view.contains(4 * kLargeFrame - 1, 1));
  CHECK_FALSE(view.contains(4 * kLargeFrame - 1, 2));
  CHECK_FALSE(view.contains(4 * kLargeFrame + 1, 0));
  CHECK_FALSE(view.contains(~std::uint64_t{0}, 1));
  CHECK_FALSE(view.contains(100, ~std::uint64_t{0} - 50));
}

TEST_CASE("workers get equal parts, rounded up, and each address one home") {
  const Region region({.frame_size = kSmallFrame, .frames = 1000, .workers = 3});
  CHECK(region.frames() == 1002);
  const FrameHomes homes = region.homes();
  CHECK(homes.frames_per_worker(kSmallFrame) == 334);
  CHECK(homes.home_of(333 * kSmallFrame) == 0);
  CHECK(homes.home_of(334 * kSmallFrame) == 1);
  CHECK(homes.home_of(1001 * kSmallFrame) == 2);
}

TEST_CASE("numbers that cannot be are refused with what to set") {
  const auto hint = [](RegionConfig config) {
    try {
      const Region region(config);
    } catch (const SetupError& error) {
      return error.error().hint;
    }
    return std::string("accepted");
  };
  CHECK(hint({.frame_size = 3072, .frames = 10}) == "set system.frame_size: 2048 or 4096");
  CHECK(hint({.frames = 0}).find("frames") != std::string::npos);
  CHECK(hint({.frames = kMaxFrames + 1}).find("set system.frames: auto") != std::string::npos);
  CHECK(check_region({.frames = kMaxFrames, .workers = kMaxWorkers}).has_value());
  CHECK(hint({.frames = 10, .workers = 0}).find("workers") != std::string::npos);
  CHECK(hint({.frames = 10, .workers = kMaxWorkers + 1}).find("workers") != std::string::npos);
}
