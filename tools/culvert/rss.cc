// SPDX-License-Identifier: Apache-2.0
#include "tools/culvert/rss.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fmt/format.h>
#include <linux/ethtool.h>
#include <utility>

#include "packet/rss_hash.h"
#include "pipeline/session_owner.h"
#include "tools/culvert/ethtool.h"

namespace culvert {
namespace {

constexpr std::array<std::pair<const char*, std::uint32_t>, 4> kFlows{
    {{"tcp4", TCP_V4_FLOW}, {"udp4", UDP_V4_FLOW}, {"tcp6", TCP_V6_FLOW}, {"udp6", UDP_V6_FLOW}}};
/// A key reaches 32 bits beyond the longest input: two IPv6 addresses and ports.
constexpr std::size_t kKeyBytes = 40;

bool is_symmetric(const std::vector<std::uint8_t>& key) {
  if (key.size() < kKeyBytes) return false;
  for (std::size_t i = 0; i < kKeyBytes; ++i) {
    if (key[i] != (i % 2 == 0 ? kSymmetricRssKey >> 8 : kSymmetricRssKey & 0xff)) return false;
  }
  return true;
}

/// As the table of every worker (pipeline/session_owner.h), whatever the size of this one.
bool agrees(const std::vector<std::uint32_t>& table, std::uint32_t workers) {
  if (table.empty() || !std::has_single_bit(table.size())) return false;
  const std::size_t places = std::max<std::size_t>(table.size(), kRssTable);
  for (std::size_t i = 0; i < places; ++i) {
    if (table[i % table.size()] % workers != i % kRssTable % workers) return false;
  }
  return true;
}

}  // namespace

std::optional<RssFacts> read_rss(const std::string& interface) {
  Ethtool ethtool(interface);
  ethtool_rxfh sizes{};
  sizes.cmd = ETHTOOL_GRSSH;
  if (!ethtool.ask(&sizes) || sizes.indir_size == 0) return std::nullopt;
  // The head, then the table, then the key.
  std::vector<std::uint32_t> answer((sizeof(sizes) + sizes.key_size + 3) / 4 + sizes.indir_size);
  std::memcpy(answer.data(), &sizes, sizeof(sizes));
  if (!ethtool.ask(answer.data())) return std::nullopt;
  ethtool_rxfh head{};
  std::memcpy(&head, answer.data(), sizeof(head));
  RssFacts facts;
  facts.is_toeplitz = (head.hfunc & 1U) != 0;  // ETH_RSS_HASH_TOP_BIT
  const std::uint32_t* table = answer.data() + sizeof(head) / 4;
  facts.table.assign(table, table + sizes.indir_size);
  facts.key.resize(sizes.key_size);
  std::memcpy(facts.key.data(), table + sizes.indir_size, sizes.key_size);
  for (const auto& [name, flow] : kFlows) {
    ethtool_rxnfc fields{};
    fields.cmd = ETHTOOL_GRXFH;
    fields.flow_type = flow;
    constexpr std::uint64_t kPorts = RXH_L4_B_0_1 | RXH_L4_B_2_3;
    if (ethtool.ask(&fields)) facts.hashes_ports[name] = (fields.data & kPorts) == kPorts;
  }
  return facts;
}

std::vector<std::string> rss_advice(const std::string& interface, const RssFacts& facts, std::uint32_t workers) {
  if (facts.table.size() != kRssTable && !std::has_single_bit(workers)) {
    return {fmt::format("system.workers: {}, because its table has {} places and only a power of two agrees with that",
                        std::bit_floor(workers), facts.table.size())};
  }
  std::vector<std::string> advice;
  if (!facts.is_toeplitz || !is_symmetric(facts.key) || !agrees(facts.table, workers)) {
    std::string key = "6d:5a";
    for (std::size_t i = 2; i < std::max(facts.key.size(), kKeyBytes); i += 2) key += ":6d:5a";
    advice.push_back(fmt::format("ethtool -X {} hfunc toeplitz hkey {} equal {}", interface, key, workers));
  }
  for (const auto& [flow, ports] : facts.hashes_ports) {
    if (!ports) advice.push_back(fmt::format("ethtool -N {} rx-flow-hash {} sdfn", interface, flow));
  }
  return advice;
}

}  // namespace culvert
