// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <vector>

#include "test/simulation/dice.h"
#include "test/support/bytes.h"

namespace culvert::test {

/// Packets changed, cut, repeated and spliced at random.
class Mutations {
 public:
  static constexpr std::size_t kMostBytes = 1700;  // fits a frame of 2048 with its headroom

  /// `samples`: whose parts are spliced in; they outlive it.
  Mutations(Dice& dice, const std::vector<Bytes>& samples) : dice_(dice), samples_(samples) {}

  /// One change of what lies from `first` on: mostly of what lies before `end`.
  void change(Bytes& bytes, std::size_t first = 0, std::size_t end = 74) {
    if (bytes.size() <= first) return;
    // Headers are worth more than payload.
    const std::size_t last = dice_.pick(4) == 0 ? bytes.size() : std::clamp(end, first + 1, bytes.size());
    const std::size_t at = first + dice_.pick(last - first);
    const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (dice_.pick(9)) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes.resize(bytes.size() + dice_.pick(1500), static_cast<std::byte>(value()));
        break;
      case 2:
        bytes.insert(place, 1 + dice_.pick(8), static_cast<std::byte>(value()));
        break;
      case 3:
        bytes.erase(place,
                    place + static_cast<std::ptrdiff_t>(std::min<std::size_t>(bytes.size() - at, 1 + dice_.pick(8))));
        break;
      case 4: {
        const Bytes& other = samples_[dice_.pick(samples_.size())];
        bytes.resize(at);
        append(bytes, slice(other, std::min(at, other.size())));
        break;
      }
      case 5:
        if (at >= 12) bytes.insert(bytes.begin() + 12, 4, std::byte{0x81});
        if (at >= 12) bytes[13] = std::byte{0};
        break;
      case 6:
        *place ^= std::byte{1} << dice_.pick(8);
        break;
      default:
        *place = static_cast<std::byte>(value());
        break;
    }
  }

 private:
  /// Bounds of fields are where mistakes live.
  std::uint32_t value() {
    static constexpr std::uint32_t kValues[] = {0, 1, 2, 4, 5, 6, 17, 44, 58, 60, 0x45, 0x60, 0x7f, 0x80, 0xff};
    return dice_.pick(2) == 0 ? kValues[dice_.pick(std::size(kValues))] : static_cast<std::uint32_t>(dice_.pick(256));
  }

  Dice& dice_;
  const std::vector<Bytes>& samples_;
};

}  // namespace culvert::test
