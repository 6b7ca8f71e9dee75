// SPDX-License-Identifier: Apache-2.0
#include "control/nat/nat_memory.h"

#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"
#include "control/made_over.h"
#include "sessions/session_file.h"

namespace culvert {
namespace {

Mapping memory_for(std::size_t bytes, HugePages huge_pages, std::string_view what) {
  return bytes == 0 ? Mapping() : Mapping::anonymous(bytes, huge_pages, what);
}

Mapping port_memory(std::size_t bytes) {
  return memory_for(bytes, HugePages::kNever, "ports of external addresses (see nat.addresses_max)");
}

Mapping mapping_memory(std::size_t bytes, const NatMemory::Sizes& sizes) {
  return memory_for(sizes.slots == 0 ? 0 : bytes, sizes.huge_pages, "mappings of NAT (see sessions.max)");
}

std::span<ExternalPool> pools_over(const Mapping& pools, const Mapping& words, WorkerIndex self, WorkerIndex workers,
                                   std::size_t count) {
  const std::span<ExternalPool> made = array_over<ExternalPool>(pools.bytes()).first(count);
  const std::size_t share = PortPool::words_for(workers);
  const auto bits = array_over<std::uint64_t>(words.bytes()).first(count * share);
  for (std::size_t i = 0; i < count; ++i) {
    std::construct_at(&made[i], ExternalPool{PortPool(bits.subspan(i * share, share), self, workers)});
  }
  return made;
}

NatBindings::Memory tables_over(const Mapping& tables, const NatMemory::Sizes& sizes) {
  if (sizes.slots == 0) return {};
  return {SessionFile::tables(tables.bytes(), sizes.mappings), sizes.mappings};
}

}  // namespace

NatMemory::NatMemory(const Sizes& sizes, WorkerIndex self, WorkerIndex workers)
    : words_memory_(port_memory(sizes.slots * kPortKinds * PortPool::words_for(workers) * sizeof(std::uint64_t))),
      pools_memory_(port_memory(sizes.slots * kPortKinds * sizeof(ExternalPool))),
      gauges_memory_(port_memory(sizes.slots * kPortKinds * sizeof(Gauge))),
      tables_memory_(mapping_memory(SessionFile::bytes_for(sizes.mappings), sizes)),
      port_gauges_(made_over<Gauge>(gauges_memory_, sizes.slots * kPortKinds)),
      ports_(pools_over(pools_memory_, words_memory_, self, workers, sizes.slots * kPortKinds), port_gauges_),
      tables_(tables_over(tables_memory_, sizes)) {
  if (sizes.slots != 0) bindings_.emplace(ports_, tables_, HashKey::random(), mappings_, monotonic_ns());
}

}  // namespace culvert
