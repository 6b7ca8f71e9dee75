// SPDX-License-Identifier: Apache-2.0
#include "control/session_clear.h"

#include <type_traits>
#include <utility>

namespace culvert {
namespace {

template <typename Tuple>
SessionHandle handle_of(const SessionView<Tuple>& session) noexcept {
  return {session.original.slot, session.original.head.sequence, std::is_same_v<Tuple, FiveTuple6>};
}

}  // namespace

SessionClearing::SessionClearing(const std::vector<const SessionShard::Memory*>& workers, const SessionFilter& filter,
                                 std::uint32_t now_s, std::size_t most, EndSessions end, OwedHandles& owed)
    : walk_(workers), filter_(filter), now_s_(now_s), most_(most), end_(std::move(end)), owed_(owed) {
  handles_.reserve(most_);
}

Result<bool> SessionClearing::step() {
  bool other_worker = false;
  std::optional<SessionHandle> first_of_next;
  WorkerIndex next = worker_;
  walk_.go_on(kSlotsAtOnce, [&](WorkerIndex worker, const auto& session) {
    if (!filter_.fits(session, now_s_)) return true;
    ++outcome_.matched;
    other_worker = worker != worker_ && !handles_.empty();
    if (other_worker) {
      first_of_next = handle_of(session);
      next = worker;
      return false;
    }
    worker_ = worker;
    handles_.push_back(handle_of(session));
    return handles_.size() < most_;
  });
  // What was found last belongs to the batch after this one.
  if (auto flushed = flush(); flushed.has_error()) return flushed.error();
  if (first_of_next.has_value()) {
    worker_ = next;
    handles_.push_back(*first_of_next);
  }
  return walk_.ended() && handles_.empty();
}

Result<void> SessionClearing::flush() {
  if (handles_.empty()) return {};
  if (owed_.contains(worker_)) {
    // Commands are applied in order: once it answers this one, it is done with the one before.
    if (const auto answered = end_(worker_, {}); answered.has_error()) return answered.error();
    owed_.erase(worker_);
  }
  const auto ended = end_(worker_, handles_);
  if (ended.has_error()) {
    owed_[worker_] = std::move(handles_);
    return ended.error();
  }
  outcome_.cleared += *ended;
  handles_.clear();
  return {};
}

}  // namespace culvert
