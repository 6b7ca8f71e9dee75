// SPDX-License-Identifier: Apache-2.0
// A million sessions that go on, looked at again and again: far more memory than the caches hold. Each packet stores
// its date with its direction's flow; whose flow is the fresh one decides how much must be read:
//
//   both directions     the original's head tells enough
//   only replies        the original's head is out of date, so the reply's is read as well
//   TCP                 its timeout is by what both have said, so both are read
#include "bench/micro/expiry.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/mapping.h"
#include "bench/support/flow_tables.h"
#include "sessions/session_table.h"

namespace culvert::bench {
namespace {

constexpr std::size_t kSessions = 1'000'000;
constexpr std::uint32_t kLooks = 1 << 17;

class LongSessions {
 public:
  enum class Kind : std::uint8_t { kBoth, kReplies, kTcp };

  explicit LongSessions(Kind kind) {
    timeouts_.udp = timeouts_.tcp_established = SessionTimeouts::seconds(kTimeoutS);
    for (std::size_t i = 0; i < kSessions; ++i) {
      const FlowSlot slot = insert(i, kind);
      if (kind == Kind::kReplies) put(table_.entry(slot).head.seen, flow_date(now_) - timeouts_.udp);
      now_ += 68 * kNanosecondsPerSecond / kSessions;  // spread over the wheel
    }
  }

  void look() {
    for (std::uint32_t left = kLooks; left != 0;) {
      left -= table_.expire(now_, timeouts_, std::min(left, 64U), [](FlowSlot) { std::abort(); });
      if (!table_.expiry_due(now_)) now_ += 100 * kNanosecondsPerMillisecond;
    }
  }

 private:
  using Flows = FlowTable<FiveTuple4>;
  static constexpr std::size_t kFlowBytes = Flows::bytes_for(2 * kSessions);
  static constexpr std::uint64_t kTimeoutS = 1'000'000;  // as if their packets went on coming

  static Mapping room(std::size_t bytes) { return Mapping::anonymous(bytes, HugePages::kTry, "sessions"); }

  FlowSlot insert(std::size_t number, Kind kind) {
    SessionStart<FiveTuple4> start;
    start.original.key = key_of<FiveTuple4>(number);
    start.reply.key = start.original.key.reversed();
    start.original.hash = table_.hash(start.original.key);
    start.reply.hash = table_.hash(start.reply.key);
    start.kind = kind == Kind::kTcp ? FlowKind::kTcp : FlowKind::kUdp;
    start.original.tcp.bits = start.reply.tcp.bits = kTcpSideSyn | kTcpSideAcked;
    const FlowSlot slot = table_.insert(start, timeouts_, now_).slot;
    if (slot == kNoFlow) std::abort();
    return slot;
  }

  Mapping flows_ = room(kFlowBytes);
  Mapping infos_ = room(Flows::slots_for(Flows::buckets_for(2 * kSessions)) * sizeof(FlowInfo));
  Mapping wheel_ = room(ExpiryWheel::chunks_for(kSessions) * sizeof(ExpiryWheel::Chunk));
  Now now_ = 2 * kTimeoutS * kNanosecondsPerSecond;
  SessionTimeouts timeouts_;
  SessionTable<FiveTuple4> table_{{flows_.bytes().first(kFlowBytes), array_over<FlowInfo>(infos_.bytes()),
                                   array_over<ExpiryWheel::Chunk>(wheel_.bytes())},
                                  HashKey::from_seed(3),
                                  now_};
};

double percent_of_a_core(double ns) {
  return ns * 10e6 / 60 * 1e-9 * 100;
}

}  // namespace

void measure_expiry(const Options& options, Report& report) {
  const std::string name = "expiry, a session of a million looked at";
  if (name.find(options.only) == std::string::npos) return;
  using Kind = LongSessions::Kind;
  LongSessions both(Kind::kBoth), replies(Kind::kReplies), tcp(Kind::kTcp);
  Comparison visit(name, kLooks, options);
  visit.add("both directions", [&] { both.look(); });
  visit.add("only replies", [&] { replies.look(); });
  visit.add("TCP", [&] { tcp.look(); });
  visit.run();
  if (!visit.ran()) return;
  const std::string what = "expiry of 10 M sessions at 60 s, % of a core";
  report.limit("S9", what, percent_of_a_core(*visit.median_ns("both directions")), 0.5);
  for (const char* kind : {"only replies", "TCP"}) {
    report.note("S9", what + ": " + kind, percent_of_a_core(*visit.median_ns(kind)));
  }
}

}  // namespace culvert::bench
