// SPDX-License-Identifier: Apache-2.0
#include "pipeline/pipeline.h"

#include "pipeline/forward_stage.h"
#include "pipeline/route_stage.h"

namespace culvert {
namespace {

void count_received(Burst& burst, std::uint64_t bytes, PipelineCells& cells) noexcept {
  // A burst comes from one lane, so one interface's cells are written once.
  auto& interface = cells.interfaces[PipelineCells::line(burst[0].ingress)];
  interface.rx_packets.add(burst.size());
  interface.rx_bytes.add(bytes);
  cells.received.add(burst.size());
  cells.bursts.add();
}

}  // namespace

Pipeline::Pipeline(const PipelineParts& parts) noexcept
    : routes_(parts.routes),
      snapshot_(parts.snapshot),
      multipath_key_(parts.multipath_key),
      cells_(parts.cells),
      hold_(parts.pending, *parts.requests, *parts.routes.generation),
      fragments_(*parts.pool, parts.region),
      answers_(parts.region, parts.pool->frame_size()) {
  cells_->pending.max.set(parts.pending.size());
}

void Pipeline::process(Burst& burst, bool partial_checksums, Now now) noexcept {
  if (burst.empty()) return;
  const Context context = this->context(now);
  ParseContext parsing;
  parsing.partial_checksums = partial_checksums;
  parsing.partial_checksums_completed = &cells_->partial_checksums_completed;
  count_received(burst, parse_burst(burst, parsing), *cells_);
  route_stage(burst, context);
  if (forward_stage(burst, context)) return;
  for (Packet& packet : burst) {
    if (packet.verdict == Verdict::kDrop || packet.verdict == Verdict::kHold) settle(packet, context);
  }
}

void Pipeline::settle(Packet& packet, const Context& context) noexcept {
  if (packet.verdict == Verdict::kDrop && answers_.answer(packet, context)) {
    route_packet(packet, context);
    forward_packet(packet, context);
  }
  if (packet.verdict != Verdict::kHold) return;
  if (packet.has(kFlagOversized)) {
    fragments_.keep(packet);
  } else {
    hold_.keep(packet, context);
  }
}

bool Pipeline::take_made(Burst& burst, Now now) noexcept {
  const Context context = this->context(now);
  if (fragments_.take(burst, context)) return true;
  bool took = false;
  while (burst.space() > 0) {
    const PendingQueue::Entry* entry = hold_.next();
    if (entry == nullptr) break;
    took = true;
    const bool in_time = now - entry->since < context.snapshot.neighbor_timeout_ms * kNanosecondsPerMillisecond;
    if (in_time && hold_.stay_behind_another()) continue;
    Packet& packet = burst.append();
    packet = entry->packet;
    packet.verdict = Verdict::kNone;
    route_packet(packet, context);
    forward_packet(packet, context);
    if (packet.verdict == Verdict::kHold && !packet.has(kFlagOversized)) {
      if (in_time) {
        hold_.keep_on(packet, *entry, context);
        continue;
      }
      packet.drop(DropReason::kNeighborTimeout);
    }
    hold_.take();
    settle(packet, context);
  }
  cells_->held.set(held());
  cells_->pending.observe(hold_.size());
  return took;
}

bool Pipeline::take_held(Burst& burst) noexcept {
  const std::uint32_t before = burst.size();
  if (fragments_.take_unsent(burst)) return true;
  hold_.take_all(burst);
  for (std::uint32_t i = before; i < burst.size(); ++i) burst[i].drop(DropReason::kWorkerStopping);
  cells_->held.set(held());
  return burst.size() > before;
}

}  // namespace culvert
