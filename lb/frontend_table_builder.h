// SPDX-License-Identifier: Apache-2.0
// A FrontendTable with all that it needs. Control makes it of a configuration; it never changes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "lb/frontend_table.h"
#include "packet/prefix.h"

namespace culvert {

enum class FrontendProtocol : std::uint8_t { kAny, kTcp, kUdp };

/// What a frontend is for.
struct FrontendKey {
  std::variant<Prefix4, Prefix6> prefix;  ///< valid()
  FrontendProtocol protocol = FrontendProtocol::kAny;
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0xffff;  ///< not below first_port; 0 to 0xffff: all ports
};

class FrontendTableBuilder {
 public:
  /// In the order of the configuration, fewer than kNoFrontend. Of two that are for the same, the second gets nothing.
  explicit FrontendTableBuilder(std::span<const FrontendKey> frontends);
  FrontendTableBuilder(const FrontendTableBuilder&) = delete;
  FrontendTableBuilder& operator=(const FrontendTableBuilder&) = delete;

  /// Lives as long as this.
  const FrontendTable& table() const noexcept { return table_; }

 private:
  using Indices = std::vector<FrontendIndex>;

  /// `here`: frontends of one prefix, in the order in which they come first.
  void add_place(std::span<const FrontendKey> frontends, const FrontendTable::Prefix& prefix, const Indices& here);
  void add_runs(std::span<const FrontendKey> frontends, const Indices& here, FrontendProtocol protocol);

  std::vector<FrontendTable::Place> places_;
  std::vector<FrontendTable::PortRun> runs_;
  std::array<std::vector<std::uint8_t>, 2> lengths_;  ///< IPv4, IPv6
  FrontendTable table_;
};

}  // namespace culvert
