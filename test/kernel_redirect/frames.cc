// SPDX-License-Identifier: Apache-2.0
#include "test/kernel_redirect/frames.h"

#include <arpa/inet.h>
#include <cstring>

#include "base/check.h"

namespace culvert::test {
namespace {

void put16(Bytes& bytes, std::size_t at, std::uint16_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

}  // namespace

Ipv4Address v4(const std::string& text) {
  Ipv4Address address;
  CULVERT_CHECK(::inet_pton(AF_INET, text.c_str(), &address) == 1);
  return address;
}

Ipv6Address v6(const std::string& text) {
  Ipv6Address address;
  CULVERT_CHECK(::inet_pton(AF_INET6, text.c_str(), &address) == 1);
  return address;
}

Bytes operator+(Bytes front, const Bytes& back) {
  front.insert(front.end(), back.begin(), back.end());
  return front;
}

Bytes ethernet(std::uint16_t type, std::uint8_t first_byte_of_destination) {
  Bytes bytes = {first_byte_of_destination, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0, 0};
  put16(bytes, 12, type);
  return bytes;
}

Bytes vlan(std::uint16_t id, std::uint16_t next) {
  Bytes bytes(4);
  put16(bytes, 0, static_cast<std::uint16_t>(id | 0xa000));  // priority 5: not part of the id
  put16(bytes, 2, next);
  return bytes;
}

Bytes ip4(const Ip4& header) {
  Bytes bytes(header.header_words > 5 ? header.header_words * 4u : 20u);
  bytes[0] = static_cast<std::uint8_t>(header.version << 4 | header.header_words);
  put16(bytes, 6, header.fragment);
  bytes[8] = 64;
  bytes[9] = header.protocol;
  const auto source = v4(header.source), destination = v4(header.destination);
  std::memcpy(&bytes[12], &source, 4);
  std::memcpy(&bytes[16], &destination, 4);
  for (std::size_t at = 20; at < bytes.size(); at++) bytes[at] = 1;  // no operation (RFC 791, 3.1)
  return bytes;
}

Bytes ip6(const Ip6& header) {
  Bytes bytes(40);
  bytes[0] = static_cast<std::uint8_t>(header.version << 4);
  bytes[6] = header.next;
  bytes[7] = header.hop_limit;
  const auto source = v6(header.source), destination = v6(header.destination);
  std::memcpy(&bytes[8], &source, 16);
  std::memcpy(&bytes[24], &destination, 16);
  return bytes;
}

Bytes extension(std::uint8_t next, std::uint8_t units) {
  Bytes bytes(8u * (units + 1u));
  bytes[0] = next;
  bytes[1] = units;
  return bytes;
}

Bytes fragment6(std::uint8_t next, std::uint16_t offset_and_flag) {
  Bytes bytes(8);
  bytes[0] = next;
  put16(bytes, 2, offset_and_flag);
  return bytes;
}

Bytes authentication(std::uint8_t next) {
  Bytes bytes(24);
  bytes[0] = next;
  bytes[1] = 4;  // in 4-byte words, less 2
  return bytes;
}

Bytes ports(std::uint16_t source, std::uint16_t destination) {
  Bytes bytes(20);
  put16(bytes, 0, source);
  put16(bytes, 2, destination);
  return bytes;
}

Bytes icmp(std::uint8_t type) {
  Bytes bytes(8);
  bytes[0] = type;
  return bytes;
}

}  // namespace culvert::test
