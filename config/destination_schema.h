// SPDX-License-Identifier: Apache-2.0
// The part of nat's table of keys (nat_schema.h) about sessions that go to another destination than they say.
#pragma once

#include "config/nat.h"
#include "config/section.h"

namespace culvert {

/// Addresses whose packets can come to this host, however many.
Result<AddressSpan> parse_external_span(std::string_view text);

Section<DestinationNatRuleConfig> destination_rule_section();
Section<StaticNatRuleConfig> static_rule_section();

}  // namespace culvert
