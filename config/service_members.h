// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/policy.h"

namespace culvert {

/// All members of a list and of the services that it names, each of those once. Every name is there.
std::vector<ServiceMatch> members_of(const std::map<std::string, ServiceConfig>& services, const ServiceList& list);

}  // namespace culvert
