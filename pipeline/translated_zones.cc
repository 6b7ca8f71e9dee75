// SPDX-License-Identifier: Apache-2.0
#include "pipeline/translated_zones.h"

#include <bit>

namespace culvert {

std::array<TranslatedZones, 2> translated_zones(std::span<const SourceRule> rules) noexcept {
  std::array<TranslatedZones, 2> by_family{};
  for (const SourceRule& rule : rules) {
    if (rule.action == SourceAction::kKeep || rule.from == 0 || rule.to == 0) continue;
    TranslatedZones& zones = by_family[rule.ipv6 ? 1 : 0];
    zones.inside |= rule.from;
    zones.outside |= rule.to;
    for (NatZones left = rule.from; left != 0; left &= left - 1) {
      zones.to[static_cast<std::size_t>(std::countr_zero(left))] |= rule.to;
    }
  }
  return by_family;
}

}  // namespace culvert
