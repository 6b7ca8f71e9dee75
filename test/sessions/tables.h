// SPDX-License-Identifier: Apache-2.0
// Memory for flows and sessions that a test can look into, copy and damage, and keys to put there.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sessions/session_table.h"
#include "test/support/seed.h"

namespace culvert::test {

/// 198.18.x.y -> 192.0.2.1:443, or below 2001:db8::/64: another one for each number below 2^32.
template <typename Tuple>
Tuple tuple_of(std::uint64_t number);

template <>
inline FiveTuple4 tuple_of<FiveTuple4>(std::uint64_t number) {
  FiveTuple4 tuple{};
  tuple.source.value = Be32(static_cast<std::uint32_t>(0xc6120000 + (number & 0x1ffff)));
  tuple.destination.value = Be32(0xc0000201);
  tuple.source_port = Be16(static_cast<std::uint16_t>(1024 + (number >> 17)));
  tuple.destination_port = Be16(443);
  tuple.protocol = 17;
  return tuple;
}

template <>
inline FiveTuple6 tuple_of<FiveTuple6>(std::uint64_t number) {
  FiveTuple6 tuple{};
  store(tuple.source.bytes.data(), Be64(0x20010db800000000));
  store(tuple.source.bytes.data() + 8, Be64(number));
  store(tuple.destination.bytes.data(), Be64(0x20010db800010000));
  store(tuple.destination.bytes.data() + 8, Be64(1));
  tuple.source_port = Be16(1024);
  tuple.destination_port = Be16(443);
  tuple.protocol = 17;
  return tuple;
}

/// A hash whose first bucket of `buckets` is `bucket`, with this tag. `way`: where it goes on.
inline std::uint64_t hash_at(std::uint32_t bucket, std::uint32_t buckets, std::uint16_t tag, std::uint16_t way = 0) {
  const std::uint64_t top = ((std::uint64_t{bucket} << 32) + buckets - 1) / buckets;
  return top << 32 | std::uint64_t{way} << 16 | tag;
}

/// Zeroed memory of whole buckets. Its lines can be copied as they are.
template <typename Tuple>
class FlowMemory {
 public:
  explicit FlowMemory(std::size_t buckets) : lines_(buckets * kLinesPerBucket) {}

  std::span<std::byte> bytes() { return std::as_writable_bytes(std::span(lines_)); }
  FlowTags& tags(std::size_t bucket) {
    return array_over<FlowTags>(bytes())[FlowTable<Tuple>::line_of_tags(static_cast<std::uint32_t>(bucket))];
  }
  FlowEntry<Tuple>& entry(FlowSlot slot) { return array_over<FlowEntry<Tuple>>(bytes())[place_of(slot)]; }
  std::uint32_t buckets() const { return static_cast<std::uint32_t>(lines_.size() / kLinesPerBucket); }
  std::uint32_t slots() const { return buckets() * 32; }
  /// No tag and no counter is left.
  bool is_free() {
    for (std::size_t bucket = 0; bucket < buckets(); ++bucket) {
      const auto line = bytes_of(tags(bucket));
      if (std::any_of(line.begin(), line.end(), [](std::byte byte) { return byte != std::byte{0}; })) return false;
    }
    return true;
  }
  friend bool operator==(const FlowMemory& a, const FlowMemory& b) { return a.lines_ == b.lines_; }

 private:
  struct alignas(kCacheLine) Line {
    std::array<std::byte, kCacheLine> bytes{};
    friend bool operator==(const Line&, const Line&) = default;
  };
  static constexpr std::size_t kLinesPerBucket = FlowTable<Tuple>::kBucketBytes / sizeof(Line);

  std::vector<Line> lines_;
};

/// All that a SessionTable needs. `wheel_sessions`: 0 for as many as `sessions`.
template <typename Tuple>
struct SessionMemory {
  explicit SessionMemory(std::size_t sessions, std::size_t wheel_sessions = 0)
      : flows(FlowTable<Tuple>::buckets_for(2 * sessions)),
        infos(flows.slots()),
        wheel(ExpiryWheel::chunks_for(wheel_sessions != 0 ? wheel_sessions : sessions)) {}

  typename SessionTable<Tuple>::Memory view() { return {flows.bytes(), infos, wheel}; }
  /// Of a table whose sessions last until they are erased.
  typename SessionTable<Tuple>::Memory view_without_wheel() { return {flows.bytes(), infos, {}}; }

  FlowMemory<Tuple> flows;
  std::vector<FlowInfo> infos;
  std::vector<ExpiryWheel::Chunk> wheel;
};

/// A session of this key and the reversed one.
template <typename Tuple>
SessionStart<Tuple> start_of(const SessionTable<Tuple>& table, const Tuple& key, FlowKind kind = FlowKind::kUdp) {
  SessionStart<Tuple> start;
  start.original.key = key;
  start.original.hash = table.hash(key);
  start.reply.key = key.reversed();
  start.reply.hash = table.hash(start.reply.key);
  start.kind = kind;
  return start;
}

inline constexpr Now seconds(std::uint64_t count) {
  return count * kNanosecondsPerSecond;
}

}  // namespace culvert::test
