// SPDX-License-Identifier: Apache-2.0
#include "test/support/bytes.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cctype>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "base/bytes.h"

namespace culvert::test {
namespace {

unsigned digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  throw std::invalid_argument("not a hex digit");
}

template <typename Address>
Address parse_address(int family, std::string_view text) {
  Address address;
  if (inet_pton(family, std::string(text).c_str(), &address) != 1) throw std::invalid_argument(std::string(text));
  return address;
}

struct PcapFileHeader {
  std::uint32_t magic = 0xa1b2c3d4;
  std::uint16_t major = 2, minor = 4;
  std::uint32_t zone = 0, accuracy = 0, snap = 262144, link = 1;
};
struct PcapRecordHeader {
  std::uint32_t seconds = 0, microseconds = 0, captured = 0, original = 0;
};

}  // namespace

Bytes hex(std::string_view text) {
  Bytes bytes;
  unsigned high = 16;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0 || c == ':') continue;
    if (high == 16) {
      high = digit(c);
    } else {
      append8(bytes, high * 16 + digit(c));
      high = 16;
    }
  }
  if (high != 16) throw std::invalid_argument("odd number of hex digits");
  return bytes;
}

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i != 0 && i % 2 == 0) text += ' ';
    text += kDigits[std::to_integer<unsigned>(bytes[i]) >> 4];
    text += kDigits[std::to_integer<unsigned>(bytes[i]) & 15];
  }
  return text;
}

Ipv4Address ip4(std::string_view text) {
  return parse_address<Ipv4Address>(AF_INET, text);
}
Ipv6Address ip6(std::string_view text) {
  return parse_address<Ipv6Address>(AF_INET6, text);
}
MacAddress mac(std::string_view text) {
  const Bytes bytes = hex(text);
  if (bytes.size() != 6) throw std::invalid_argument(std::string(text));
  return load<MacAddress>(bytes.data());
}

std::uint8_t get8(std::span<const std::byte> bytes, std::size_t offset) {
  if (offset >= bytes.size()) throw std::out_of_range("get8");
  return std::to_integer<std::uint8_t>(bytes[offset]);
}
std::uint16_t get16(std::span<const std::byte> bytes, std::size_t offset) {
  return static_cast<std::uint16_t>(get8(bytes, offset) << 8 | get8(bytes, offset + 1));
}
std::uint32_t get32(std::span<const std::byte> bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(get16(bytes, offset)) << 16 | get16(bytes, offset + 2);
}
void set8(std::span<std::byte> bytes, std::size_t offset, std::uint32_t value) {
  if (offset >= bytes.size()) throw std::out_of_range("set8");
  bytes[offset] = static_cast<std::byte>(value & 0xff);
}
void set16(std::span<std::byte> bytes, std::size_t offset, std::uint32_t value) {
  set8(bytes, offset, value >> 8);
  set8(bytes, offset + 1, value);
}
void set32(std::span<std::byte> bytes, std::size_t offset, std::uint32_t value) {
  set16(bytes, offset, value >> 16);
  set16(bytes, offset + 2, value);
}

void append(Bytes& bytes, std::span<const std::byte> more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}
void append8(Bytes& bytes, std::uint32_t value) {
  bytes.push_back(static_cast<std::byte>(value & 0xff));
}
void append16(Bytes& bytes, std::uint32_t value) {
  append8(bytes, value >> 8);
  append8(bytes, value);
}
void append32(Bytes& bytes, std::uint32_t value) {
  append16(bytes, value >> 16);
  append16(bytes, value);
}
Bytes slice(std::span<const std::byte> bytes, std::size_t offset, std::size_t length) {
  const auto part = bytes.subspan(offset, std::min(length, bytes.size() - offset));
  return {part.begin(), part.end()};
}
Bytes pattern(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i & 0xff);
  return bytes;
}

std::uint32_t naive_sum(std::span<const std::byte> bytes, std::uint32_t initial) {
  std::uint32_t sum = initial;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const std::uint32_t low = i + 1 < bytes.size() ? get8(bytes, i + 1) : 0;
    sum += static_cast<std::uint32_t>(get8(bytes, i) << 8) + low;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return sum;
}

std::uint16_t naive_checksum(std::span<const std::byte> bytes, std::uint32_t initial) {
  std::uint32_t sum = naive_sum(bytes, initial);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::uint32_t naive_crc32c(std::span<const std::byte> bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

void write_pcap(const std::string& path, const std::vector<Bytes>& frames) {
  std::ofstream file(path, std::ios::binary);
  const auto write = [&file](std::span<const std::byte> bytes) {
    file.write(as_chars(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  };
  write(bytes_of(PcapFileHeader{}));
  for (const Bytes& frame : frames) {
    const auto size = static_cast<std::uint32_t>(frame.size());
    write(bytes_of(PcapRecordHeader{.captured = size, .original = size}));
    write(frame);
  }
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

std::vector<Bytes> read_pcap(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  const std::string text = contents.str();
  const auto all = std::as_bytes(std::span<const char>(text));
  std::size_t at = sizeof(PcapFileHeader);
  if (all.size() < at || load<PcapFileHeader>(all.data()).magic != PcapFileHeader{}.magic) {
    throw std::runtime_error(path + ": not a little-endian pcap file");
  }
  std::vector<Bytes> frames;
  while (at < all.size()) {
    if (all.size() - at < sizeof(PcapRecordHeader)) throw std::runtime_error(path + ": truncated");
    const auto record = load<PcapRecordHeader>(all.data() + at);
    at += sizeof(PcapRecordHeader);
    if (all.size() - at < record.captured) throw std::runtime_error(path + ": truncated");
    frames.push_back(slice(all, at, record.captured));
    at += record.captured;
  }
  return frames;
}

}  // namespace culvert::test
