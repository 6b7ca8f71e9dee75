// SPDX-License-Identifier: Apache-2.0
#include "nat/port_pool.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/hash.h"

namespace culvert {
namespace {

constexpr std::uint64_t kEvenPorts = 0x5555'5555'5555'5555;

constexpr std::uint64_t bit_at(unsigned place) noexcept {
  return std::uint64_t{1} << place;
}
constexpr std::uint64_t ports_of(PortParity parity) noexcept {
  switch (parity) {
    case PortParity::kEven:
      return kEvenPorts;
    case PortParity::kOdd:
      return ~kEvenPorts;
    case PortParity::kAny:
      break;
  }
  return ~std::uint64_t{0};
}

/// The ports of the block that begins at `first` which are in the range.
constexpr std::uint64_t ports_in(std::uint32_t first, PoolRange range) noexcept {
  const std::uint32_t last = first + kPortBlock - 1;
  if (last < range.first || first > range.last) return 0;
  const unsigned below = first < range.first ? range.first - first : 0;
  const unsigned above = last > range.last ? last - range.last : 0;
  return ~std::uint64_t{0} << below & ~std::uint64_t{0} >> above;
}

/// Of `blocks` blocks dealt in turn, those of worker `self`.
constexpr std::uint32_t share_of(std::uint32_t blocks, WorkerIndex self, WorkerIndex workers) noexcept {
  return self < blocks ? (blocks - self + workers - 1U) / workers : 0;
}

/// The lowest bit that is set, beginning at `from` and round; `word` is not 0.
unsigned next_bit(std::uint64_t word, unsigned from) noexcept {
  return (static_cast<unsigned>(std::countr_zero(std::rotr(word, static_cast<int>(from)))) + from) % 64;
}

}  // namespace

PortPool::PortPool(std::span<std::uint64_t> memory, WorkerIndex self, WorkerIndex workers) noexcept
    : self_(self),
      workers_(workers),
      inverse_(((std::uint64_t{1} << 32) + workers - 1) / workers),
      words_(share_of(kPortBlocks, self, workers)),
      system_words_(share_of(kFirstUserPort / kPortBlock, self, workers)) {
  CULVERT_CHECK(self < workers && memory.size() >= words_for(workers));
  const std::size_t blocks = blocks_for(workers);
  const std::size_t summaries = (blocks + 63) / 64;
  std::fill(memory.begin(), memory.end(), 0);
  ports_ = memory.first(2 * blocks);
  even_ = memory.subspan(2 * blocks, summaries);
  odd_ = memory.subspan(2 * blocks + summaries, summaries);
}

void PortPool::use(PoolRange range) noexcept {
  size_ = 0;
  in_range_ = {words_, 0};
  for (std::uint32_t word = 0; word < words_; ++word) {
    allowed(word) = ports_in(port_of(word, 0), range);
    if (allowed(word) != 0) in_range_ = {std::min(in_range_.begin, word), word + 1};
    size_ += static_cast<std::uint32_t>(std::popcount(allowed(word) | taken_ports(word)));
    summarize(word);
  }
}

PortPool::Words PortPool::words_of(PortClass port_class) const noexcept {
  Words words = in_range_;
  if (port_class == PortClass::kSystem) words.end = std::min(words.end, system_words_);
  if (port_class == PortClass::kUser) words.begin = std::max(words.begin, system_words_);
  return words;
}

std::uint16_t PortPool::port_of(std::uint32_t word, unsigned bit) const noexcept {
  return static_cast<std::uint16_t>((word * workers_ + self_) * kPortBlock + bit);
}

std::uint64_t PortPool::summary(PortParity parity, std::uint32_t word) const noexcept {
  const std::uint32_t i = word / 64;
  switch (parity) {
    case PortParity::kEven:
      return even_[i];
    case PortParity::kOdd:
      return odd_[i];
    case PortParity::kAny:
      break;
  }
  return even_[i] | odd_[i];
}

std::uint32_t PortPool::next_word(PortParity parity, std::uint32_t from, std::uint32_t end) const noexcept {
  std::uint32_t word = from;
  while (word < end) {
    const std::uint64_t rest = summary(parity, word) >> (word % 64);
    if (rest != 0) return std::min(word + static_cast<std::uint32_t>(std::countr_zero(rest)), end);
    word = word / 64 * 64 + 64;
  }
  return end;
}

std::optional<std::uint16_t> PortPool::take(PortWish wish, std::uint64_t random) noexcept {
  const Words words = words_of(wish.port_class);
  if (words.begin >= words.end) return std::nullopt;
  const std::uint32_t begin = words.begin + fast_range(random, words.end - words.begin);
  std::uint32_t word = next_word(wish.parity, begin, words.end);
  if (word == words.end) {
    word = next_word(wish.parity, words.begin, begin);
    if (word == begin) return std::nullopt;
  }
  // fast_range takes the high bits.
  const unsigned bit = next_bit(free_in(word) & ports_of(wish.parity), random % 64);
  take_bit(word, bit);
  return port_of(word, bit);
}

bool PortPool::take_exactly(std::uint16_t port) noexcept {
  const std::uint32_t word = word_of(port);
  if (!owns(port) || (free_in(word) & bit_at(port % kPortBlock)) == 0) return false;
  take_bit(word, port % kPortBlock);
  return true;
}

void PortPool::give_back(std::uint16_t port) noexcept {
  CULVERT_CHECK(taken(port));
  const std::uint32_t word = word_of(port);
  const std::uint64_t bit = bit_at(port % kPortBlock);
  taken_ports(word) &= ~bit;
  --used_;
  if ((allowed(word) & bit) == 0) --size_;
  summarize(word);
}

void PortPool::exclude(std::uint16_t port) noexcept {
  const std::uint32_t word = word_of(port);
  const std::uint64_t bit = bit_at(port % kPortBlock);
  if (!owns(port) || (allowed(word) & bit) == 0) return;
  allowed(word) &= ~bit;
  if ((taken_ports(word) & bit) == 0) --size_;
  summarize(word);
}

void PortPool::include(std::uint16_t port) noexcept {
  const std::uint32_t word = word_of(port);
  const std::uint64_t bit = bit_at(port % kPortBlock);
  if (!owns(port) || (allowed(word) & bit) != 0) return;
  allowed(word) |= bit;
  in_range_ = {std::min(in_range_.begin, word), std::max(in_range_.end, word + 1)};
  if ((taken_ports(word) & bit) == 0) ++size_;
  summarize(word);
}

bool PortPool::taken(std::uint16_t port) const noexcept {
  return owns(port) && (taken_ports(word_of(port)) & bit_at(port % kPortBlock)) != 0;
}

void PortPool::take_bit(std::uint32_t word, unsigned bit) noexcept {
  taken_ports(word) |= bit_at(bit);
  ++used_;
  summarize(word);
}

void PortPool::summarize(std::uint32_t word) noexcept {
  const auto show = [word](std::span<std::uint64_t> summary, bool some) {
    const std::uint64_t rest = summary[word / 64] & ~bit_at(word % 64);
    summary[word / 64] = rest | std::uint64_t{some} << (word % 64);
  };
  const std::uint64_t ports = free_in(word);
  show(even_, (ports & kEvenPorts) != 0);
  show(odd_, (ports & ~kEvenPorts) != 0);
}

}  // namespace culvert
