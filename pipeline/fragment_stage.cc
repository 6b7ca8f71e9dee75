// SPDX-License-Identifier: Apache-2.0
#include "pipeline/fragment_stage.h"

#include <algorithm>

#include "packet/fragment.h"

namespace culvert {
namespace {

/// As much as the kernel leaves in front of a received packet, so that whoever comes later finds room to grow.
constexpr std::uint32_t kHeadroom = 256;

std::uint16_t mtu_of(const Packet& packet, const Context& context) noexcept {
  return context.routes.next_hops->view(static_cast<NextHopIndex>(packet.next_hop)).mtu;
}

}  // namespace

bool FragmentStage::take(Burst& burst, const Context& context) noexcept {
  bool took = false;
  while (size() > 0) {
    const std::uint16_t mtu = mtu_of(waiting_[first_], context);
    const std::uint32_t pieces = fragments_needed(waiting_[first_], mtu);
    // Even one that cannot be cut leaves as a drop. After this burst has gone there is room for any packet.
    if (std::max(pieces, 1U) > burst.space()) return true;
    cut(pop(), pieces, mtu, burst, context);
    took = true;
  }
  return took;
}

const Packet& FragmentStage::pop() noexcept {
  const Packet& oldest = waiting_[first_++];
  if (first_ == count_) first_ = count_ = 0;
  return oldest;
}

void FragmentStage::cut(const Packet& original, std::uint32_t pieces, std::uint16_t mtu, Burst& burst,
                        const Context& context) noexcept {
  Packet& first = burst.append();
  first = original;
  first.flags = static_cast<std::uint16_t>(first.flags & ~kFlagOversized);
  first.verdict = Verdict::kForward;
  if (pieces <= 1) {
    // Its route has changed meanwhile: it fits now, or can't be cut at all.
    if (pieces == 0) first.drop(DropReason::kFragmentationFailed);
    return;
  }
  std::array<FrameAddress, kMaxFragments> frames;
  const std::uint32_t others = pieces - 1;
  const std::uint32_t got = pool_.take({frames.data(), others});
  std::array<Packet*, kMaxFragments> packets;
  for (std::uint32_t i = 0; i < got; ++i) {
    packets[i] = &burst.append();
    packets[i]->frame = frames[i];
    packets[i]->data = region_ + frames[i] + kHeadroom;
    packets[i]->length = static_cast<std::uint16_t>(pool_.frame_size() - kHeadroom);
  }
  if (got == others && fragment_ipv4(first, mtu, {packets.data(), others})) {
    for (std::uint32_t i = 0; i < others; ++i) packets[i]->verdict = Verdict::kForward;
    context.cells.generated.add(others);
    context.cells.fragmented.add();
    return;
  }
  burst.shrink(got);
  for (std::uint32_t i = 0; i < got; ++i) pool_.give(frames[i]);
  first.drop(got == others ? DropReason::kFragmentationFailed : DropReason::kNoFrames);
}

bool FragmentStage::take_unsent(Burst& burst) noexcept {
  const bool any = size() > 0;
  while (size() > 0 && burst.space() > 0) {
    burst.append() = pop();
    burst[burst.size() - 1].drop(DropReason::kWorkerStopping);
  }
  return any;
}

}  // namespace culvert
