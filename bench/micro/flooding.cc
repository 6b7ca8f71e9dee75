// SPDX-License-Identifier: Apache-2.0
// A million flows with a structure that a weak hash would pile up, beside random ones: nothing to gain for who sends
// them. Of both families:
//
//   a scanner     one source tries the ports of one host after the other, then those of the next host
//   one pair      two addresses, and every port of one end with some of the other's
#include "bench/micro/flooding.h"

#include <vector>

#include "bench/support/flow_tables.h"

namespace culvert::bench {
namespace {

constexpr std::size_t kFlows = 1'000'000;
constexpr std::size_t kLookups = std::size_t{1} << 17;
constexpr std::size_t kReplaced = std::size_t{1} << 14;

Ipv4Address host4(std::uint32_t number) {
  return {Be32(0xc0000200U + number)};
}
Ipv6Address host6(std::uint32_t number) {
  Ipv6Address address{{0x20, 0x01, 0x0d, 0xb8, 0, 2}};
  for (std::size_t byte = 12; byte < 16; ++byte) {
    address.bytes[byte] = static_cast<std::uint8_t>(number >> 8 * (15 - byte));
  }
  return address;
}

template <typename Tuple>
Tuple between(std::uint32_t source, std::uint32_t destination) {
  Tuple key{};
  if constexpr (std::is_same_v<Tuple, FiveTuple4>) {
    key.source = host4(source);
    key.destination = host4(destination);
  } else {
    key.source = host6(source);
    key.destination = host6(destination);
  }
  key.protocol = 6;
  return key;
}

template <typename Tuple>
Tuple of_scanner(std::uint64_t number) {
  Tuple key = between<Tuple>(0xffff, static_cast<std::uint32_t>(number / 0x10000));
  key.source_port = Be16(40'000);
  key.destination_port = Be16(static_cast<std::uint16_t>(number));
  return key;
}

template <typename Tuple>
Tuple of_pair(std::uint64_t number) {
  Tuple key = between<Tuple>(1, 2);
  key.source_port = Be16(static_cast<std::uint16_t>(number));
  key.destination_port = Be16(static_cast<std::uint16_t>(80 + number / 0x10000));
  return key;
}

template <typename Tuple>
using KeyOf = Tuple (*)(std::uint64_t);

template <typename Tuple>
struct Flows {
  explicit Flows(KeyOf<Tuple> make) : keys(kFlows + kFlows / 8) {
    for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = make(i);
    table = std::make_unique<CulvertFlows<Tuple>>(Window<Tuple>{keys, kFlows});
  }
  /// Some of them, the same by number for all structures.
  std::vector<Tuple> hits() const {
    std::uint64_t random = 11;
    std::vector<Tuple> some(kLookups);
    for (Tuple& key : some) key = keys[splitmix64(random) % kFlows];
    return some;
  }

  std::vector<Tuple> keys;
  std::unique_ptr<CulvertFlows<Tuple>> table;
};

template <typename Tuple>
void measure(const std::string& flows, KeyOf<Tuple> make, const Options& options, Report& report) {
  const std::string found = "flooding, 1 M " + flows + ", found";
  const std::string replaced = "flooding, 1 M " + flows + ", delete + insert";
  const auto wanted = [&options](const std::string& name) { return name.find(options.only) != std::string::npos; };
  if (!wanted(found) && !wanted(replaced)) return;
  Flows<Tuple> structured(make), random(key_of<Tuple>);
  const auto structured_hits = structured.hits(), random_hits = random.hits();
  Comparison find(found, kLookups, options);
  find.add("structured", [&] { keep(structured.table->template find<64>(structured_hits)); });
  find.add("random", [&] { keep(random.table->template find<64>(random_hits)); });
  find.run();
  report.bar("FLOOD", find, "structured", "random", 1.2);
  Comparison replace(replaced, kReplaced, options);
  replace.add("structured", [&] { structured.table->replace(kReplaced); });
  replace.add("random", [&] { random.table->replace(kReplaced); });
  replace.run();
  report.bar("FLOOD", replace, "structured", "random", 1.2);
}

}  // namespace

void measure_flooding(const Options& options, Report& report) {
  measure<FiveTuple4>("IPv4 flows of a scanner", of_scanner<FiveTuple4>, options, report);
  measure<FiveTuple4>("IPv4 flows of one pair", of_pair<FiveTuple4>, options, report);
  measure<FiveTuple6>("IPv6 flows of a scanner", of_scanner<FiveTuple6>, options, report);
  measure<FiveTuple6>("IPv6 flows of one pair", of_pair<FiveTuple6>, options, report);
}

}  // namespace culvert::bench
