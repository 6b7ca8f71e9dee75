// SPDX-License-Identifier: Apache-2.0
#include "control/session_census.h"

#include <algorithm>
#include <utility>

#include "control/session_rows.h"
#include "policy/policy_key.h"

namespace culvert {
namespace {

constexpr std::size_t kProtocols = 256;
/// Behind TCP's states, for all other protocols.
constexpr std::size_t kUnreplied = 14;
constexpr std::size_t kReplied = 15;

std::size_t state_number(const FlowHead& original, const FlowHead& reply) noexcept {
  if (original.kind() == FlowKind::kTcp) return static_cast<std::size_t>(tcp_state_of(original.tcp, reply.tcp));
  return reply.packets() != 0 ? kReplied : kUnreplied;
}

std::string state_name(std::size_t state) {
  if (state == kReplied) return "replied";
  return state == kUnreplied ? "unreplied" : std::string(tcp_state_name(static_cast<TcpState>(state)));
}

template <typename Row>
void sort_by_sessions(std::vector<Row>& rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.sessions > b.sessions; });
}

}  // namespace

SessionCensus::SessionCensus() : states_(kProtocols * kStates), zones_(kMaxZones * kMaxZones) {
  static_assert(static_cast<std::size_t>(TcpState::kReset) < kUnreplied && kReplied < kStates);
}

void SessionCensus::Count::add(const FlowHead& original, const FlowHead& reply) noexcept {
  ++sessions;
  packets += original.packets() + reply.packets();
  bytes += original.bytes + reply.bytes;
}

void SessionCensus::count(std::uint8_t protocol, const FlowHead& original, const FlowHead& reply) {
  ++count_.sessions;
  states_[protocol * kStates + state_number(original, reply)].add(original, reply);
  zones_[original.zone % kMaxZones * kMaxZones + reply.zone % kMaxZones].add(original, reply);
}

SessionSummary SessionCensus::summary(const SessionNames& names) const {
  SessionSummary summary = count_;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const Count& count = states_[i];
    if (count.sessions == 0) continue;
    summary.states.push_back({protocol_text(static_cast<std::uint8_t>(i / kStates)), state_name(i % kStates),
                              count.sessions, count.packets, count.bytes});
  }
  for (std::size_t i = 0; i < zones_.size(); ++i) {
    const Count& count = zones_[i];
    if (count.sessions == 0) continue;
    summary.zones.push_back({names.zone(static_cast<std::uint8_t>(i / kMaxZones)),
                             names.zone(static_cast<std::uint8_t>(i % kMaxZones)), count.sessions, count.packets,
                             count.bytes});
  }
  sort_by_sessions(summary.states);
  sort_by_sessions(summary.zones);
  return summary;
}

SessionRanking::SessionRanking(bool destinations, bool by_bytes, std::size_t most_addresses)
    : destinations_(destinations),
      by_bytes_(by_bytes),
      most_addresses_(most_addresses),
      addresses_(0, Hash{HashKey::random()}) {}

std::size_t SessionRanking::Hash::operator()(const ConfigAddress& address) const noexcept {
  return hash16(key, load<std::uint64_t>(address.bytes.data()),
                load<std::uint64_t>(address.bytes.data() + sizeof(std::uint64_t)));
}

ConfigAddress SessionRanking::address_of(Ipv4Address address) noexcept {
  ConfigAddress key;
  store(key.bytes.data(), address);
  return key;
}

ConfigAddress SessionRanking::address_of(const Ipv6Address& address) noexcept {
  return {true, address.bytes};
}

void SessionRanking::count(const ConfigAddress& address, const FlowHead& original, const FlowHead& reply) {
  auto found = addresses_.find(address);
  if (found == addresses_.end()) {
    if (addresses_.size() >= most_addresses_) {
      ++left_out_;
      return;
    }
    found = addresses_.emplace(address, Count{}).first;
  }
  ++sessions_;
  ++found->second.sessions;
  found->second.packets += original.packets() + reply.packets();
  found->second.bytes += original.bytes + reply.bytes;
}

SessionTop SessionRanking::top(std::size_t rows) const {
  std::vector<std::pair<ConfigAddress, Count>> sorted(addresses_.begin(), addresses_.end());
  const auto shown = static_cast<std::ptrdiff_t>(std::min(rows, sorted.size()));
  const auto more = [this](const auto& a, const auto& b) {
    const std::uint64_t one = by_bytes_ ? a.second.bytes : a.second.sessions;
    const std::uint64_t two = by_bytes_ ? b.second.bytes : b.second.sessions;
    return one != two ? one > two : a.first < b.first;
  };
  std::partial_sort(sorted.begin(), sorted.begin() + shown, sorted.end(), more);
  SessionTop top;
  top.of = destinations_ ? "destinations" : "sources";
  top.by = by_bytes_ ? "bytes" : "sessions";
  for (auto row = sorted.begin(); row != sorted.begin() + shown; ++row) {
    top.rows.push_back({to_text(row->first), row->second.sessions, row->second.packets, row->second.bytes});
  }
  top.addresses = addresses_.size();
  top.sessions = sessions_;
  top.sessions_left_out = left_out_;
  return top;
}

}  // namespace culvert
