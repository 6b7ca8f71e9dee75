// SPDX-License-Identifier: Apache-2.0
#include "packet/tcp_shift.h"

#include <span>

#include "base/bytes.h"
#include "packet/checksum.h"
#include "packet/icmp.h"
#include "packet/tcp.h"
#include "packet/tcp_option_walk.h"

namespace culvert {
namespace {

constexpr std::size_t kOptionHead = 2;
constexpr std::size_t kTimestampsSize = 10;
constexpr std::size_t kSackBlock = 8;

/// A TCP header whose fields are changed, and what that does to its checksum.
class Edit {
 public:
  explicit Edit(Packet& packet) noexcept : start_(packet.transport_header()) {}
  Edit(const Edit&) = delete;
  Edit& operator=(const Edit&) = delete;
  ~Edit() {
    // A field at an odd offset lies across the words of the sum: its own sum counts with its bytes exchanged (RFC 1071
    // 2 B).
    even_.add(ChecksumDelta::from_folded(byte_swap(odd_.folded())));
    header().checksum = even_.apply(header().checksum);
  }

  TcpHeader& header() noexcept { return view<TcpHeader>(start_); }
  std::span<std::byte> options() noexcept {
    return {start_ + sizeof(TcpHeader), header().header_length() - sizeof(TcpHeader)};
  }

  void add(std::byte* field, std::uint32_t difference) noexcept {
    const auto before = load<Be32>(field);
    const Be32 after(before.host() + difference);
    store(field, after);
    ChecksumDelta& delta = (field - start_) % 2 == 0 ? even_ : odd_;
    delta.replace(before, after);
  }
  void add(Be32& field, std::uint32_t difference) noexcept {
    const Be32 after(field.host() + difference);
    even_.replace(field, after);
    field = after;
  }
  void replace_window(std::uint16_t window) noexcept {
    even_.replace(header().window, Be16(window));
    header().window = Be16(window);
  }

 private:
  std::byte* start_;
  ChecksumDelta even_;
  ChecksumDelta odd_;
};

bool is_timestamps(std::span<const std::byte> option) noexcept {
  return std::to_integer<std::uint8_t>(option[0]) == kTcpOptionTimestamps && option.size() == kTimestampsSize;
}

bool is_sack(std::span<const std::byte> option) noexcept {
  return std::to_integer<std::uint8_t>(option[0]) == kTcpOptionSack && (option.size() - kOptionHead) % kSackBlock == 0;
}

}  // namespace

void shift_to_client(Packet& packet, const TcpShift& shift) noexcept {
  Edit edit(packet);
  TcpHeader& header = edit.header();
  edit.add(header.sequence, shift.sequence);
  if ((header.flags & kTcpSyn) == 0) edit.replace_window(shift_window(header.window.host(), shift.window_to_client));
  walk_tcp_options(edit.options(), [&edit, &shift](std::span<std::byte> option) noexcept {
    if (is_timestamps(option)) edit.add(option.data() + kOptionHead, shift.timestamp);
  });
}

void shift_to_server(Packet& packet, const TcpShift& shift) noexcept {
  Edit edit(packet);
  TcpHeader& header = edit.header();
  if ((header.flags & kTcpSyn) == 0) edit.replace_window(shift_window(header.window.host(), shift.window_to_server));
  if ((header.flags & kTcpAck) == 0) return;
  edit.add(header.acknowledgment, 0 - shift.sequence);
  walk_tcp_options(edit.options(), [&edit, &shift](std::span<std::byte> option) noexcept {
    if (is_timestamps(option)) return edit.add(option.data() + kOptionHead + 4, 0 - shift.timestamp);
    if (!is_sack(option)) return;
    for (std::size_t at = kOptionHead; at < option.size(); at += 4) edit.add(option.data() + at, 0 - shift.sequence);
  });
}

void shift_quoted_sequence(Packet& packet, IcmpQuote& quote, std::uint32_t difference) noexcept {
  constexpr std::size_t kSequence = 4;
  // Every header between the error's and the quoted segment has an even length.
  std::byte* field = packet.data + quote.transport_offset + kSequence;
  const auto before = load<Be32>(field);
  const Be32 after(before.host() + difference);
  store(field, after);
  auto& icmp = view<IcmpHeader>(packet.transport_header());
  icmp.checksum = ChecksumDelta().replace(before, after).apply(icmp.checksum);
  quote.tcp_sequence = after.host();
}

}  // namespace culvert
