// SPDX-License-Identifier: Apache-2.0
#include "lanes/packet_list.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"

namespace culvert {

void PacketList::add(std::span<const std::byte> stored, std::uint16_t length) {
  CULVERT_CHECK(stored.size() <= length);
  const Record record{bytes_.size(), static_cast<std::uint16_t>(stored.size()), length};
  bytes_.resize(bytes_.size() + record.lines() * kLine);
  std::copy(stored.begin(), stored.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(record.offset));
  records_.push_back(record);
}

void PacketList::shuffle(std::uint64_t seed) noexcept {
  for (std::size_t i = records_.size(); i > 1; --i) {
    std::swap(records_[i - 1], records_[fast_range(splitmix64(seed), static_cast<std::uint32_t>(i))]);
  }
}

void PacketCapture::take(std::span<const std::byte> packet) noexcept {
  packets_.add(packet);
}

}  // namespace culvert
