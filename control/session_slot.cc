// SPDX-License-Identifier: Apache-2.0
#include "control/session_slot.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "control/made_over.h"

namespace culvert {
namespace {

constexpr const char* kWhat = "sessions (see sessions.max)";

std::size_t wheel_bytes(const SessionSetup& setup) {
  return ExpiryWheel::chunks_for(setup.sessions) * sizeof(ExpiryWheel::Chunk);
}

SessionShard::Memory memory_of(const Mapping& tables, const Mapping& wheel4, const Mapping& wheel6,
                               const SessionSetup& setup) {
  SessionShard::Memory memory = SessionFile::tables(tables.bytes(), setup.sessions);
  const std::size_t chunks = ExpiryWheel::chunks_for(setup.sessions);
  memory.ipv4.wheel = array_over<ExpiryWheel::Chunk>(wheel4.bytes()).first(chunks);
  memory.ipv6.wheel = array_over<ExpiryWheel::Chunk>(wheel6.bytes()).first(chunks);
  return memory;
}

SessionOwner owner_of(const SessionSetup& setup, WorkerIndex worker) {
  SessionOwner owner = setup.owner;
  owner.worker = worker;
  owner.sessions = setup.sessions;
  return owner;
}

}  // namespace

Mapping SessionSlot::open_tables(const SessionSetup& setup) {
  const std::size_t size = SessionFile::bytes_for(setup.sessions);
  if (setup.folder.empty()) {
    Mapping memory = Mapping::anonymous(size, setup.huge_pages, kWhat);
    SessionFile::begin(memory.bytes(), owner_, setup.key, setup.owner_key);
    return memory;
  }
  const std::string path = fmt::format("{}/sessions.{}", setup.folder, owner_.worker);
  bool kept = false;
  Mapping memory = Mapping::file(path, size, false, kept);
  found_ = SessionFile::check(memory.bytes(), owner_);
  // The first worker's file says how sessions are shared out; the others' must have been filled by the same rule.
  const bool shared = owner_.worker == 0 || SessionFile::shares(memory.bytes()).word == setup.owner_key.word;
  if (found_ == SessionFileState::kUsable && !shared) found_ = SessionFileState::kShares;
  if (found_ == SessionFileState::kUsable) return memory;
  if (found_ != SessionFileState::kFresh) story_ = fmt::format("sessions begin anew: {}", session_file_text(found_));
  if (kept) {
    memory = Mapping();
    memory = Mapping::file(path, size, true, kept);
  }
  SessionFile::begin(memory.bytes(), owner_, setup.key, setup.owner_key);
  return memory;
}

SessionSlot::SessionSlot(const SessionSetup& setup, WorkerIndex worker, SharedMeters& meters)
    : owner_(owner_of(setup, worker)),
      tables_(open_tables(setup)),
      wheel4_(Mapping::anonymous(wheel_bytes(setup), setup.huge_pages, kWhat)),
      wheel6_(Mapping::anonymous(wheel_bytes(setup), setup.huge_pages, kWhat)),
      fragments_memory_(Mapping::anonymous(setup.fragments * sizeof(DatagramQueue::Entry), HugePages::kNever,
                                           "fragments (see limits.fragments)")),
      hits_memory_(Mapping::anonymous(kRuleCounters * sizeof(Cell), HugePages::kNever, "counters of rules")),
      memory_(memory_of(tables_, wheel4_, wheel6_, setup)),
      fragments_(made_over<DatagramQueue::Entry>(fragments_memory_, setup.fragments)),
      rule_hits_(made_over<Cell>(hits_memory_, kRuleCounters)),
      meters_(meters),
      shard_(memory_, {setup.sessions, setup.half_open}, SessionFile::key(tables_.bytes()), cells_, monotonic_ns(),
             &meters.sources),
      fragment_key_(HashKey::random()),
      syn_cookie_key_(SipKey::random()),
      owner_key_(SessionFile::shares(tables_.bytes())) {
  if (found_ != SessionFileState::kUsable) return;
  shard_.recover(setup.timeouts, monotonic_ns());
  story_ = fmt::format("{} sessions of an earlier run go on", shard_.size());
  if (const std::uint64_t torn = cells_.torn.read(); torn != 0) {
    story_ += fmt::format(", {} flows of it were torn and are gone", torn);
  }
}

void SessionSlot::give(PipelineParts& parts) noexcept {
  parts.sessions = &shard_;
  parts.meters = &meters_;
  parts.rule_hits = rule_hits_;
  parts.fragments = fragments_;
  parts.fragment_key = fragment_key_;
  parts.syn_cookie_key = syn_cookie_key_;
  // Not every server has them, and a client that was promised some may drop segments without (RFC 7323 3.2).
  parts.syn_offer.timestamps = false;
  parts.owner_key = owner_key_;
}

}  // namespace culvert
