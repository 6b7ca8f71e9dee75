// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>

#include "config/address.h"

namespace culvert {

/// Addresses of one family that follow each other: 198.18.1.16-198.18.1.31, 198.18.2.0/28, 2001:db8:9::1.
struct AddressSpan {
  ConfigAddress first;
  ConfigAddress last;  ///< included

  friend constexpr auto operator<=>(const AddressSpan&, const AddressSpan&) noexcept = default;
};

}  // namespace culvert
