// SPDX-License-Identifier: Apache-2.0
#include "packet/tcp_options.h"

#include "base/bytes.h"
#include "base/endian.h"
#include "packet/tcp_option_walk.h"

namespace culvert {
namespace {

/// Kind and length.
constexpr std::size_t kOptionHead = 2;
constexpr std::size_t kMssSize = 4;
constexpr std::size_t kWindowScaleSize = 3;
constexpr std::size_t kSackPermittedSize = 2;
constexpr std::size_t kTimestampsSize = 10;
constexpr std::size_t kSackBlock = 8;

std::uint32_t word_at(std::span<const std::byte> option, std::size_t offset) noexcept {
  return load<Be32>(option.data() + offset).host();
}

/// Is `a` behind `b`? Sequence numbers wrap (RFC 9293 3.4).
bool behind(std::uint32_t a, std::uint32_t b) noexcept {
  return static_cast<std::int32_t>(a - b) > 0;
}

/// The blocks come in any order (RFC 2018 4: the newest first); an empty or reversed one says nothing.
void read_sack(TcpOptions& options, std::span<const std::byte> option) noexcept {
  if (option.size() < kOptionHead + kSackBlock || (option.size() - kOptionHead) % kSackBlock != 0) return;
  for (std::size_t at = kOptionHead; at < option.size(); at += kSackBlock) {
    const std::uint32_t left = word_at(option, at);
    const std::uint32_t right = word_at(option, at + 4);
    if (!behind(right, left)) continue;
    if (!options.has_sack || behind(right, options.sack_edge)) options.sack_edge = right;
    options.has_sack = true;
  }
}

/// One option with its head; its size is at least kOptionHead.
void read_option(TcpOptions& options, std::span<const std::byte> option) noexcept {
  switch (std::to_integer<std::uint8_t>(option[0])) {
    case kTcpOptionMss:
      if (option.size() == kMssSize) options.mss = load<Be16>(option.data() + kOptionHead).host();
      return;
    case kTcpOptionWindowScale:
      if (option.size() == kWindowScaleSize) {
        const auto scale = std::to_integer<std::uint8_t>(option[kOptionHead]);
        options.window_scale = static_cast<std::int8_t>(scale < kTcpMaxScale ? scale : kTcpMaxScale);
      }
      return;
    case kTcpOptionSackPermitted:
      if (option.size() == kSackPermittedSize) options.sack_permitted = true;
      return;
    case kTcpOptionSack:
      return read_sack(options, option);
    case kTcpOptionTimestamps:
      if (option.size() == kTimestampsSize) {
        options.has_timestamps = true;
        options.timestamp = word_at(option, kOptionHead);
        options.timestamp_echo = word_at(option, kOptionHead + 4);
      }
      return;
    default:
      return;
  }
}

}  // namespace

TcpOptions read_tcp_options(std::span<const std::byte> options) noexcept {
  TcpOptions result;
  const auto read = [&result](std::span<const std::byte> option) noexcept { read_option(result, option); };
  result.malformed = !walk_tcp_options(options, read);
  return result;
}

}  // namespace culvert
