// SPDX-License-Identifier: Apache-2.0
// Route tables with their memory and writer, and the plainest possible model of what they must answer.
#pragma once

#include <cstdint>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <random>

#include "base/mapping.h"
#include "routes/lpm4_writer.h"
#include "routes/lpm6_writer.h"

namespace culvert::test {

/// The address families as the templates of these tests see them.
struct V4 {
  using Table = Lpm4;
  using Writer = Lpm4Writer;
  using Limits = Lpm4Limits;
  using Prefix = Prefix4;
  using Address = std::uint32_t;
  static constexpr unsigned kBits = 32;

  static NextHopIndex lookup(const Table& table, Address address) { return table.lookup(address); }
  static void lookup(const Table& table, std::span<const Address> addresses, std::span<NextHopIndex> results) {
    table.lookup(addresses, results);
  }
  static Prefix prefix(const Address& address, unsigned length) { return {address, length}; }
  static Address first(const Prefix& prefix) { return prefix.bits; }
  static Address last(const Prefix& prefix) { return prefix.bits | ~Prefix4::mask(prefix.length); }
  static Result<void> insert(Writer& writer, const Prefix& prefix, NextHopIndex next_hop, Epoch) {
    return writer.insert(prefix, next_hop);
  }
  static Address flip(Address address, unsigned bit) { return address ^ (0x80000000U >> bit); }
  template <typename Random>
  static Address random(Random& random) {
    return static_cast<Address>(random());
  }
};

struct V6 {
  using Table = Lpm6;
  using Writer = Lpm6Writer;
  using Limits = Lpm6Limits;
  using Prefix = Prefix6;
  using Address = Ipv6Address;
  static constexpr unsigned kBits = 128;

  static NextHopIndex lookup(const Table& table, const Address& address) { return table.lookup(address); }
  static void lookup(const Table& table, std::span<const Address> addresses, std::span<NextHopIndex> results) {
    table.lookup(addresses, results);
  }
  static Prefix prefix(const Address& address, unsigned length) { return {address, length}; }
  static Address first(const Prefix& prefix) { return prefix.address(); }
  static Address last(const Prefix& prefix) {
    const std::uint64_t low_mask = prefix.length > 64 ? Prefix6::mask(prefix.length - 64U) : 0;
    return Prefix6(prefix.high | ~Prefix6::mask(prefix.length), prefix.low | ~low_mask, 128).address();
  }
  static Result<void> insert(Writer& writer, const Prefix& prefix, NextHopIndex next_hop, Epoch open) {
    return writer.insert(prefix, next_hop, open);
  }
  static Address flip(Address address, unsigned bit) {
    address.bytes[bit / 8] = static_cast<std::uint8_t>(address.bytes[bit / 8] ^ (0x80U >> (bit % 8)));
    return address;
  }
  template <typename Random>
  static Address random(Random& random) {
    const std::uint64_t high = random();
    return Prefix6(high, random(), 128).address();
  }
};

template <typename Family>
struct Tables {
  explicit Tables(const typename Family::Limits& limits = {})
      : memory(Mapping::anonymous(Family::Table::memory_size(limits), HugePages::kTry, "test routes")),
        table(memory.bytes(), limits),
        writer(table, limits) {}

  bool insert(const typename Family::Prefix& prefix, NextHopIndex next_hop) {
    return Family::insert(writer, prefix, next_hop, epochs.open()).has_value();
  }
  bool remove(const typename Family::Prefix& prefix) { return writer.remove(prefix, epochs.open()); }
  /// As if every worker had acknowledged all that was retired.
  void settle() { writer.reclaim(epochs.announce()); }
  NextHopIndex lookup(const typename Family::Address& address) const { return Family::lookup(table, address); }

  Mapping memory;
  typename Family::Table table;
  typename Family::Writer writer;
  EpochCounter epochs;
};

/// What an update can run out of besides prefixes.
inline const Gauge& memory_gauge(const Lpm4Writer& writer) {
  return writer.group_gauge();
}
inline const Gauge& memory_gauge(const Lpm6Writer& writer) {
  return writer.unit_gauge();
}

/// All prefixes in a map; a lookup tries every length, longest first.
template <typename Family>
class Model {
 public:
  void insert(const typename Family::Prefix& prefix, NextHopIndex next_hop) { prefixes_[prefix] = next_hop; }
  bool remove(const typename Family::Prefix& prefix) { return prefixes_.erase(prefix) != 0; }
  NextHopIndex lookup(const typename Family::Address& address) const {
    for (unsigned length = Family::kBits + 1; length-- > 0;)
      if (const auto known = prefixes_.find(Family::prefix(address, length)); known != prefixes_.end())
        return known->second;
    return kNoRouteIndex;
  }
  const auto& prefixes() const { return prefixes_; }

 private:
  std::map<typename Family::Prefix, NextHopIndex> prefixes_;
};

}  // namespace culvert::test
