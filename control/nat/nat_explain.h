// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "control/nat/nat_rules.h"
#include "control/server/session_query.h"
#include "status/policies.h"

namespace culvert {

/// Says in `test` what source NAT does with the session of that question, once the policy has let it in.
void explain_translation(const NatRules& rules, const PolicyTestQuery& query, Zone from, Zone to, PolicyTest& test);

}  // namespace culvert
