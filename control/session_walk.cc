// SPDX-License-Identifier: Apache-2.0
#include "control/session_walk.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <fmt/format.h>

namespace culvert {
namespace {

/// Three numbers with dots between them, and nothing else.
std::optional<std::array<std::uint32_t, 3>> three_numbers(const std::string& text) {
  std::array<std::uint32_t, 3> numbers{};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0 && (at == end || *at++ != '.')) return std::nullopt;
    const auto [stop, error] = std::from_chars(at, end, numbers[i]);
    if (error != std::errc()) return std::nullopt;
    at = stop;
  }
  if (at != end) return std::nullopt;
  return numbers;
}

}  // namespace

SessionWalk::SessionWalk(const std::vector<const SessionShard::Memory*>& workers) {
  for (const SessionShard::Memory* memory : workers) {
    tables_.push_back({SessionReader<FiveTuple4>(memory->ipv4), SessionReader<FiveTuple6>(memory->ipv6)});
  }
  skip_ends();
}

std::string SessionWalk::place() const {
  return fmt::format("{}.{}.{}", worker_, ipv6_ ? 6 : 4, slot_);
}

Result<void> SessionWalk::stand_at(const std::string& place) {
  const auto numbers = three_numbers(place);
  const bool known = numbers && (*numbers)[0] < tables_.size() && ((*numbers)[1] == 4 || (*numbers)[1] == 6) &&
                     (*numbers)[2] < tables_[(*numbers)[0]].slots_of((*numbers)[1] == 6);
  if (!known) return Error{"\"after\" is not the 'next' of an earlier answer", EINVAL, "leave it out to begin"};
  worker_ = static_cast<WorkerIndex>((*numbers)[0]);
  ipv6_ = (*numbers)[1] == 6;
  slot_ = (*numbers)[2];
  return {};
}

bool SessionWalk::skip_ends() noexcept {
  bool skipped = false;
  while (!ended() && slot_ >= tables_[worker_].slots_of(ipv6_)) {
    skipped = true;
    slot_ = 0;
    if (ipv6_) ++worker_;
    ipv6_ = !ipv6_;
  }
  return skipped;
}

}  // namespace culvert
