// SPDX-License-Identifier: Apache-2.0
#include "control/meter_memory.h"

#include <utility>

#include "base/bytes.h"
#include "control/made_over.h"

namespace culvert {
namespace {

template <typename T>
std::span<const T> part(std::span<const T> items, std::size_t number) noexcept {
  const std::size_t begin = items.size() * number / MeterMemory::kParts;
  return items.subspan(begin, items.size() * (number + 1) / MeterMemory::kParts - begin);
}

constexpr std::size_t kLinesBytes = ScanMeters::kLines * sizeof(ScanMeters::Line);

std::size_t buckets_bytes(std::uint32_t sessions) noexcept {
  return AddressMeters::buckets_for(sessions) * sizeof(AddressMeters::Bucket);
}

/// What was left, when both have the right size; else neither.
std::pair<Mapping, Mapping> left_memory(const LeftMeters& left, std::uint32_t sessions) {
  std::pair<Mapping, Mapping> memory(Mapping::of_size(left.buckets, buckets_bytes(sessions)),
                                     Mapping::of_size(left.lines, kLinesBytes));
  if (memory.first.size() == 0 || memory.second.size() == 0) return {};
  return memory;
}

template <typename T>
std::span<T> items(const Mapping& memory, std::size_t bytes, bool taken_over) {
  return taken_over ? array_over<T>(memory.bytes()).first(bytes / sizeof(T)) : made_over<T>(memory, bytes / sizeof(T));
}

}  // namespace

MeterMemory::MeterMemory(std::uint32_t sessions, HugePages huge_pages, const LeftMeters& left)
    : MeterMemory(buckets_bytes(sessions), left_memory(left, sessions), huge_pages, left.key) {}

MeterMemory::MeterMemory(std::size_t buckets_bytes, std::pair<Mapping, Mapping> left, HugePages huge_pages,
                         const HashKey& key)
    : taken_over_(left.first.size() != 0),
      buckets_memory_(taken_over_ ? std::move(left.first)
                                  : Mapping::shareable(buckets_bytes, huge_pages, "sources of sessions")),
      lines_memory_(taken_over_ ? std::move(left.second)
                                : Mapping::shareable(kLinesBytes, HugePages::kNever, "scans by source")),
      meters_{SourceLimits(items<AddressMeters::Bucket>(buckets_memory_, buckets_bytes, taken_over_),
                           taken_over_ ? key : HashKey::random()),
              ScanMeters(items<ScanMeters::Line>(lines_memory_, kLinesBytes, taken_over_))} {
  sources_gauge_.max.set(meters_.sources.meters().buckets().size() * 4);
  scans_gauge_.max.set(meters_.scans.lines().size());
}

LeftMeters MeterMemory::leave() const noexcept {
  return {buckets_memory_.fd().get(), lines_memory_.fd().get(), meters_.sources.meters().key()};
}

void MeterMemory::begin_again() noexcept {
  if (!taken_over_) return;
  made_over<AddressMeters::Bucket>(buckets_memory_, meters_.sources.meters().buckets().size());
  made_over<ScanMeters::Line>(lines_memory_, meters_.scans.lines().size());
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
