// SPDX-License-Identifier: Apache-2.0
#include "lanes/pcap_lane.h"

#include <array>
#include <pcap/pcap.h>
#include <utility>

namespace culvert {
namespace {

constexpr int kSnapLength = 65535;

pcap_lane_detail::Files open_files(const std::string& in_path, const std::string& out_path, RegionView region) {
  pcap_lane_detail::Files files;
  if (!in_path.empty()) files.in = read_pcap(in_path, frame_room(region.frame_size)).value();
  if (!out_path.empty()) files.out = std::make_unique<PcapWriter>(out_path);
  return files;
}

MemoryLaneConfig with_files(MemoryLaneConfig config, const pcap_lane_detail::Files& files) {
  config.traffic = &files.in.packets;
  config.packets = files.in.packets.size();
  config.sink = files.out.get();
  return config;
}

}  // namespace

Result<PcapContents> read_pcap(const std::string& path, std::size_t room) {
  std::array<char, PCAP_ERRBUF_SIZE> message{};
  const std::unique_ptr<pcap_t, decltype(&::pcap_close)> handle(::pcap_open_offline(path.c_str(), message.data()),
                                                                &::pcap_close);
  if (handle == nullptr) return Error{message.data(), 0, "give a pcap or pcapng file"};
  if (::pcap_datalink(handle.get()) != DLT_EN10MB) {
    return Error{path + " does not hold Ethernet packets", 0, "capture on an Ethernet interface, not on 'any'"};
  }
  PcapContents contents;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  int status = 0;
  while ((status = ::pcap_next_ex(handle.get(), &header, &data)) == 1) {
    if (header->caplen < header->len) {
      return Error{path + ": packet " + std::to_string(contents.packets.size() + contents.left_out + 1) +
                       " was cut when it was captured",
                   0, "capture whole packets: tcpdump -s 0"};
    }
    if (header->caplen > room) {
      ++contents.left_out;
      continue;
    }
    contents.packets.add(std::as_bytes(std::span(data, header->caplen)));
  }
  if (status == PCAP_ERROR) return Error{path + ": " + ::pcap_geterr(handle.get()), 0, {}};
  return contents;
}

void PcapWriter::Close::operator()(pcap* handle) const noexcept {
  ::pcap_close(handle);
}
void PcapWriter::Close::operator()(pcap_dumper* dumper) const noexcept {
  ::pcap_dump_close(dumper);
}

PcapWriter::PcapWriter(const std::string& path)
    : handle_(::pcap_open_dead(DLT_EN10MB, kSnapLength)), dumper_(::pcap_dump_open(handle_.get(), path.c_str())) {
  if (dumper_ == nullptr) {
    throw SetupError(Error{std::string("writing a capture: ") + ::pcap_geterr(handle_.get()), 0, {}});
  }
}
PcapWriter::~PcapWriter() = default;

void PcapWriter::take(std::span<const std::byte> packet) noexcept {
  pcap_pkthdr header{};
  header.ts.tv_sec = static_cast<time_t>(written_ / 1'000'000);
  header.ts.tv_usec = static_cast<suseconds_t>(written_ % 1'000'000);
  header.caplen = header.len = static_cast<bpf_u_int32>(packet.size());
  const void* bytes = packet.data();
  ::pcap_dump(static_cast<u_char*>(static_cast<void*>(dumper_.get())), &header, static_cast<const u_char*>(bytes));
  ++written_;
}

PcapLane::PcapLane(const std::string& in_path, const std::string& out_path, const MemoryLaneConfig& config,
                   RegionView region, FramePool& pool)
    : PcapLane(open_files(in_path, out_path, region), config, region, pool) {}

PcapLane::PcapLane(Files files, const MemoryLaneConfig& config, RegionView region, FramePool& pool)
    : Files(std::move(files)), MemoryLane(with_files(config, *this), region, pool) {}

}  // namespace culvert
