// SPDX-License-Identifier: Apache-2.0
#include "status/json.h"

#include <algorithm>
#include <boost/json/serializer.hpp>
#include <charconv>
#include <cmath>

#include "status/described_json.h"

namespace culvert {
namespace {

/// Room for a status of two interfaces and one worker; a larger one grows a few times.
constexpr std::size_t kUsualBytes = 16 * 1024;

/// RFC 8259 section 7: what a string cannot hold as it is.
constexpr bool is_escaped(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

template <typename Number>
void append_number(std::string& text, Number value) {
  char digits[32];  // a double of the shortest form that reads back the same has 24 at most
  const auto written = std::to_chars(std::begin(digits), std::end(digits), value);
  text.append(digits, written.ptr);
}

template <typename T>
JsonText written(const T& value) {
  std::string text;
  text.reserve(kUsualBytes);
  append_described_json(text, value);
  return JsonText(std::move(text));
}

}  // namespace

void append_json(std::string& text, std::string_view value) {
  // Nearly all strings are names.
  if (std::none_of(value.begin(), value.end(), is_escaped)) {
    text += '"';
    text += value;
    text += '"';
    return;
  }
  boost::json::serializer serializer;
  serializer.reset(value);
  char part[256];
  while (!serializer.done()) text += std::string_view(serializer.read(part));
}

void append_json(std::string& text, std::uint64_t value) {
  append_number(text, value);
}

void append_json(std::string& text, std::int64_t value) {
  append_number(text, value);
}

void append_json(std::string& text, double value) {
  std::isfinite(value) ? append_number(text, value) : void(text += "null");
}

JsonText to_json(const StatusSnapshot& snapshot) {
  return written(snapshot);
}

JsonText to_json(const BufferReport& report) {
  return written(report);
}

JsonText to_json(const SessionPage& page) {
  return written(page);
}

JsonText to_json(const SessionSummary& summary) {
  return written(summary);
}

JsonText to_json(const SessionTop& top) {
  return written(top);
}

JsonText to_json(const SessionsCleared& cleared) {
  return written(cleared);
}

JsonText to_json(const PolicyPage& page) {
  return written(page);
}

JsonText to_json(const PolicyTest& test) {
  return written(test);
}
JsonText to_json(const NatRulePage& page) {
  return written(page);
}
JsonText to_json(const NatPools& pools) {
  return written(pools);
}
JsonText to_json(const NatMappingPage& page) {
  return written(page);
}

JsonText to_json(const StatusSnapshot& snapshot, std::initializer_list<std::string_view> members) {
  std::string text;
  append_described_members(text, snapshot, [&](std::string_view name) {
    return std::find(members.begin(), members.end(), name) != members.end();
  });
  return JsonText(std::move(text));
}

Result<StatusSnapshot> status_from_json(const boost::json::value& json) {
  return described_from_json<StatusSnapshot>(json, "status");
}
Result<BufferReport> buffers_from_json(const boost::json::value& json) {
  return described_from_json<BufferReport>(json, "buffers");
}
Result<SessionPage> sessions_from_json(const boost::json::value& json) {
  return described_from_json<SessionPage>(json, "sessions");
}
Result<SessionSummary> session_summary_from_json(const boost::json::value& json) {
  return described_from_json<SessionSummary>(json, "session summary");
}
Result<SessionTop> session_top_from_json(const boost::json::value& json) {
  return described_from_json<SessionTop>(json, "session top");
}
Result<SessionsCleared> cleared_from_json(const boost::json::value& json) {
  return described_from_json<SessionsCleared>(json, "cleared sessions");
}
Result<PolicyPage> policies_from_json(const boost::json::value& json) {
  return described_from_json<PolicyPage>(json, "policies");
}
Result<PolicyTest> policy_test_from_json(const boost::json::value& json) {
  return described_from_json<PolicyTest>(json, "policy test");
}
Result<NatRulePage> nat_rules_from_json(const boost::json::value& json) {
  return described_from_json<NatRulePage>(json, "NAT rules");
}
Result<NatPools> nat_pools_from_json(const boost::json::value& json) {
  return described_from_json<NatPools>(json, "NAT pools");
}
Result<NatMappingPage> nat_mappings_from_json(const boost::json::value& json) {
  return described_from_json<NatMappingPage>(json, "NAT mappings");
}

}  // namespace culvert
