// SPDX-License-Identifier: Apache-2.0
#include "sessions/session_reader.h"

namespace culvert {
namespace {

template <typename T>
T copy_words(T& object) noexcept {
  static_assert(sizeof(T) % sizeof(std::uint64_t) == 0);
  const auto words = array_over<std::uint64_t>(std::as_writable_bytes(std::span<T, 1>(&object, 1)));
  std::array<std::uint64_t, sizeof(T) / sizeof(std::uint64_t)> copy;
  for (std::size_t i = 0; i < copy.size(); ++i) copy[i] = peek(words[i]);
  return load<T>(copy.data());
}

}  // namespace

template <typename Tuple>
SessionReader<Tuple>::SessionReader(const typename SessionTable<Tuple>::Memory& memory) noexcept
    : tags_(array_over<FlowTags>(memory.flows)),
      entries_(array_over<FlowEntry<Tuple>>(memory.flows)),
      infos_(memory.infos) {}

template <typename Tuple>
bool SessionReader<Tuple>::read_side(FlowSlot slot, typename SessionView<Tuple>::Side& side) const noexcept {
  FlowEntry<Tuple>& entry = entries_[place_of(slot)];
  for (int attempt = 0; attempt < 3; ++attempt) {
    const std::uint32_t before = std::atomic_ref<std::uint32_t>(entry.head.sequence).load(std::memory_order_acquire);
    side.slot = slot;
    side.key = copy_words(entry.key);
    side.head = copy_words(entry.head);
    side.info = copy_words(infos_[slot]);
    std::atomic_thread_fence(std::memory_order_acquire);
    const std::uint32_t after = peek(entry.head.sequence);
    side.head.sequence = before;
    if (before == after && side.head.whole()) return true;
  }
  return false;
}

template <typename Tuple>
std::optional<SessionView<Tuple>> SessionReader<Tuple>::read(FlowSlot slot) const noexcept {
  if (slot >= entries_.size() || slot % 32 == 0) return std::nullopt;
  if (peek(tags_[FlowTable<Tuple>::line_of_tags(slot / 32)].tag[slot % 32 - 1]) == 0) return std::nullopt;
  SessionView<Tuple> session;
  if (!read_side(slot, session.original)) return std::nullopt;
  const FlowHead& head = session.original.head;
  if (head.has(kFlowReply) || head.peer >= entries_.size() || head.peer % 32 == 0) return std::nullopt;
  if (!read_side(head.peer, session.reply)) return std::nullopt;
  if (session.reply.head.peer != slot || !session.reply.head.has(kFlowReply)) return std::nullopt;
  // Both were whole, and the original still is the one that named the reply.
  if (peek(entries_[place_of(slot)].head.sequence) != head.sequence) return std::nullopt;
  return session;
}

template class SessionReader<FiveTuple4>;
template class SessionReader<FiveTuple6>;

}  // namespace culvert
