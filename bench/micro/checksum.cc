// SPDX-License-Identifier: Apache-2.0
// ns of sums, incremental updates, and what forwarding does to one packet.
#include "packet/checksum.h"

#include <fmt/format.h>

#include "bench/support/bench.h"
#include "packet/five_tuple.h"
#include "packet/parse.h"
#include "packet/rewrite.h"
#include "packet/transport_checksum.h"
#include "test/support/packet_builder.h"

using namespace culvert;
using namespace culvert::bench;
using test::Bytes;
using test::PacketBuilder;

namespace {

constexpr std::size_t kCalls = 20'000;

/// The naive loop of RFC 1071 4.1 beside ours: what the compiler alone makes of it.
std::uint16_t simple_sum(const std::byte* bytes, std::size_t length) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < length; i += 2) sum += load<std::uint16_t>(bytes + i);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

void measure_sum(std::size_t size, const Options& options, Report& report) {
  const Bytes bytes = test::pattern(size);
  Comparison comparison(fmt::format("sum of {} bytes", size), kCalls, options);
  comparison.add("culvert", [&] {
    for (std::size_t i = 0; i < kCalls; ++i) keep(fold_sum(ones_sum(bytes.data(), bytes.size())));
  });
  comparison.add("16 bits at a time", [&] {
    for (std::size_t i = 0; i < kCalls; ++i) keep(simple_sum(bytes.data(), bytes.size()));
  });
  comparison.run();
  if (const auto ns = comparison.median_ns("culvert")) report.note("sum", comparison.name(), *ns);
}

template <typename Work>
void measure(const std::string& name, const PacketBuilder& builder, const Options& options, Report& report, Work work) {
  Bytes bytes = builder.build();
  Packet packet;
  packet.data = bytes.data();
  packet.length = static_cast<std::uint16_t>(bytes.size());
  parse(packet, {});
  Comparison comparison(name, kCalls, options);
  comparison.add("culvert", [&] {
    for (std::size_t i = 0; i < kCalls; ++i) work(packet);
  });
  comparison.run();
  if (const auto ns = comparison.median_ns("culvert")) report.note("packet", name, *ns);
}

void measure_packets(const Options& options, Report& report) {
  const auto v4 = PacketBuilder().ethernet().ipv4();
  const auto v6 = PacketBuilder().ethernet().ipv6();
  const HashKey key = HashKey::from_seed(1);
  const auto verify = [](Packet& packet) { keep(verify_transport_checksum(packet)); };
  const auto hash = [&](Packet& packet) { keep(symmetric_hash(key, packet)); };
  measure("verify IPv4 UDP, 64 B", PacketBuilder(v4).udp(1, 2).payload(22), options, report, verify);
  measure("verify IPv6 TCP, 1500 B", PacketBuilder(v6).tcp(1, 2).payload(1440), options, report, verify);
  measure("verify SCTP, 1500 B", PacketBuilder(v4).sctp(1, 2).payload(1468), options, report, verify);
  measure("TTL with its checksum", PacketBuilder(v4).udp(1, 2), options, report, [](Packet& packet) {
    view<Ipv4Header>(packet.network_header()).ttl = 64;
    keep(decrement_ttl(packet));
  });
  measure("symmetric hash, IPv4", PacketBuilder(v4).tcp(1, 2), options, report, hash);
  measure("symmetric hash, IPv6", PacketBuilder(v6).tcp(1, 2), options, report, hash);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Report report(options);
  for (const std::size_t size : {20U, 64U, 512U, 1500U}) measure_sum(size, options, report);
  measure_packets(options, report);
  return report.finish();
}
