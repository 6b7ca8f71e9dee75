// SPDX-License-Identifier: Apache-2.0
#include "lanes/pcap_lane.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "lanes/traffic.h"
#include "test/lanes/lane_fixture.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

/// A folder that goes away with the test.
struct Folder {
  Folder() {
    std::string name = "/tmp/culvert-pcap-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string& file) const { return path + "/" + file; }
  std::string path;
};

}  // namespace

TEST_CASE("what goes in from one file comes out in the other") {
  const Folder folder;
  const PacketList traffic = make_traffic({.flows = 120, .sizes = TrafficSizes::kImix});
  {
    PcapWriter writer(folder / "in.pcap");
    for (std::size_t i = 0; i < traffic.size(); ++i) writer.take(traffic.stored(traffic[i]));
    CHECK(writer.written() == 120);
  }
  {
    FramesFixture f;
    PcapLane lane(folder / "in.pcap", folder / "out.pcap", {.interface = 2}, f.region.view(), f.pool);
    CHECK(lane.left_out() == 0);
    Burst burst;
    for (int turn = 0; turn < 5; ++turn) {
      lane.refill();
      lane.receive(burst);
      send_all(burst, lane, f.pool);
      lane.flush(0);
    }
    CHECK(lane.cells().rx_packets.read() == 120);
    lane.close();
    CHECK(f.pool.available() == 256);
  }
  const PcapContents out = read_pcap(folder / "out.pcap", 2000).value();
  REQUIRE(out.packets.size() == 120);
  for (std::size_t i = 0; i < traffic.size(); ++i) {
    CHECK(std::ranges::equal(traffic.stored(traffic[i]), out.packets.stored(out.packets[i])));
  }
}

TEST_CASE("packets longer than a frame are left out and counted") {
  const Folder folder;
  {
    PcapWriter writer(folder / "in.pcap");
    writer.take(std::vector<std::byte>(1793));
    writer.take(std::vector<std::byte>(1792));
  }
  FramesFixture f;
  const PcapLane lane(folder / "in.pcap", "", {}, f.region.view(), f.pool);
  CHECK(lane.left_out() == 1);
}

TEST_CASE("a file that is missing or no capture is an error that names it") {
  const Folder folder;
  const auto missing = read_pcap(folder / "none.pcap", 2000);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().what.find("none.pcap") != std::string::npos);
  std::ofstream(folder / "text.pcap") << "this is no capture, but long enough to be read as a header";
  CHECK_FALSE(read_pcap(folder / "text.pcap", 2000).has_value());
  FramesFixture f;
  CHECK_THROWS_AS(PcapLane(folder / "none.pcap", "", {}, f.region.view(), f.pool), SetupError);
  CHECK_THROWS_AS(PcapWriter("/nowhere/out.pcap"), SetupError);
}
