// SPDX-License-Identifier: Apache-2.0
#include "pipeline/pipeline.h"

#include "pipeline/forward_stage.h"
#include "pipeline/route_stage.h"
#include "pipeline/screen_stage.h"

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

/// Drops behind the session stage, of which the sender is told.
bool may_be_changed(DropReason reason) noexcept {
  switch (reason) {
    case DropReason::kTtlExpired:
    case DropReason::kNoRoute:
    case DropReason::kRouteUnreachable:
    case DropReason::kRouteProhibit:
    case DropReason::kPacketTooBig:
    case DropReason::kNeighborTimeout:
      return true;
    default:
      return false;
  }
}

}  // namespace

Pipeline::Pipeline(const PipelineParts& parts) noexcept
    : routes_(parts.routes),
      snapshot_(parts.snapshot),
      multipath_key_(parts.multipath_key),
      cells_(parts.cells),
      syn_proxy_(*parts.pool, parts.region, parts.syn_cookie_key, parts.syn_offer),
      translator_(parts.nat, parts.port_key, parts.rule_hits),
      owners_(parts.self, parts.workers, parts.owner_key, parts.owner_hash),
      hold_(parts.pending, *parts.requests, *parts.routes.generation),
      fragments_(*parts.pool, parts.region),
      datagrams_(parts.fragments, parts.fragment_key, cells_->fragments),
      answers_(parts.region, parts.pool->frame_size()) {
  cells_->pending.max.set(parts.pending.size());
  if (parts.sessions != nullptr) {
    sessions_.emplace(*parts.sessions, *parts.meters, parts.rule_hits, syn_proxy_, translator_, owners_);
  }
  if (snapshot_ != nullptr) use(*snapshot_);
}

void Pipeline::process(Burst& burst, bool partial_checksums, Now now) noexcept {
  if (burst.empty()) return;
  const Context context = this->context(now);
  ParseContext parsing;
  parsing.partial_checksums = partial_checksums;
  parsing.partial_checksums_completed = &cells_->partial_checksums_completed;
  count_received(burst, parse_burst(burst, parsing), *cells_);
  if (stateful()) {
    screen_stage(burst, *snapshot_->stateful, *cells_);
    if (owners_.shared()) owners_.sort(burst, context);
    keep_parts(burst, context);
    sessions_->process(burst, context);
  } else {
    route_stage(burst, context);
  }
  if (!forward_stage(burst, context)) settle_all(burst, context);
}

void Pipeline::keep_parts(Burst& burst, const Context& context) noexcept {
  const std::span<Packet> packets = burst.packets();
  std::size_t stay = 0;
  while (stay < packets.size() && !packets[stay].is_part()) ++stay;
  const std::size_t first = stay;
  for (std::size_t i = first; i < packets.size(); ++i) {
    Packet& packet = packets[i];
    if (packet.verdict == Verdict::kNone && packet.is_part() && !SessionOwners::is_of_whole_datagram(packet)) {
      datagrams_.keep(packet, context.now, context.snapshot.stateful->fragment_timeout_ms);
      if (packet.verdict == Verdict::kHold) continue;
    }
    if (stay != i) packets[stay] = packet;
    ++stay;
  }
  if (stay < packets.size()) burst.shrink(static_cast<std::uint32_t>(packets.size() - stay));
}

void Pipeline::process_handed_in(Burst& burst, WorkerIndex from, Now now) noexcept {
  const Context context = this->context(now);
  cells_->bursts.add();
  if (stateful()) {
    keep_parts(burst, context);
    sessions_->process(burst, context);
    for (Packet& packet : burst) {
      if (packet.verdict == Verdict::kNone && packet.is_part()) follow_datagram(packet, from, context);
    }
  } else {
    route_stage(burst, context);
  }
  if (!forward_stage(burst, context)) settle_all(burst, context);
}

void Pipeline::follow_datagram(Packet& packet, WorkerIndex from, const Context& context) noexcept {
  DatagramDecision& decided = decided_[from];
  const std::uint32_t transport_length = SessionOwners::transport_length(packet);
  packet.egress = kNoInterface;
  if (packet.has(kFlagFirstFragment)) {
    decided = sessions_->first_fragment(packet, transport_length, context);
  } else if (decided.datagram == fragment_place(packet).datagram) {
    sessions_->later_fragment(packet, decided, context);
  } else {
    packet.drop(DropReason::kDatagramSpoiled);  // the first one found no room in the ring
  }
}

