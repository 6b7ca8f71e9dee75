// SPDX-License-Identifier: Apache-2.0
#include "control/session_slot.h"

#include <array>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "control/made_over.h"

namespace culvert {
namespace {

constexpr const char* kWhat = "sessions (see sessions.max)";

std::size_t wheel_bytes(const SessionSetup& setup) {
  return ExpiryWheel::chunks_for(setup.sessions) * sizeof(ExpiryWheel::Chunk);
}

SessionShard::Memory memory_of(const Mapping& tables, const Mapping& wheel4, const Mapping& wheel6,
                               const SessionSetup& setup, bool in_use) {
  SessionShard::Memory memory = SessionFile::tables(tables.bytes(), setup.sessions);
  const std::size_t chunks = ExpiryWheel::chunks_for(setup.sessions);
  memory.ipv4.wheel = array_over<ExpiryWheel::Chunk>(wheel4.bytes()).first(chunks);
  memory.ipv6.wheel = array_over<ExpiryWheel::Chunk>(wheel6.bytes()).first(chunks);
  memory.ipv4.in_use = memory.ipv6.in_use = in_use;
  return memory;
}

SessionSetup::Left left_of(const SessionSetup& setup, std::size_t worker) {
  return worker < setup.left.size() ? setup.left[worker] : SessionSetup::Left{};
}

std::string temporary_name(const std::string& path) {
  return path + ".new";
}

/// Whether the path leads to the file that is open.
bool is_file_at(int descriptor, const std::string& path) {
  struct stat open {};
  struct stat there {};
  return ::fstat(descriptor, &open) == 0 && ::stat(path.c_str(), &there) == 0 && open.st_dev == there.st_dev &&
         open.st_ino == there.st_ino;
}

SessionOwner owner_of(const SessionSetup& setup, WorkerIndex worker) {
  SessionOwner owner = setup.owner;
  owner.worker = worker;
  owner.sessions = setup.sessions;
  return owner;
}

}  // namespace

bool SessionSlot::usable(std::span<const std::byte> memory, const SessionSetup& setup) {
  found_ = SessionFile::check(memory, owner_);
  // The first worker's file says how sessions are shared out; the others' must have been filled by the same rule.
  const bool shared = owner_.worker == 0 || SessionFile::shares(memory).word == setup.owner_key.word;
  if (found_ == SessionFileState::kUsable && !shared) found_ = SessionFileState::kShares;
  return found_ == SessionFileState::kUsable;
}

Mapping SessionSlot::open_tables(const SessionSetup& setup) {
  const std::size_t size = SessionFile::bytes_for(setup.sessions);
  if (setup.folder.empty()) {
    Mapping memory = Mapping::anonymous(size, setup.huge_pages, kWhat);
    SessionFile::begin(memory.bytes(), owner_, setup.key, setup.owner_key);
    return memory;
  }
  path_ = fmt::format("{}/sessions.{}", setup.folder, owner_.worker);
  ::unlink(temporary_name(path_).c_str());  // of one that was killed on the way
  const int left = left_of(setup, owner_.worker).file;
  bool kept = false;
  Mapping memory;
  if (left < 0) {
    memory = Mapping::file(path_, size, false, kept);
  } else if (!is_file_at(left, path_)) {
    found_ = SessionFileState::kElsewhere;
  } else {
    memory = Mapping::file_of(left, size, kept);
    if (!kept) found_ = SessionFileState::kSize;
  }
  if ((left < 0 || kept) && usable(memory.bytes(), setup)) return memory;
  if (found_ != SessionFileState::kFresh) story_ = fmt::format("sessions begin anew: {}", session_file_text(found_));
  if (left >= 0) {
    // Whoever leaves it still writes it, so this is another one.
    temporary_ = temporary_name(path_);
    memory = Mapping::file(temporary_, size, true, kept);
  } else if (kept) {
    memory = Mapping();
    memory = Mapping::file(path_, size, true, kept);
  }
  SessionFile::begin(memory.bytes(), owner_, setup.key, setup.owner_key);
  return memory;
}

struct SessionSlot::State {
  static constexpr std::uint64_t kWhole = 0x73657373696f6e32;  // "session2": grows with every change below

