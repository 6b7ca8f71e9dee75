// SPDX-License-Identifier: Apache-2.0
// Packets from a pcap file, and what is sent into another: a memory lane between two files. For tests and for trying a
// configuration on a capture; not for speed.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "lanes/memory_lane.h"

struct pcap;
struct pcap_dumper;

namespace culvert {

/// All packets of an Ethernet capture (pcap or pcapng, as libpcap reads it). An error for another link type and for
/// packets that were cut when captured; packets longer than `room` are left out and counted in `left_out`.
struct PcapContents {
  PacketList packets;
  std::uint64_t left_out = 0;
};
Result<PcapContents> read_pcap(const std::string& path, std::size_t room);

/// Writes an Ethernet capture. Time stamps are the packets' ordinal numbers in microseconds: output is repeatable.
class PcapWriter final : public PacketSink {
 public:
  /// Throws SetupError when the file cannot be made.
  explicit PcapWriter(const std::string& path);
  ~PcapWriter() override;
  void take(std::span<const std::byte> packet) noexcept override;
  std::uint64_t written() const noexcept { return written_; }

 private:
  struct Close {
    void operator()(pcap* handle) const noexcept;
    void operator()(pcap_dumper* dumper) const noexcept;
  };
  std::unique_ptr<pcap, Close> handle_;
  std::unique_ptr<pcap_dumper, Close> dumper_;
  std::uint64_t written_ = 0;
};

namespace pcap_lane_detail {
/// Comes before the lane that refers to it.
struct Files {
  PcapContents in;
  std::unique_ptr<PcapWriter> out;
};
}  // namespace pcap_lane_detail

/// Replays `in` once and writes what is sent to `out`; either may be empty. The other fields of `config` are the memory
/// lane's.
class PcapLane final : private pcap_lane_detail::Files, public MemoryLane {
 public:
  /// Throws SetupError when a file cannot be read or made.
  PcapLane(const std::string& in_path, const std::string& out_path, const MemoryLaneConfig& config, RegionView region,
           FramePool& pool);
  std::uint64_t left_out() const noexcept { return in.left_out; }

 private:
  PcapLane(Files files, const MemoryLaneConfig& config, RegionView region, FramePool& pool);
};

}  // namespace culvert
