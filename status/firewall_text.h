// SPDX-License-Identifier: Apache-2.0
// The CLI's screens about sessions and the policy.
#pragma once

#include <string>

#include "status/policies.h"
#include "status/sessions.h"
#include "status/text.h"

namespace culvert {

/// "a, b"; of an empty list "any".
std::string list_cell(const std::vector<std::string>& list);

/// "192.0.2.1:443", "[2001:db8::1]:443", "192.0.2.1".
std::string endpoint_text(const std::string& address, const OptionalCount& port);
/// `show sessions`: one line a session.
std::string sessions_text(const std::vector<SessionRow>& sessions, const TextOptions& options);
/// `show sessions summary`
std::string session_summary_text(const SessionSummary& summary, const TextOptions& options);
/// `show sessions top`
std::string session_top_text(const SessionTop& top, const TextOptions& options);
/// `show policies`: every rule in its order, then the default.
std::string policies_text(const PolicyPage& page, const TextOptions& options);
/// `show policies hits`: rules by their hits, the busiest first; `page.policies` is in that order already.
std::string policy_hits_text(const PolicyPage& page, const TextOptions& options);
/// `policy test`
std::string policy_test_text(const PolicyTest& test, const TextOptions& options);

}  // namespace culvert
