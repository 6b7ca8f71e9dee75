// SPDX-License-Identifier: Apache-2.0
#include "status/read_cells.h"

namespace culvert {

std::optional<SessionStatus> read_sessions(const StatusSources& sources) {
  if (sources.sessions.empty()) return std::nullopt;
  SessionStatus status;
  for (std::size_t worker = 0; worker < sources.sessions.size(); ++worker) {
    const SessionCells& cells = *sources.sessions[worker];
    WorkerSessions row;
    row.worker = static_cast<std::uint32_t>(worker);
    row.sessions = cells.sessions.used.read();
    row.half_open = cells.half_open.used.read();
    row.created = cells.created.read();
    row.expired = cells.expired.read();
    row.evicted = cells.evicted.read();
    row.cleared = cells.cleared.read();
    row.renewed = cells.renewed.read();
    row.refused_full = cells.sessions.failures.read();
    row.refused_half_open = cells.half_open.failures.read();
    row.refused_reply = cells.refused_reply.read();
    row.refused_place = cells.refused_place.read();
    row.recovered = cells.recovered.read();
    row.torn = cells.torn.read();
    row.log_records = cells.log_records.read();
    row.log_lost = cells.log_lost.read();
    row.looked_at = cells.looked_at.read();
    if (worker < sources.workers.size()) {
      row.policy_evaluations = sources.workers[worker]->pipeline.policy_evaluations.read();
      row.tcp_resets_sent = sources.workers[worker]->pipeline.tcp_resets_sent.read();
      row.syn_cookies_sent = sources.workers[worker]->pipeline.syn_cookies_sent.read();
      row.syn_cookies_accepted = sources.workers[worker]->pipeline.syn_cookies_accepted.read();
    }
    status.total += row.sessions;
    status.half_open += row.half_open;
    status.workers.push_back(row);
  }
  return status;
}

}  // namespace culvert