void Pipeline::settle_all(Burst& burst, const Context& context) noexcept {
  for (Packet& packet : burst) {
    if (packet.verdict == Verdict::kDrop || packet.verdict == Verdict::kHold) settle(packet, context);
  }
}

bool Pipeline::take_datagrams(Burst& burst, const Context& context) noexcept {
  const WholeDatagram whole = datagrams_.take_whole(burst);
  if (whole.count == 0) return false;
  const std::span<Packet> fragments = burst.packets().subspan(whole.begin, whole.count);
  if (stateful() && owners_.shared() && !owners_.owns(fragments, whole.transport_length, context)) return true;
  if (stateful()) {
    sessions_->whole_datagram(fragments, whole.transport_length, context);
  } else {
    route_stage(burst, context);
  }
  if (!forward_stage(burst, context)) settle_all(burst, context);
  return true;
}

bool Pipeline::answer(Packet& packet, const Context& context) noexcept {
  if (packet.drop_reason == DropReason::kScreenSynFlood) return syn_proxy_.answer(packet, context);
  if (!may_be_changed(packet.drop_reason) || !stateful()) return answers_.answer(packet, context);
  sessions_->restore(packet);
  return answers_.answer(packet, context);
}

bool Pipeline::take_owed(Burst& burst, const Context& context) noexcept {
  const std::uint32_t before = burst.size();
  if (!syn_proxy_.take(burst)) return false;
  for (Packet& packet : burst.packets().subspan(before)) {
    route_again(packet, context);
    forward_packet(packet, context);
    settle(packet, context);
  }
  return true;
}

void Pipeline::settle(Packet& packet, const Context& context) noexcept {
  if (packet.verdict == Verdict::kDrop && answer(packet, context)) {
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
  if (syn_proxy_.size() != 0 && take_owed(burst, context)) return true;
  if (burst.empty() && datagrams_.size() != 0 && take_datagrams(burst, context)) return true;
  bool took = false;
  if (datagrams_.size() != 0) {
    const std::uint32_t timeout_ms = stateful() ? context.snapshot.stateful->fragment_timeout_ms : 0;
    datagrams_.take_dropped(burst, now, timeout_ms);
    took = !burst.empty();
  }
  // The source with which a packet leaves is not the one by which its session chose a member of a multipath route.
  const bool translates = stateful() && context.snapshot.stateful->source_nat != nullptr;
  while (burst.space() > 0) {
    const PendingQueue::Entry* entry = hold_.next();
    if (entry == nullptr) break;
    took = true;
    const bool in_time = now - entry->since < context.snapshot.neighbor_timeout_ms * kNanosecondsPerMillisecond;
    if (in_time && hold_.stay_behind_another()) continue;
    Packet& packet = burst.append();
    packet = entry->packet;
    packet.verdict = Verdict::kNone;
    if (translates) {
      route_again(packet, context);
    } else {
      route_packet(packet, context);
    }
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
  datagrams_.observe();
  return took;
}

bool Pipeline::expire(Now now, bool idle) noexcept {
  return stateful() && sessions_->expire(context(now), idle);
}

void Pipeline::end_sessions(std::span<const SessionHandle> sessions) noexcept {
  if (sessions_.has_value()) sessions_->end(sessions);
}

void Pipeline::clear_peaks() noexcept {
  if (sessions_.has_value()) sessions_->clear_peaks();
}

bool Pipeline::take_held(Burst& burst) noexcept {
  const std::uint32_t before = burst.size();
  if (fragments_.take_unsent(burst)) return true;
  if (datagrams_.take_all(burst)) return true;
  if (!syn_proxy_.take(burst)) hold_.take_all(burst);
  for (std::uint32_t i = before; i < burst.size(); ++i) burst[i].drop(DropReason::kWorkerStopping);
  cells_->held.set(held());
  return burst.size() > before;
}

}  // namespace culvert
