// SPDX-License-Identifier: Apache-2.0
// Sessions counted by what they are, and by whose they are, while a walk goes through them.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "config/address.h"
#include "control/session_filter.h"
#include "status/sessions.h"

namespace culvert {

/// `show sessions summary`: by protocol and state, by zones.
class SessionCensus {
 public:
  SessionCensus();

  template <typename Tuple>
  void add(const SessionView<Tuple>& session) {
    count_.ipv4 += std::is_same_v<Tuple, FiveTuple4> ? 1 : 0;
    count_.ipv6 += std::is_same_v<Tuple, FiveTuple6> ? 1 : 0;
    count(session.original.key.protocol, session.original.head, session.reply.head);
  }
  SessionSummary summary(const SessionNames& names) const;

 private:
  struct Count {
    std::uint64_t sessions = 0, packets = 0, bytes = 0;
    void add(const FlowHead& original, const FlowHead& reply) noexcept;
  };
  static constexpr std::size_t kStates = 16;
  void count(std::uint8_t protocol, const FlowHead& original, const FlowHead& reply);

  SessionSummary count_;
  std::vector<Count> states_;  ///< by protocol and state
  std::vector<Count> zones_;   ///< by the zones of both sides
};

/// `show sessions top`: by source or destination. Remembers kMostAddresses of them; sessions of further ones are only
/// counted together.
class SessionRanking {
 public:
  static constexpr std::size_t kMostAddresses = 100'000;

  SessionRanking(bool destinations, bool by_bytes, std::size_t most_addresses = kMostAddresses);

  template <typename Tuple>
  void add(const SessionView<Tuple>& session) {
    const auto& key = session.original.key;
    count(address_of(destinations_ ? key.destination : key.source), session.original.head, session.reply.head);
  }
  /// The `rows` with most; equal ones by address.
  SessionTop top(std::size_t rows) const;

 private:
  struct Count {
    std::uint64_t sessions = 0, packets = 0, bytes = 0;
  };
  /// Keyed: senders choose the addresses, and must not choose the bucket.
  struct Hash {
    HashKey key;
    std::size_t operator()(const ConfigAddress& address) const noexcept;
  };
  static ConfigAddress address_of(Ipv4Address address) noexcept;
  static ConfigAddress address_of(const Ipv6Address& address) noexcept;
  void count(const ConfigAddress& address, const FlowHead& original, const FlowHead& reply);

  bool destinations_, by_bytes_;
  std::size_t most_addresses_;
  std::uint64_t sessions_ = 0, left_out_ = 0;
  std::unordered_map<ConfigAddress, Count, Hash> addresses_;
};

}  // namespace culvert
