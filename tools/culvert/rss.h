// SPDX-License-Identifier: Apache-2.0
// Does a NIC send a packet to the queue whose worker has its session? With `sessions.shared_by: rss` that saves handing
// packets over; nothing else depends on it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace culvert {

/// How a NIC chooses the receive queue (ethtool -x, ethtool -n ... rx-flow-hash).
struct RssFacts {
  bool is_toeplitz = false;
  std::vector<std::uint8_t> key;
  std::vector<std::uint32_t> table;  ///< queues, by the lowest bits of the hash
  /// Of each kind of packet, whether the ports count: "tcp4", "udp4", "tcp6", "udp6"; what the driver does not say is
  /// not there.
  std::map<std::string, bool> hashes_ports;
};

/// Nothing when the driver tells neither a key nor a table.
std::optional<RssFacts> read_rss(const std::string& interface);

/// What to type, a command (or key of the configuration) each, so that this NIC agrees with so many workers (1 to 16);
/// none when it does.
std::vector<std::string> rss_advice(const std::string& interface, const RssFacts& facts, std::uint32_t workers);

}  // namespace culvert
