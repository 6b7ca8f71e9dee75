// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "control/nat/translation.h"
#include "control/server/session_query.h"
#include "status/policies.h"

namespace culvert {

/// A question as the policy is asked it: with the destination that the session gets.
struct MeantQuery {
  PolicyTestQuery query;
  std::optional<std::string> rule;  ///< of destination NAT that gives another one
};
MeantQuery meant_query(const Translation& translation, const PolicyTestQuery& asked, Zone from);

/// Says in `test`, which is about meant.query, what NAT does with the session that was asked about, once the policy has
/// let it in.
void explain_translation(const Translation& translation, const PolicyTestQuery& asked, const MeantQuery& meant,
                         Zone from, Zone to, PolicyTest& test);

}  // namespace culvert
