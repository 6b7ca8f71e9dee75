// SPDX-License-Identifier: Apache-2.0
// Sessions of one worker, as the tests of what reads them want them.
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/mapping.h"
#include "control/session_filter.h"
#include "control/session_rows.h"
#include "sessions/session_file.h"
#include "sessions/session_shard.h"

namespace culvert::test {

inline constexpr Now kSessionsBegin = 1000 * kNanosecondsPerSecond;

/// What a session is to be; the rest of it is its number.
struct SessionPlan {
  std::uint8_t protocol = 17;
  bool established = false;  ///< TCP: the handshake is done; else only the SYN was seen
  std::uint8_t from = 1, to = 2;
  std::uint8_t in = 0, out = 1;
  RuleIndex rule = 0;
  std::uint16_t generation = 1;
  std::uint16_t port = 443;
  std::uint64_t packets = 1, bytes = 100, reply_packets = 0, reply_bytes = 0;
  Now begun = kSessionsBegin;
  bool log_close = false;
};

class SessionBox {
 public:
  explicit SessionBox(std::uint32_t sessions)
      : tables_(Mapping::anonymous(SessionFile::bytes_for(sessions), HugePages::kNever, "sessions of a test")),
        wheels_(Mapping::anonymous(2 * wheel_bytes(sessions), HugePages::kNever, "wheels of a test")),
        memory_(memory_of(sessions)),
        shard_(memory_, {sessions, sessions}, HashKey{}, cells_, kSessionsBegin) {}

  /// 198.18.A.B:1024 -> 192.0.2.1:port, where A and B are of `number`.
  FlowSlot add4(std::uint32_t number, const SessionPlan& plan) {
    FiveTuple4 key{{Be32(0xc6120000U + number)}, {Be32(0xc0000201U)}, Be16(1024), Be16(plan.port), plan.protocol, 0, 0};
    if (plan.protocol == 1) key.destination_port = key.source_port;
    return add(key, plan);
  }
  /// [2001:db8::number]:1024 -> [2001:db8:ff::1]:port.
  FlowSlot add6(std::uint32_t number, const SessionPlan& plan) {
    FiveTuple6 key;
    key.source.bytes = {0x20, 0x01, 0x0d, 0xb8};
    store(key.source.bytes.data() + 12, Be32(number));
    key.destination.bytes = {0x20, 0x01, 0x0d, 0xb8, 0x00, 0xff};
    key.destination.bytes[15] = 1;
    key.source_port = Be16(1024);
    key.destination_port = Be16(plan.port);
    key.protocol = plan.protocol;
    return add(key, plan);
  }

  SessionShard& shard() { return shard_; }
  const SessionCells& cells() const { return cells_; }
  const SessionShard::Memory& memory() const { return memory_; }

 private:
  static std::size_t wheel_bytes(std::uint32_t sessions) {
    return ExpiryWheel::chunks_for(sessions) * sizeof(ExpiryWheel::Chunk);
  }
  SessionShard::Memory memory_of(std::uint32_t sessions) const {
    SessionShard::Memory memory = SessionFile::tables(tables_.bytes(), sessions);
    const std::size_t chunks = ExpiryWheel::chunks_for(sessions);
    const auto wheels = array_over<ExpiryWheel::Chunk>(wheels_.bytes());
    memory.ipv4.wheel = wheels.first(chunks);
    memory.ipv6.wheel = wheels.subspan(chunks, chunks);
    return memory;
  }
  static FlowKind kind_of(std::uint8_t protocol) {
    if (protocol == 6) return FlowKind::kTcp;
    if (protocol == 17) return FlowKind::kUdp;
    return protocol == 1 || protocol == 58 ? FlowKind::kIcmp : FlowKind::kOther;
  }

  template <typename Tuple>
  FlowSlot add(const Tuple& key, const SessionPlan& plan) {
    auto& table = shard_.table<Tuple>();
    SessionStart<Tuple> start;
    start.original = {key, table.hash(key), plan.from, plan.in, {}};
    start.reply = {key.reversed(), table.hash(key.reversed()), plan.to, plan.out, {}};
    start.kind = kind_of(plan.protocol);
    start.rule = plan.rule;
    start.policy = plan.generation;
    start.flags = plan.log_close ? kFlowLogClose : std::uint8_t{0};
    start.original.tcp.set(kTcpSideSyn);
    if (plan.established) {
      start.original.tcp.set(kTcpSideAcked);
      start.reply.tcp.set(kTcpSideSyn | kTcpSideAcked);
    }
    const FlowSlot slot = shard_.admit(start, SessionTimeouts{}, plan.begun).slot;
    if (slot == kNoFlow) return slot;
    FlowHead& original = table.entry(slot).head;
    FlowHead& reply = table.entry(original.peer).head;
    put(original.packets_and_policy, original.packets_and_policy + plan.packets);
    put(original.bytes, plan.bytes);
    put(reply.packets_and_policy, reply.packets_and_policy + plan.reply_packets);
    put(reply.bytes, plan.reply_bytes);
    shard_.publish();
    return slot;
  }

  Mapping tables_, wheels_;
  SessionShard::Memory memory_;
  SessionCells cells_;
  SessionShard shard_;
};

/// Zones trust (1) and internet (2), interfaces lan0 (0) and wan0 (1), rules "out" and "web" of generation 1.
struct SessionNamesBox {
  SessionNamesBox() {
    for (const char* name : {"out", "web"}) rules.rules.emplace_back().name = name;
    names.zones = {"", "trust", "internet"};
    names.interfaces = {"lan0", "wan0"};
    names.rules = &rules;
    names.generation = 1;
  }

  RuleSet rules;
  SessionNames names;
};

}  // namespace culvert::test
