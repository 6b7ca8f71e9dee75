// SPDX-License-Identifier: Apache-2.0
// When may control reuse a slot that workers could still be reading? Control stamps what it unlinks with the open
// epoch, then closes that epoch; it is acknowledged when every worker has finished a turn that it began afterwards.
// Workers know nothing of it: control reads how many turns each has ended (Worker::turns_ended), and two more mean that
// the second one began later. No worker can then hold anything that was unlinked before:
//
//   writer.remove(prefix, epochs.open());          // unlinks, retires the freed slots
//   const Epoch announced = epochs.announce();     // and notes every worker's turns_ended()
//   ... every worker has ended two turns more ...
//   writer.reclaim(announced);                     // the slots are free again
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/check.h"

namespace culvert {

using Epoch = std::uint64_t;

/// Control's count of epochs.
class EpochCounter {
 public:
  /// The stamp of what is unlinked now.
  Epoch open() const noexcept { return open_; }
  /// Closes the open epoch and returns it, to be reclaimed when the workers have turned twice.
  Epoch announce() noexcept { return open_++; }

 private:
  Epoch open_ = 1;
};

/// Things that wait for the workers, oldest first. Control only; bounded by what it retires (slots of a fixed table).
template <typename T>
class RetireList {
 public:
  void retire(T thing, Epoch epoch) {
    CULVERT_CHECK(waiting_.empty() || waiting_.back().epoch <= epoch);
    waiting_.push_back({epoch, thing});
  }

  /// Calls free(thing) for each that was retired in `acknowledged` or before.
  template <typename Free>
  void reclaim(Epoch acknowledged, Free free) {
    while (!waiting_.empty() && waiting_.front().epoch <= acknowledged) {
      free(waiting_.front().thing);
      waiting_.pop_front();
    }
  }

  std::size_t size() const noexcept { return waiting_.size(); }

 private:
  struct Waiting {
    Epoch epoch;
    T thing;
  };
  std::deque<Waiting> waiting_;
};

}  // namespace culvert
