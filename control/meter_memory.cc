// SPDX-License-Identifier: Apache-2.0
#include "control/meter_memory.h"

#include "control/made_over.h"

namespace culvert {
namespace {

template <typename T>
std::span<const T> part(std::span<const T> items, std::size_t number) noexcept {
  const std::size_t begin = items.size() * number / MeterMemory::kParts;
  return items.subspan(begin, items.size() * (number + 1) / MeterMemory::kParts - begin);
}

}  // namespace

MeterMemory::MeterMemory(std::uint32_t sessions, HugePages huge_pages)
    : buckets_memory_(Mapping::anonymous(AddressMeters::buckets_for(sessions) * sizeof(AddressMeters::Bucket),
                                         huge_pages, "sources of sessions")),
      lines_memory_(
          Mapping::anonymous(ScanMeters::kLines * sizeof(ScanMeters::Line), HugePages::kNever, "scans by source")),
      meters_{SourceLimits(made_over<AddressMeters::Bucket>(buckets_memory_, AddressMeters::buckets_for(sessions)),
                           HashKey::random()),
              ScanMeters(made_over<ScanMeters::Line>(lines_memory_, ScanMeters::kLines))} {
  sources_gauge_.max.set(meters_.sources.meters().buckets().size() * 4);
  scans_gauge_.max.set(meters_.scans.lines().size());
}

void MeterMemory::observe(Now now, std::uint64_t unknown) noexcept {
  sources_gauge_.failures.set(unknown);
  const std::span<const AddressMeters::Bucket> buckets = part(meters_.sources.meters().buckets(), part_);
  for (const AddressMeters::Bucket& bucket : buckets) {
    for (const AddressMeters::Place& place : bucket.places) sources_ += AddressMeters::in_use(place, now) ? 1U : 0U;
  }
  for (const ScanMeters::Line& line : part(meters_.scans.lines(), part_))
    scans_ += ScanMeters::in_use(line, now) ? 1U : 0U;
  if (++part_ < kParts) return;
  sources_gauge_.observe(sources_);
  scans_gauge_.observe(scans_);
  part_ = 0;
  sources_ = scans_ = 0;
}

void MeterMemory::clear_peaks() noexcept {
  sources_gauge_.clear_peak();
  scans_gauge_.clear_peak();
}

}  // namespace culvert
