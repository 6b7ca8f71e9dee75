// SPDX-License-Identifier: Apache-2.0
#include "config/service_members.h"

#include <set>

namespace culvert {
namespace {

void add(const std::map<std::string, ServiceConfig>& services, const ServiceList& list, std::set<std::string>& seen,
         std::vector<ServiceMatch>& out) {
  out.insert(out.end(), list.values.begin(), list.values.end());
  for (const std::string& name : list.names) {
    if (seen.insert(name).second) add(services, services.at(name).members, seen, out);
  }
}

}  // namespace

std::vector<ServiceMatch> members_of(const std::map<std::string, ServiceConfig>& services, const ServiceList& list) {
  std::set<std::string> seen;
  std::vector<ServiceMatch> out;
  add(services, list, seen, out);
  return out;
}

}  // namespace culvert
