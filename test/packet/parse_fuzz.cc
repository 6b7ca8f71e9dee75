// SPDX-License-Identifier: Apache-2.0
// One frame, any bytes: parsed like the reference parser does, then everything that may be done with an accepted packet
// is done and judged. The first byte chooses the MTU and whether the lane has partial checksums; the rest is the frame,
// which ends where the memory ends.
#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "packet/five_tuple.h"
#include "packet/fragment.h"
#include "packet/fragment_place.h"
#include "packet/icmp_error.h"
#include "packet/icmp_quote.h"
#include "packet/rewrite.h"
#include "packet/tcp_reset.h"
#include "packet/transport_checksum.h"
#include "test/packet/packets.h"
#include "test/packet/reference_parser.h"
#include "test/support/fuzz_target.h"
#include "test/support/guarded_buffer.h"

namespace culvert::test {
namespace {

constexpr std::size_t kLargest = 4096;

void check_partial(const GuardedBuffer& memory, std::span<const std::byte> frame) {
  const auto placed = memory.at_end(frame);
  const Packet packet = parsed(placed, {.partial_checksums = true});
  if (packet.has(kFlagPartialChecksum)) {
    CULVERT_CHECK(reference_checksum_right(placed, reference_parse(placed)));
  } else {
    CULVERT_CHECK(std::equal(frame.begin(), frame.end(), placed.begin()));
  }
}

/// The five-tuple of the packet's family; the other is empty.
using Tuples = std::pair<FiveTuple4, FiveTuple6>;
Tuples tuples_of(const Packet& packet) {
  if (packet.network == NetworkKind::kIpv4) return {five_tuple4(packet), {}};
  return {{}, five_tuple6(packet)};
}

void check_rewrites(const GuardedBuffer& memory, std::span<const std::byte> frame) {
  const auto placed = memory.at_end(frame);
  Packet packet = parsed(placed);
  const HashKey key = HashKey::from_seed(1);
  if (packet.network == NetworkKind::kIpv4) {
    const FiveTuple4 tuple = five_tuple4(packet);
    CULVERT_CHECK(symmetric_hash(key, tuple) == symmetric_hash(key, tuple.reversed()));
  } else {
    const FiveTuple6 tuple = five_tuple6(packet);
    CULVERT_CHECK(symmetric_hash(key, tuple) == symmetric_hash(key, tuple.reversed()));
  }
  if (decrement_ttl(packet)) CULVERT_CHECK(reference_parse(placed).reason == DropReason::kNone);
  if (write_transport_checksum(packet)) {
    CULVERT_CHECK(verify_transport_checksum(packet) == ChecksumState::kRight);
    CULVERT_CHECK(reference_checksum_right(placed, reference_parse(placed)));
  }
}

void check_icmp_error(const GuardedBuffer& memory, std::span<const std::byte> frame, std::size_t headroom) {
  const auto placed = memory.at_end(frame);
  Packet packet = parsed(placed);
  if (!may_answer(packet)) return;
  const bool part = packet.is_part();
  const Tuples tuples = tuples_of(packet);
  const IcmpError error{IcmpErrorKind::kTooBig, 1400, ip4("192.0.2.1"), ip6("2001:db8::f"), {}, {}};
  if (!build_icmp_error(packet, error, {placed.data() - headroom, placed.data() + placed.size()})) return;
  const Bytes made = bytes_in(packet);
  const ReferenceFields fields = reference_parse(made);
  CULVERT_CHECK(fields.reason == DropReason::kNone);
  CULVERT_CHECK(reference_checksum_right(made, fields));
  // What we quote is found again; only long IPv6 extension headers may leave no room for the ports.
  IcmpQuote quote;
  const QuoteRefusal refusal = read_icmp_quote(packet, quote);
  if (refusal == QuoteRefusal::kTruncated && packet.network == NetworkKind::kIpv6) return;
  CULVERT_CHECK(refusal == QuoteRefusal::kNone);
  CULVERT_CHECK(part || Tuples(quote.tuple4, quote.tuple6) == tuples);
}

/// A quote is read within the error's IP packet, and as parse reads the quoted packet when all of that is there.
void check_quote(const GuardedBuffer& memory, std::span<const std::byte> frame) {
  const Packet error = parsed(memory.at_end(frame));
  if (!error.has(kFlagIcmpError)) return;
  const std::size_t end = std::size_t{error.network_offset} + error.network_length;
  const auto placed = memory.at_end(frame.first(end));
  IcmpQuote quote;
  const QuoteRefusal refusal = read_icmp_quote(parsed(placed), quote);
  if (refusal == QuoteRefusal::kNone) {
    const std::size_t quote_end = std::size_t{quote.network_offset} + quote.network_length;
    CULVERT_CHECK(quote_end <= end);
    CULVERT_CHECK(std::size_t{quote.transport_offset} + quote.transport_length <= quote_end);
    CULVERT_CHECK(quote.transport_offset > quote.network_offset);
    CULVERT_CHECK(!quote.later_fragment || (!quote.has_ports && quote.transport_length == 0));
  }
  const std::size_t icmp = error.transport_offset;
  const bool extended = get8(frame, icmp + 4) != 0 || get8(frame, icmp + 5) != 0;  // or the quote's end is elsewhere
  Bytes inner = slice(frame, 0, 12);
  append16(inner, error.network == NetworkKind::kIpv4 ? 0x0800 : 0x86dd);
  append(inner, frame.subspan(icmp + 8, end - icmp - 8));
  const Packet quoted = parsed(inner);
  if (extended || quoted.verdict == Verdict::kDrop) return;
  if (quoted.has(kFlagIcmpError)) {
    CULVERT_CHECK(refusal == QuoteRefusal::kIcmpError);
    return;
  }
  CULVERT_CHECK(refusal == QuoteRefusal::kNone);
  CULVERT_CHECK(quoted.is_part() || Tuples(quote.tuple4, quote.tuple6) == tuples_of(quoted));
}

void check_fragments(const GuardedBuffer& memory, std::span<const std::byte> frame, std::uint32_t mtu) {
  const auto placed = memory.at_end(frame);
  Packet packet = parsed(placed);
  const std::uint32_t count = fragments_needed(packet, mtu);
  if (count < 2) return;
  const std::uint32_t whole = packet.network_length - view<Ipv4Header>(packet.network_header()).header_length();
  std::vector<Bytes> rooms(count - 1, Bytes(packet.network_offset + mtu));
  std::vector<Packet> others(count - 1);
  std::vector<Packet*> pointers;
  for (std::size_t i = 0; i < others.size(); ++i) {
    others[i].data = rooms[i].data();
    others[i].length = static_cast<std::uint16_t>(rooms[i].size());
    pointers.push_back(&others[i]);
  }
  CULVERT_CHECK(fragment_ipv4(packet, mtu, pointers));
  std::uint32_t sum = packet.network_length - view<Ipv4Header>(packet.network_header()).header_length();
  for (const Packet& other : others) {
    CULVERT_CHECK(other.network_length <= mtu);
    sum += other.network_length - view<Ipv4Header>(other.network_header()).header_length();
  }
  CULVERT_CHECK(sum == whole);
}

void check_reset(const GuardedBuffer& memory, std::span<const std::byte> frame) {
  Packet packet = parsed(memory.at_end(frame));
  if (!may_reset(packet)) return;
  build_tcp_reset(packet);
  CULVERT_CHECK(packet.length <= frame.size());
  const Bytes made = bytes_in(packet);
  const ReferenceFields fields = reference_parse(made);
  CULVERT_CHECK(fields.reason == DropReason::kNone && (fields.tcp_flags & 4) != 0);
  CULVERT_CHECK(reference_checksum_right(made, fields));
}

void check_place(const GuardedBuffer& memory, std::span<const std::byte> frame) {
  const Packet packet = parsed(memory.at_end(frame));
  if (!packet.is_part()) return;
  const FragmentPlace place = fragment_place(packet);
  CULVERT_CHECK(place.before + place.end() <= 0xffff && place.length > 0);
  CULVERT_CHECK(place.data_offset + std::uint32_t{place.length} ==
                packet.network_offset + std::uint32_t{packet.network_length});
  CULVERT_CHECK(place.last == packet.has(kFlagLastFragment));
  CULVERT_CHECK((place.offset == 0) == packet.has(kFlagFirstFragment));
}

void run(std::uint8_t choice, std::span<const std::byte> frame) {
  static const GuardedBuffer memory(2 * kLargest);
  const ReferenceFields expected = reference_parse(frame);
  const Packet packet = parsed(memory.at_end(frame));
  CULVERT_CHECK(fields_of(packet) == expected);
  check_partial(memory, frame);
  if (expected.reason != DropReason::kNone) return;
  check_rewrites(memory, frame);
  check_icmp_error(memory, frame, choice);
  check_quote(memory, frame);
  check_place(memory, frame);
  check_reset(memory, frame);
  check_fragments(memory, frame, 68U + choice);
}

}  // namespace
}  // namespace culvert::test

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > culvert::test::kLargest) return 0;
  culvert::test::run(data[0], std::as_bytes(std::span(data, size)).subspan(1));
  return 0;
}
