// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nat/external_ports.h"

namespace culvert {

/// One worker's ports of external addresses.
class PortMemory {
 public:
  PortMemory(std::uint32_t addresses, WorkerIndex self, WorkerIndex workers)
      : words_(addresses * kPortKinds * PortPool::words_for(workers)),
        pools_(pools_over(words_, addresses * kPortKinds, self, workers)),
        gauges_(pools_.size()),
        ports_(pools_, gauges_) {}
  PortMemory(const PortMemory&) = delete;
  PortMemory& operator=(const PortMemory&) = delete;
  ExternalPorts& ports() noexcept { return ports_; }
  std::span<const Gauge> gauges() const noexcept { return gauges_; }

 private:
  static std::vector<ExternalPool> pools_over(std::span<std::uint64_t> words, std::size_t count, WorkerIndex self,
                                              WorkerIndex workers) {
    std::vector<ExternalPool> pools;
    pools.reserve(count);
    const std::size_t share = PortPool::words_for(workers);
    for (std::size_t i = 0; i < count; ++i) {
      pools.push_back({PortPool(words.subspan(i * share, share), self, workers)});
    }
    return pools;
  }

  std::vector<std::uint64_t> words_;
  std::vector<ExternalPool> pools_;
  std::vector<Gauge> gauges_;
  ExternalPorts ports_;
};

}  // namespace culvert
