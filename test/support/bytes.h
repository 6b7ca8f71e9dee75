// SPDX-License-Identifier: Apache-2.0
// Byte strings for tests: hex in and out, big-endian peeking and poking, addresses from text, pcap files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "packet/address.h"

namespace culvert::test {

using Bytes = std::vector<std::byte>;

/// "45 00 0014" or "4500:0014" -> bytes; separators are ignored. Throws std::invalid_argument on anything else.
Bytes hex(std::string_view text);
/// "4500 0014 ...", two bytes a group.
std::string to_hex(std::span<const std::byte> bytes);

Ipv4Address ip4(std::string_view text);
Ipv6Address ip6(std::string_view text);
MacAddress mac(std::string_view text);

std::uint8_t get8(std::span<const std::byte> bytes, std::size_t offset);
std::uint16_t get16(std::span<const std::byte> bytes, std::size_t offset);
std::uint32_t get32(std::span<const std::byte> bytes, std::size_t offset);
void set8(std::span<std::byte> bytes, std::size_t offset, std::uint32_t value);
void set16(std::span<std::byte> bytes, std::size_t offset, std::uint32_t value);
void set32(std::span<std::byte> bytes, std::size_t offset, std::uint32_t value);

void append(Bytes& bytes, std::span<const std::byte> more);
void append8(Bytes& bytes, std::uint32_t value);
void append16(Bytes& bytes, std::uint32_t value);
void append32(Bytes& bytes, std::uint32_t value);
Bytes slice(std::span<const std::byte> bytes, std::size_t offset, std::size_t length = std::string_view::npos);
/// 0, 1, 2, ... (mod 256)
Bytes pattern(std::size_t size);

/// The Internet checksum of RFC 1071, written as the RFC describes it and nothing else: 16-bit big-endian words, one
/// after the other. `initial` is an uncomplemented sum to start with.
std::uint32_t naive_sum(std::span<const std::byte> bytes, std::uint32_t initial = 0);
std::uint16_t naive_checksum(std::span<const std::byte> bytes, std::uint32_t initial = 0);
/// CRC32c bit by bit.
std::uint32_t naive_crc32c(std::span<const std::byte> bytes);

/// Classic pcap files of Ethernet frames (microseconds). Throw std::runtime_error.
void write_pcap(const std::string& path, const std::vector<Bytes>& frames);
std::vector<Bytes> read_pcap(const std::string& path);

}  // namespace culvert::test
