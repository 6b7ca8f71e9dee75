// SPDX-License-Identifier: Apache-2.0
#include "status/json.h"

#include "status/described_json.h"

namespace culvert {

boost::json::object to_json(const StatusSnapshot& snapshot) {
  return describe_to_json(snapshot).get_object();
}
boost::json::object to_json(const BufferReport& report) {
  return describe_to_json(report).get_object();
}

Result<StatusSnapshot> status_from_json(const boost::json::value& json) {
  return described_from_json<StatusSnapshot>(json, "status");
}
Result<BufferReport> buffers_from_json(const boost::json::value& json) {
  return described_from_json<BufferReport>(json, "buffers");
}

}  // namespace culvert