  std::uint64_t whole = 0;  ///< kWhole, once the rest is written
  SipKey syn_cookie_key;    ///< from the beginning
  SessionShard::State shard;
  std::array<Now, kMeteredZones> syn_cookies_until{};
};

Mapping SessionSlot::open_wheel(const SessionSetup& setup, int left) {
  if (in_use_) return Mapping::of_size(left, wheel_bytes(setup));
  return Mapping::shareable(wheel_bytes(setup), setup.huge_pages, kWhat);
}

bool SessionSlot::can_go_on(const SessionSetup& setup, const SessionSetup::Left& left) {
  return Mapping::fits(left.wheel4, wheel_bytes(setup)) && Mapping::fits(left.wheel6, wheel_bytes(setup)) &&
         Mapping::fits(left.state, sizeof(State));
}

SessionSlot::SessionSlot(const SessionSetup& setup, WorkerIndex worker, SharedMeters& meters)
    : owner_(owner_of(setup, worker)),
      timeouts_(setup.timeouts),
      tables_(open_tables(setup)),
      in_use_(found_ == SessionFileState::kUsable && setup.meters_taken_over &&
              can_go_on(setup, left_of(setup, worker))),
      left_state_(Mapping::of_size(in_use_ ? left_of(setup, worker).state : -1, sizeof(State))),
      state_(Mapping::shared(sizeof(State), "culvert-sessions")),
      wheel4_(open_wheel(setup, left_of(setup, worker).wheel4)),
      wheel6_(open_wheel(setup, left_of(setup, worker).wheel6)),
      fragments_memory_(Mapping::anonymous(setup.fragments * sizeof(DatagramQueue::Entry), HugePages::kNever,
                                           "fragments (see limits.fragments)")),
      hits_memory_(Mapping::anonymous(kAllRuleCounters * sizeof(Cell), HugePages::kNever, "counters of rules")),
      memory_(memory_of(tables_, wheel4_, wheel6_, setup, in_use_)),
      fragments_(made_over<DatagramQueue::Entry>(fragments_memory_, setup.fragments)),
      rule_hits_(made_over<Cell>(hits_memory_, kAllRuleCounters)),
      meters_(meters),
      nat_({setup.external_addresses, setup.sessions, setup.huge_pages}, worker, setup.workers),
      port_key_(HashKey::random()),
      shard_(memory_, {setup.sessions, setup.half_open}, SessionFile::key(tables_.bytes()), cells_, monotonic_ns(),
             &meters.sources, nat_.bindings()),
      fragment_key_(HashKey::random()),
      syn_cookie_key_(in_use_ ? load<State>(left_state_.data()).syn_cookie_key : SipKey::random()),
      owner_key_(SessionFile::shares(tables_.bytes())),
      owner_hash_(setup.owner_hash) {
  // Ports that are shared out otherwise than sessions are would be given twice.
  CULVERT_CHECK(setup.external_addresses == 0 || setup.workers == setup.owner.workers);
  State state;
  state.syn_cookie_key = syn_cookie_key_;
  store(state_.data(), state);
}

SessionSlot::~SessionSlot() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

bool SessionSlot::is_whole() const noexcept {
  return in_use_ && load<State>(left_state_.data()).whole == State::kWhole;
}

void SessionSlot::take_over(bool as_they_are) {
  if (!temporary_.empty()) {
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) throw SetupError(errno_error("renaming " + temporary_));
    temporary_.clear();
  }
  if (found_ != SessionFileState::kUsable) return;
  if (as_they_are) {
    go_on(load<State>(left_state_.data()));
  } else {
    shard_.recover(timeouts_, monotonic_ns());
  }
  story_ = fmt::format("{} sessions of an earlier run go on", shard_.size());
  if (const std::uint64_t torn = cells_.torn.read(); torn != 0) {
    story_ += fmt::format(", {} flows of it were torn and are gone", torn);
  }
  if (const std::uint64_t ended = cells_.cleared.read(); ended != 0) {
    story_ += fmt::format(", {} ended: their external addresses or ports are not to be had any more", ended);
  }
}

void SessionSlot::go_on(const State& left) noexcept {
  shard_.go_on(left.shard, monotonic_ns());
  for (std::size_t zone = 0; zone < kMeteredZones; ++zone) {
    meters_.syns.go_on(static_cast<std::uint8_t>(zone), left.syn_cookies_until[zone]);
  }
}

void SessionSlot::leave() noexcept {
  State state;
  state.shard = shard_.state();
  state.syn_cookie_key = syn_cookie_key_;
  for (std::size_t zone = 0; zone < kMeteredZones; ++zone) {
    state.syn_cookies_until[zone] = meters_.syns.until(static_cast<std::uint8_t>(zone));
  }
  state.whole = State::kWhole;
  store(state_.data(), state);
}

SessionSetup::Left SessionSlot::descriptors() const noexcept {
  return {tables_.fd().get(), wheel4_.fd().get(), wheel6_.fd().get(), state_.fd().get()};
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
  parts.owner_hash = owner_hash_;
  parts.nat = nat_.bindings();
  parts.port_key = port_key_;
}

}  // namespace culvert
