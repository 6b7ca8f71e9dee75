// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/mapping.h"
#include "pipeline/pipeline.h"
#include "sessions/session_shard.h"
#include "test/support/port_memory.h"

namespace culvert {

/// The secret of its SYN cookies.
inline constexpr SipKey kSynCookieKey{1, 2};

/// What workers count by address together.
class TestMeters {
 public:
  explicit TestMeters(std::uint32_t sessions);
  TestMeters(const TestMeters&) = delete;
  TestMeters& operator=(const TestMeters&) = delete;
  SharedMeters& meters() noexcept { return meters_; }

 private:
  std::vector<AddressMeters::Bucket> buckets_;
  std::vector<ScanMeters::Line> lines_;
  SharedMeters meters_;
};

struct SessionSizes {
  std::uint32_t sessions = 0;
  std::uint32_t half_open = 0;
  std::uint32_t fragments = 256;
  HugePages pages = HugePages::kNever;
  std::uint32_t external_addresses = 0;  ///< 0: no NAT
  WorkerIndex self = 0;                  ///< who has the sessions
  WorkerIndex workers = 1;
};

/// What the pipeline of one worker needs to be stateful, as control makes it: the shard with its memory, room for
/// fragments, cells for rules. Stays where it is.
class SessionMemory {
 public:
  /// `meters` outlives it.
  SessionMemory(const SessionSizes& sizes, SharedMeters& meters, Now now);
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;

  void give(PipelineParts& parts) noexcept;

  SessionShard& shard() noexcept { return shard_; }
  ExternalPorts& ports() noexcept { return ports_.ports(); }
  std::span<const Gauge> port_gauges() const noexcept { return ports_.gauges(); }
  NatBindings& bindings() noexcept { return bindings_; }
  const SessionCells& cells() const noexcept { return cells_; }
  /// For readers.
  const SessionShard::Memory& tables() const noexcept { return tables_; }
  std::span<const Cell> rule_hits() const noexcept { return rule_hits_; }

 private:
  Mapping file_;
  std::vector<ExpiryWheel::Chunk> wheel4_, wheel6_;
  std::vector<DatagramQueue::Entry> fragments_;
  std::vector<Cell> rule_hits_;
  SessionShard::Memory tables_;
  SharedMeters& meters_;
  PortMemory ports_;
  bool translates_;
  Mapping mappings_file_;
  Gauge mappings_gauge_;
  NatBindings bindings_;
  HashKey port_key_;
  SessionCells cells_;
  SessionShard shard_;
};

}  // namespace culvert
