// SPDX-License-Identifier: Apache-2.0
#include "lanes/packet_list.h"

#include <algorithm>
#include <utility>

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

void PacketList::shuffle(std::uint64_t seed) {
  std::vector<Record> order = records_;
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[fast_range(splitmix64(seed), static_cast<std::uint32_t>(i))]);
  }
  PacketList shuffled;
  for (const Record& record : order) shuffled.add(stored(record), record.length);
  *this = std::move(shuffled);
}

void PacketCapture::take(std::span<const std::byte> packet) noexcept {
  packets_.add(packet);
}

}  // namespace culvert
