// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/netlink_feed.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <linux/netlink.h>

namespace culvert {

NetlinkFeed::NetlinkFeed(MirrorModel& model, MirrorListener& listener, std::size_t receive_buffer_bytes)
    : model_(model), listener_(listener), socket_(receive_buffer_bytes) {
  socket_.subscribe();
}

bool NetlinkFeed::handle_readable(Now now, std::uint64_t budget_ns) {
  const Now end = now + budget_ns;
  for (;;) {
    const bool read = read_one(now);
    // Not before the queue is empty: until then an overrun socket loses messages without another ENOBUFS
    // (NETLINK_S_CONGESTED), and what a dump showed could change unseen.
    const bool starts = !read && phase_ == Phase::kIdle && wanted_;
    if (starts) begin();
    const bool more = work(now);
    if (!read && !more && !starts) return false;
    if (monotonic_ns() >= end) return true;
  }
}

bool NetlinkFeed::read_one(Now now) {
  const NetlinkSocket::Received received = socket_.receive();
  if (received.error == ENOBUFS) {
    ++counters_.overruns;
    // What was lost is unknown. The dump that runs goes on (its parts are not lost); then everything again.
    if (!wanted_) listener_.on_event("netlink: the kernel dropped messages; resynchronising");
    wanted_ = true;
    return true;
  }
  if (received.bytes.empty()) return false;
  for_each_message(received.bytes, [&](const nlmsghdr& message) { take(message, now); });
  return true;
}

void NetlinkFeed::take(const nlmsghdr& message, Now now) {
  const bool ours = phase_ == Phase::kDumping && message.nlmsg_pid == socket_.port() && message.nlmsg_seq == sequence_;
  if (!ours) {
    if (message.nlmsg_type >= NLMSG_MIN_TYPE) model_.apply(message, false);
    return;
  }
  interrupted_ |= (message.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
  if (message.nlmsg_type == NLMSG_DONE || message.nlmsg_type == NLMSG_ERROR) {
    int error = 0;
    if (mnl_nlmsg_get_payload_len(&message) >= sizeof(error)) error = -load<int>(mnl_nlmsg_get_payload(&message));
    return part_ended(error, now);
  }
  if (message.nlmsg_type >= NLMSG_MIN_TYPE) model_.apply(message, true);
}

void NetlinkFeed::begin() {
  wanted_ = false;
  due_ = 0;
  if (started_) listener_.on_event("netlink: resync begins");
  started_ = true;
  model_.begin_resync();
  part_ = DumpPart::kLinks;
  tries_ = 0;
  phase_ = Phase::kDumping;
  ask();
}

void NetlinkFeed::ask() {
  interrupted_ = false;
  model_.begin_part(part_);
  sequence_ = socket_.next_sequence();
  if (socket_.request_dump(part_, sequence_) != 0) {
    ++counters_.errors;
    phase_ = Phase::kIdle;
    due_ = monotonic_ns() + kRetryDelayNs;
  }
}

void NetlinkFeed::part_ended(int error, Now now) {
  if (interrupted_ && ++tries_ < kTries) {
    ++counters_.interrupted;
    return ask();
  }
  // A table that was never used does not exist: ENOENT, and nothing of it is there.
  const bool complete = !interrupted_ && (error == 0 || error == ENOENT);
  if (error != 0 && error != ENOENT) {
    ++counters_.errors;
    listener_.on_event(fmt::format("netlink: dump {} failed with errno {}", static_cast<int>(part_), error));
  }
  if (complete) {
    phase_ = Phase::kSweeping;
    return;
  }
  due_ = now + kRetryDelayNs;
  next_part();
}

void NetlinkFeed::next_part() {
  tries_ = 0;
  part_ = static_cast<DumpPart>(static_cast<int>(part_) + 1);
  if (part_ != DumpPart::kCount) {
    phase_ = Phase::kDumping;
    return ask();
  }
  phase_ = Phase::kIdle;
  ++counters_.resyncs;
  listener_.on_event(fmt::format("netlink: in step with the kernel: {} IPv4 routes, {} IPv6 routes, {} neighbours",
                                 model_.routes(true).size(), model_.routes(false).size(),
                                 model_.neighbors().all().size()));
}

/// What was put off. True: there is more.
bool NetlinkFeed::work(Now now) {
  const bool more = model_.work(kPrefixesPerSlice);
  heed_wish(now);
  if (phase_ != Phase::kSweeping) return more;
  if (model_.sweep(part_, kPrefixesPerSlice)) next_part();
  return true;
}

void NetlinkFeed::heed_wish(Now now) {
  if (model_.take_resync_wish() && due_ == 0) due_ = now + kWishDelayNs;
}

void NetlinkFeed::tick(Now now) {
  model_.tick(now);
  heed_wish(now);
  if (due_ != 0 && now >= due_ && !resyncing()) {
    due_ = 0;
    wanted_ = true;
  }
  // The descriptor does not become readable by a wish, nor by what the model's tick began.
  if ((wanted_ && !resyncing()) || model_.has_work()) handle_readable(now, kTickWorkNs);
}

}  // namespace culvert
