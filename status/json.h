// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>

#include "base/result.h"
#include "status/buffers.h"
#include "status/snapshot.h"

namespace culvert {

/// docs/json.md describes every key.
boost::json::object to_json(const StatusSnapshot& snapshot);
boost::json::object to_json(const BufferReport& report);

/// The Error names the first key whose value has the wrong type.
Result<StatusSnapshot> status_from_json(const boost::json::value& json);
Result<BufferReport> buffers_from_json(const boost::json::value& json);

}  // namespace culvert
