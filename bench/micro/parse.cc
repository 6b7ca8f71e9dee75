// SPDX-License-Identifier: Apache-2.0
// ns a packet of the parser: frames in the cache (the work alone) and frames that are not (what prefetching is worth).
#include "packet/parse.h"

#include <string>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "base/mapping.h"
#include "bench/support/bench.h"
#include "test/support/packet_builder.h"

using namespace culvert;
using namespace culvert::bench;
using test::Bytes;
using test::PacketBuilder;

namespace {

/// What the parser may take for the common packet, measured alone.
constexpr double kLimitNs = 12;
constexpr std::size_t kPasses = 1000;

constexpr std::size_t kFrame = 2048;
constexpr std::size_t kHeadroom = 256;
/// 64 MB: beyond the L2 and most of a shared L3.
constexpr std::size_t kColdFrames = 32768;

/// Frames as the kernel leaves them: a packet at offset 256 of each 2048 bytes.
class Frames {
 public:
  Frames(std::size_t count, const std::vector<Bytes>& packets)
      : memory_(Mapping::anonymous(count * kFrame, HugePages::kTry, "benchmark frames")), order_(count) {
    std::uint64_t seed = 1;
    for (std::size_t i = 0; i < count; ++i) {
      const Bytes& bytes = packets[splitmix64(seed) % packets.size()];
      std::memcpy(memory_.data() + i * kFrame + kHeadroom, bytes.data(), bytes.size());
      lengths_.push_back(static_cast<std::uint16_t>(bytes.size()));
      order_[i] = i;
    }
    for (std::size_t i = count - 1; i > 0; --i) std::swap(order_[i], order_[splitmix64(seed) % (i + 1)]);
  }

  /// The next 64 in random order.
  void fill(Burst& burst) {
    burst.clear();
    for (std::uint32_t i = 0; i < kBurstSize; ++i) {
      const std::size_t frame = order_[next_];
      next_ = next_ + 1 == order_.size() ? 0 : next_ + 1;
      Packet& packet = burst.append();
      packet.data = memory_.data() + frame * kFrame + kHeadroom;
      packet.length = lengths_[frame];
    }
  }

 private:
  Mapping memory_;
  std::vector<std::uint16_t> lengths_;
  std::vector<std::size_t> order_;
  std::size_t next_ = 0;
};

/// Parsing the same 64 packets again and again: the work alone, no cache miss.
class Warm {
 public:
  Warm(const std::vector<Bytes>& packets, ParseContext context) : frames_(kBurstSize, packets), context_(context) {
    frames_.fill(burst_);
    parse();
    for (const Packet& packet : burst_) CULVERT_CHECK(packet.verdict == Verdict::kNone);
  }

  void parse() {
    for (std::size_t pass = 0; pass < kPasses; ++pass) {
      parse_burst(burst_, context_);
      keep(burst_);
    }
  }

 private:
  Frames frames_;
  Burst burst_;
  ParseContext context_;
};

struct Shape {
  std::string name;
  std::vector<Bytes> packets;
  ParseContext context = {};
  double limit_ns = 0;
};

std::vector<Shape> shapes() {
  const auto v4 = PacketBuilder().ethernet().ipv4();
  const auto v6 = PacketBuilder().ethernet().ipv6();
  const Bytes udp = PacketBuilder(v4).udp(1024, 53).payload(18).build();
  const Bytes tcp = PacketBuilder(v4).tcp(1024, 80).payload(6).build();
  const Bytes udp6 = PacketBuilder(v6).udp(1024, 53).build();
  const Bytes tcp6 = PacketBuilder(v6).tcp(1024, 80).build();
  const auto v4_with = [](const test::Ipv4Fields& fields) {
    return PacketBuilder().ethernet().ipv4("198.18.0.1", "198.18.1.1", fields);
  };
  const ParseContext local{.partial_checksums = true};
  return {
      {"IPv4 UDP 64 B", {udp}, {}, kLimitNs},
      {"IPv4 TCP 64 B", {tcp}, {}, kLimitNs},
      {"IPv4 TCP and UDP, mixed", {udp, tcp}, {}, kLimitNs},
      {"IPv6 UDP", {udp6}},
      {"IPv6 TCP", {tcp6}},
      {"both versions, TCP and UDP, mixed", {udp, tcp, udp6, tcp6}},
      {"one VLAN tag", {PacketBuilder().ethernet().vlan(7).ipv4().udp(1, 2).build()}},
      {"IPv4 router alert", {v4_with({.options = test::hex("94040000")}).udp(1, 2).build()}},
      {"IPv4 later fragment", {v4_with({.offset = 1480, .protocol = 17}).payload(26).build()}},
      {"IPv6 two extension headers", {PacketBuilder(v6).hop_by_hop().destination_options().udp(1, 2).build()}},
      {"local stack, IPv4 UDP", {udp}, local},
      {"local stack, IPv6 TCP", {tcp6}, local},
  };
}

void measure(const Shape& shape, const Options& options, Report& report) {
  Warm warm(shape.packets, shape.context);
  Comparison comparison("parse, " + shape.name, kBurstSize * kPasses, options);
  comparison.add("culvert", [&] { warm.parse(); });
  comparison.run();
  if (shape.limit_ns > 0) {
    report.limit("PARSE", comparison, "culvert", shape.limit_ns);
  } else if (const auto ns = comparison.median_ns("culvert")) {
    report.note("parse", shape.name, *ns);
  }
}

/// Always other frames. Filling the burst touches no frame and is measured beside the two.
void measure_cold(const Options& options, Report& report) {
  Frames frames(kColdFrames, {PacketBuilder().ethernet().ipv4().udp(1024, 53).payload(18).build()});
  Burst burst;
  const auto passes = [&](auto work) {
    return [&frames, &burst, work] {
      for (std::size_t pass = 0; pass < kPasses; ++pass) {
        frames.fill(burst);
        work(burst);
        keep(burst);
      }
    };
  };
  Comparison comparison("parse, headers not in the cache", kBurstSize * kPasses, options);
  comparison.add("parse_burst", passes([](Burst& all) { parse_burst(all, {}); }));
  comparison.add("one by one", passes([](Burst& all) {
                   for (Packet& packet : all) parse(packet, {});
                 }));
  comparison.add("only filling the burst", passes([](Burst&) {}));
  comparison.run();
  for (const std::string_view contender : {"parse_burst", "one by one", "only filling the burst"}) {
    if (const auto ns = comparison.median_ns(contender)) report.note("parse", "cold: " + std::string(contender), *ns);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Report report(options);
  for (const Shape& shape : shapes()) measure(shape, options, report);
  measure_cold(options, report);
  return report.finish();
}
