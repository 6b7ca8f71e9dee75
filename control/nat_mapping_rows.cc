// SPDX-License-Identifier: Apache-2.0
#include "control/nat_mapping_rows.h"

#include <algorithm>

#include "control/session_filter.h"
#include "control/session_rows.h"
#include "sessions/nat_mappings.h"

namespace culvert {
namespace {

template <typename Tuple>
bool fits(const SessionQuery& query, const SessionView<Tuple>& mapping) noexcept {
  const Tuple& inside = mapping.original.key;
  const Tuple& outside = mapping.reply.key;
  if (NatMappings<Tuple>::is_permit(inside)) return false;
  if (query.ipv6 && *query.ipv6 != std::is_same_v<Tuple, FiveTuple6>) return false;
  if (query.protocol && *query.protocol != inside.protocol) return false;
  if (query.source && !prefix_holds(*query.source, inside.source)) return false;
  if (query.external && !prefix_holds(*query.external, outside.destination)) return false;
  if (query.inside_port && *query.inside_port != inside.source_port.host()) return false;
  return !query.external_port || *query.external_port == outside.destination_port.host();
}

template <typename Tuple>
NatMappingRow row_of(WorkerIndex worker, const SessionView<Tuple>& mapping, std::uint32_t now_s) {
  NatMappingRow row;
  row.worker = worker;
  row.protocol = protocol_text(mapping.original.key.protocol);
  row.inside = address_text(mapping.original.key.source);
  row.inside_port = mapping.original.key.source_port.host();
  row.outside = address_text(mapping.reply.key.destination);
  row.outside_port = mapping.reply.key.destination_port.host();
  row.sessions = mapping.original.head.bytes;
  row.open_sessions = mapping.original.head.packets();
  const auto age = static_cast<std::int32_t>(now_s - mapping.original.info.created_s);
  row.age_s = static_cast<std::uint64_t>(std::max(age, 0));
  return row;
}

}  // namespace

Result<NatMappingPage> nat_mapping_page(const std::vector<const SessionTables*>& workers, const SessionPageQuery& query,
                                        std::uint32_t now_s) {
  SessionWalk walk(workers);
  if (!query.after.empty()) {
    if (const auto stands = walk.stand_at(query.after); stands.has_error()) return stands.error();
  }
  NatMappingPage page;
  walk.go_on(kSlotsAtOnce, [&](WorkerIndex worker, const auto& mapping) {
    if (!fits(query.which, mapping)) return true;
    page.mappings.push_back(row_of(worker, mapping, now_s));
    return page.mappings.size() < query.limit;
  });
  if (!walk.ended()) page.next = walk.place();
  return page;
}

}  // namespace culvert
