// SPDX-License-Identifier: Apache-2.0
// Keeps a MirrorModel in step with the kernel over one socket. Dumps and notifications come through the same queue, so
// they are read in the order in which they were true, and a dump may run while things change.
//
//   start, or ENOBUFS (messages were lost), or the model's wish:
//     for each part: ask for its dump -> mark what it shows -> at its end sweep what it did not show
//   a dump that the kernel calls inconsistent (NLM_F_DUMP_INTR) is asked for again, up to kTries times; after that the
//   part is not swept (what was not shown may still be there) and everything is looked at again later
//
// Each call does a bounded amount of work, so that control's loop stays responsive while a million routes come in.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "control/netlink/mirror_model.h"
#include "control/netlink/netlink_socket.h"

namespace culvert {

struct FeedCounters {
  std::uint64_t overruns = 0;     ///< ENOBUFS: the kernel dropped messages for us
  std::uint64_t resyncs = 0;      ///< complete rounds of dumps
  std::uint64_t interrupted = 0;  ///< dumps asked for again
  std::uint64_t errors = 0;       ///< the kernel refused a dump
};

class NetlinkFeed {
 public:
  NetlinkFeed(MirrorModel& model, MirrorListener& listener, std::size_t receive_buffer_bytes);

  int descriptor() const { return socket_.descriptor(); }
  /// Reads and works for about `budget_ns` (checked after each datagram of at most 32 KB, about 0.3 ms). True: call
  /// again soon even if the descriptor is not readable.
  bool handle_readable(Now now, std::uint64_t budget_ns);
  /// Starts resyncs that are due, tries again what did not fit. Every 100 ms or so; works for about 10 ms at most.
  void tick(Now now);
  /// A full resync as soon as the running one is through.
  void request_resync() noexcept { wanted_ = true; }

  /// The first round is through: the tables say what the kernel says.
  bool synchronised() const noexcept { return counters_.resyncs != 0; }
  bool resyncing() const noexcept { return phase_ != Phase::kIdle; }
  const FeedCounters& counters() const noexcept { return counters_; }

 private:
  enum class Phase : std::uint8_t { kIdle, kDumping, kSweeping };

  static constexpr int kTries = 3;
  static constexpr std::size_t kPrefixesPerSlice = 2048;
  static constexpr std::uint64_t kWishDelayNs = 2 * kNanosecondsPerSecond;
  static constexpr std::uint64_t kRetryDelayNs = 10 * kNanosecondsPerSecond;
  static constexpr std::uint64_t kTickWorkNs = 10 * kNanosecondsPerMillisecond;

  bool read_one(Now now);
  void take(const nlmsghdr& message, Now now);
  void begin();
  void ask();
  void part_ended(int error, Now now);
  void next_part();
  bool work(Now now);
  void heed_wish(Now now);

  MirrorModel& model_;
  MirrorListener& listener_;
  NetlinkSocket socket_;
  Phase phase_ = Phase::kIdle;
  DumpPart part_ = DumpPart::kLinks;
  std::uint32_t sequence_ = 0;
  int tries_ = 0;
  bool interrupted_ = false;
  bool wanted_ = true;
  Now due_ = 0;  ///< a resync that waits for its time; 0: none
  bool started_ = false;
  FeedCounters counters_;
};

}  // namespace culvert
