// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/value.hpp>
#include <initializer_list>
#include <string_view>

#include "base/result.h"
#include "status/buffers.h"
#include "status/json_text.h"
#include "status/nat.h"
#include "status/policies.h"
#include "status/sessions.h"
#include "status/snapshot.h"

namespace culvert {

/// docs/json.md describes every key.
JsonText to_json(const StatusSnapshot& snapshot);
JsonText to_json(const BufferReport& report);
JsonText to_json(const SessionPage& page);
JsonText to_json(const SessionSummary& summary);
JsonText to_json(const SessionTop& top);
JsonText to_json(const SessionsCleared& cleared);
JsonText to_json(const PolicyPage& page);
JsonText to_json(const PolicyTest& test);
JsonText to_json(const NatRulePage& page);
JsonText to_json(const NatPools& pools);
JsonText to_json(const NatMappingPage& page);
/// The parts of a status that one screen needs: the members of these names.
JsonText to_json(const StatusSnapshot& snapshot, std::initializer_list<std::string_view> members);

/// The Error names the first key whose value has the wrong type.
Result<StatusSnapshot> status_from_json(const boost::json::value& json);
Result<BufferReport> buffers_from_json(const boost::json::value& json);
Result<SessionPage> sessions_from_json(const boost::json::value& json);
Result<SessionSummary> session_summary_from_json(const boost::json::value& json);
Result<SessionTop> session_top_from_json(const boost::json::value& json);
Result<SessionsCleared> cleared_from_json(const boost::json::value& json);
Result<PolicyPage> policies_from_json(const boost::json::value& json);
Result<PolicyTest> policy_test_from_json(const boost::json::value& json);
Result<NatRulePage> nat_rules_from_json(const boost::json::value& json);
Result<NatPools> nat_pools_from_json(const boost::json::value& json);
Result<NatMappingPage> nat_mappings_from_json(const boost::json::value& json);

}  // namespace culvert
