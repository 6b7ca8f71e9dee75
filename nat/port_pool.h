// SPDX-License-Identifier: Apache-2.0
// The ports of one external address and one protocol that one worker may give to sessions.
//
// Ports are dealt to workers in blocks of 64, so that the owner of an answer is known from its port alone:
//
//   three workers    block 0 (ports 0-63): worker 0    block 1: worker 1    block 2: worker 2    block 3: worker 0 ...
//
// A block is a word, one bit a port. Two summaries, of even and of odd ports, have a bit for each word that has a free
// one, so that a port is found in a few steps however full the pool is; it is refused only when there is none.
//
//   take({.parity = kOdd}, random)   a random word and place in it; none free there: the next word that has one
//
// A port belongs to one session or mapping at a time, whatever its other end: no overloading (RFC 4787 REQ-3). Its
// parity and its class, below 1024 or not, can be those of the inside port (RFC 4787 REQ-3a and REQ-4).
// Where it is found is random within that (RFC 6056 3.3.1, RFC 7857 9).
//
// One worker uses it, and everything takes bounded time. The memory is the caller's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "umem/frame.h"

namespace culvert {

/// Ports of a block: one after the other, with one owner.
inline constexpr std::uint32_t kPortBlock = 64;
inline constexpr std::uint32_t kPortBlocks = 0x10000 / kPortBlock;
/// RFC 6335 6: below it are the system ports.
inline constexpr std::uint32_t kFirstUserPort = 1024;

/// The worker that has this port, of every external address.
constexpr WorkerIndex owner_of_port(std::uint16_t port, WorkerIndex workers) noexcept {
  return static_cast<WorkerIndex>(port / kPortBlock % workers);
}

/// From `first` to `last`, both included.
struct PoolRange {
  std::uint16_t first = kFirstUserPort;
  std::uint16_t last = 0xffff;

  friend constexpr bool operator==(const PoolRange&, const PoolRange&) noexcept = default;
};
inline constexpr PoolRange kNoPorts{1, 0};

enum class PortParity : std::uint8_t { kAny, kEven, kOdd };
enum class PortClass : std::uint8_t { kAny, kSystem, kUser };

/// What the new port should be like.
struct PortWish {
  PortParity parity = PortParity::kAny;
  PortClass port_class = PortClass::kAny;

  /// As the inside port is.
  static constexpr PortWish like(std::uint16_t port) noexcept {
    return {(port & 1) != 0 ? PortParity::kOdd : PortParity::kEven,
            port < kFirstUserPort ? PortClass::kSystem : PortClass::kUser};
  }
};

class PortPool {
 public:
  /// Words of memory that a worker's share of one pool needs.
  static constexpr std::size_t words_for(WorkerIndex workers) noexcept {
    const std::size_t blocks = blocks_for(workers);
    return 2 * blocks + 2 * ((blocks + 63) / 64);
  }

  /// `memory`: words_for(workers) of them, aligned to 16 bytes, which outlive it. No port can be given before use().
  PortPool(std::span<std::uint64_t> memory, WorkerIndex self, WorkerIndex workers) noexcept;

  /// From now on these can be given, whoever owns them, and no others; which are excluded must be said again. Who has
  /// another one keeps it until it is given back.
  void use(PoolRange range) noexcept;

  /// A free port that is as wished; else none, though others may be free. `random`: 64 bits that nobody can foresee.
  std::optional<std::uint16_t> take(PortWish wish, std::uint64_t random) noexcept;
  /// That port, if it is free, ours and in the range.
  bool take_exactly(std::uint16_t port) noexcept;
  /// What take() or take_exactly() gave; it is free again, unless it has been excluded since.
  void give_back(std::uint16_t port) noexcept;

  /// The port is never given (the host itself listens there); who has it keeps it until it is given back.
  void exclude(std::uint16_t port) noexcept;
  /// The opposite.
  void include(std::uint16_t port) noexcept;

  bool owns(std::uint16_t port) const noexcept {
    return word_of(port) * workers_ + self_ == std::uint32_t{port} / kPortBlock;
  }
  /// Whether it is taken.
  bool taken(std::uint16_t port) const noexcept;
  /// Ports that can be given or are: of the range, without those that are excluded and not taken.
  std::uint32_t size() const noexcept { return size_; }
  std::uint32_t used() const noexcept { return used_; }

 private:
  static constexpr std::size_t blocks_for(WorkerIndex workers) noexcept {
    return (kPortBlocks + workers - 1U) / workers;
  }
  /// Words of ours, by their place in our share: from `begin` to before `end`.
  struct Words {
    std::uint32_t begin, end;
  };
  /// Those of the class that have ports of the range: from a random one of more the first of them would be found too
  /// often.
  Words words_of(PortClass port_class) const noexcept;
  /// The first word from `from` to before `end` with a free port of this parity; `end`: there is none.
  std::uint32_t next_word(PortParity parity, std::uint32_t from, std::uint32_t end) const noexcept;
  std::uint64_t summary(PortParity parity, std::uint32_t word) const noexcept;
  void take_bit(std::uint32_t word, unsigned bit) noexcept;
  /// Bits of ports that may be given.
  std::uint64_t& allowed(std::uint32_t word) const noexcept { return ports_[2 * std::size_t{word}]; }
  /// Bits of ports that are given, or were before they were excluded.
  std::uint64_t& taken_ports(std::uint32_t word) const noexcept { return ports_[2 * std::size_t{word} + 1]; }
  std::uint64_t free_in(std::uint32_t word) const noexcept { return allowed(word) & ~taken_ports(word); }
  /// After a change of the word.
  void summarize(std::uint32_t word) noexcept;
  std::uint16_t port_of(std::uint32_t word, unsigned bit) const noexcept;
  /// The port's block divided by the number of workers, by a multiplication (exact below 2^16 blocks).
  std::uint32_t word_of(std::uint16_t port) const noexcept {
    return static_cast<std::uint32_t>(port / kPortBlock * inverse_ >> 32);
  }

  std::span<std::uint64_t> ports_;  ///< two for each of our words, in one cache line: allowed() and taken_ports()
  std::span<std::uint64_t> even_;   ///< bits of words with a free even port
  std::span<std::uint64_t> odd_;    ///< the same of odd ones
  WorkerIndex self_;
  WorkerIndex workers_;
  std::uint64_t inverse_;       ///< 2^32 / workers, rounded up
  std::uint32_t words_;         ///< of our share
  std::uint32_t system_words_;  ///< of them: ports below 1024
  Words in_range_{0, 0};        ///< from the first to behind the last with ports of the range
  std::uint32_t size_ = 0;
  std::uint32_t used_ = 0;
};

}  // namespace culvert
