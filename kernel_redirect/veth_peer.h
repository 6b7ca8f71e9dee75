// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace culvert {

/// The other end of a veth, for messages that tell what to type.
struct VethPeer {
  std::string name;             ///< empty when it is in another network namespace
  int ifindex = 0;              ///< there
  std::uint32_t rx_queues = 0;  ///< of our end, in use
  std::uint32_t rx_queues_max = 0;
  std::uint32_t tx_queues = 0;  ///< of the peer, in use; 0 when it is in another namespace

  /// "client0", or words that say where it is.
  std::string name_or_place() const;
  std::string queues_text(const std::string& interface) const;
  std::string queues_hint(const std::string& interface) const;
};

/// Nothing when the interface is no veth.
std::optional<VethPeer> veth_peer(const std::string& interface, int ifindex);

}  // namespace culvert
