// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>

#include "lanes/lane.h"
#include "packet/burst.h"
#include "pipeline/cells.h"
#include "umem/pool.h"
#include "workers/command.h"
#include "workers/handoff.h"
#include "workers/punt_queue.h"

namespace culvert {

/// Frames that went to and came from other workers, as packets or on their way home.
struct FrameTraffic {
  std::uint64_t out = 0;
  std::uint64_t in = 0;
};

struct EgressParts {
  WorkerIndex self = 0;
  FramePool* pool = nullptr;
  HandoffMesh* mesh = nullptr;
  PuntQueue* punt = nullptr;
  Waker* punter = nullptr;
  PipelineCells* cells = nullptr;
  FrameTraffic* traffic = nullptr;
};

/// Frames' way out of a burst: to a tx ring, another worker, the punt queue, or back to the pool. Every final drop is
/// counted here.
class Egress {
 public:
  explicit Egress(const EgressParts& parts) noexcept : parts_(parts) { owners_.worker.fill(kNoWorker); }

  /// A lane of this worker; the first of an interface that can send is the one that its packets leave by. Without one
  /// they are handed to the interface's owner.
  void add_lane(Lane& lane) noexcept;
  void remove_lane(const Lane& lane, std::span<Lane* const> others) noexcept;
  void use(const EgressOwners& owners) noexcept { owners_ = owners; }

  /// Every packet goes where its verdict says; the burst ends empty.
  void dispatch(Burst& burst) noexcept;
  /// The same for packets that another worker handed over to be sent: they are not handed on a second time.
  void dispatch_handed_in(Burst& burst) noexcept;

  /// Once a turn: strangers go home, the punter's frames come back, who got something is woken.
  void end_turn() noexcept;

  /// Frames with the punter.
  std::uint32_t punting() const noexcept { return punting_; }

 private:
  struct Group {
    std::array<Packet*, kBurstSize> packets;
    std::uint32_t count = 0;
    std::uint64_t bytes = 0;
  };

  void sort_out(Burst& burst, bool handed_in) noexcept;
  /// Of a packet that does not leave by a lane of this worker.
  void sort_out_other(Packet& packet, bool handed_in) noexcept;
  void transmit_groups() noexcept;
  void drop(const Packet& packet, DropReason reason) noexcept;
  /// Whose line counts its drop: none's when we made it.
  static InterfaceIndex line_of(const Packet& packet) noexcept {
    return packet.has(kFlagGenerated) ? kNoInterface : packet.ingress;
  }
  void punt(const Packet& packet) noexcept;
  void hand_off(const Packet& packet, WorkerIndex to) noexcept;
  void send_strangers_home() noexcept;
  void take_punted_back() noexcept;

  EgressParts parts_;
  EgressOwners owners_;
  std::array<Lane*, kMaxInterfaces> lane_{};
  std::array<Group, kMaxInterfaces> groups_;
  std::array<InterfaceIndex, kBurstSize> used_{};
  std::uint32_t used_count_ = 0;
  std::uint32_t to_wake_ = 0;  ///< bit w: worker w got something this turn
  std::uint32_t punting_ = 0;
  bool wake_punter_ = false;
};

}  // namespace culvert
