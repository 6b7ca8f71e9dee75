// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace culvert {

/// Packets in memory, in the order in which a lane replays them. Bytes lie in one block, each packet on cache lines of
/// its own, so that replaying copies whole lines and streams.
class PacketList {
 public:
  static constexpr std::size_t kLine = 64;

  struct Record {
    std::uint64_t offset = 0;  ///< of the first stored byte; a multiple of kLine
    std::uint16_t stored = 0;  ///< bytes that replaying writes, at most `length`
    std::uint16_t length = 0;  ///< of the packet
    std::uint16_t lines() const noexcept { return static_cast<std::uint16_t>((stored + kLine - 1) / kLine); }
  };

  /// A packet of exactly these bytes; at most 65535.
  void add(std::span<const std::byte> packet) { add(packet, static_cast<std::uint16_t>(packet.size())); }

  /// A packet of `length` bytes of which only the first ones matter: the rest is whatever the frame holds. Benchmarks
  /// replay headers only.
  void add(std::span<const std::byte> stored, std::uint16_t length);

  std::size_t size() const noexcept { return records_.size(); }
  bool empty() const noexcept { return records_.empty(); }
  const Record& operator[](std::size_t index) const noexcept { return records_[index]; }
  /// The stored bytes, padded with zeros to whole lines.
  const std::byte* lines_of(const Record& record) const noexcept { return bytes_.data() + record.offset; }
  std::span<const std::byte> stored(const Record& record) const noexcept { return {lines_of(record), record.stored}; }

  /// Another order, drawn from the seed; the bytes move along, so that replaying still streams.
  void shuffle(std::uint64_t seed);

 private:
  std::vector<std::byte> bytes_;
  std::vector<Record> records_;
};

/// Takes what a lane sends; called by the lane's worker in flush(). Must not keep the span.
class PacketSink {
 public:
  PacketSink() = default;
  PacketSink(const PacketSink&) = delete;
  PacketSink& operator=(const PacketSink&) = delete;
  virtual ~PacketSink() = default;
  virtual void take(std::span<const std::byte> packet) noexcept = 0;
};

/// Keeps a copy of each packet, for tests.
class PacketCapture final : public PacketSink {
 public:
  void take(std::span<const std::byte> packet) noexcept override;
  const PacketList& packets() const noexcept { return packets_; }
  std::span<const std::byte> operator[](std::size_t index) const noexcept { return packets_.stored(packets_[index]); }
  std::size_t size() const noexcept { return packets_.size(); }
  void clear() { packets_ = {}; }

 private:
  PacketList packets_;
};

}  // namespace culvert
