// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "kernel_redirect/redirect_maps.h"

namespace culvert {

enum class RedirectVerdict : std::uint8_t { kRedirect, kPass, kDrop };

/// One line for each RedirectAction: what the XDP program did and why.
struct RedirectActionLine {
  std::string_view name;  ///< stable, for JSON and metrics
  RedirectVerdict verdict;
  std::string_view sentence;
};

/// `action` is less than kRedirectActions.
const RedirectActionLine& redirect_action_line(RedirectAction action) noexcept;

/// Packets by RedirectAction since the program was loaded, summed over CPUs.
using RedirectCounters = std::array<std::uint64_t, kRedirectActions>;

}  // namespace culvert
