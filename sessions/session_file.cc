// SPDX-License-Identifier: Apache-2.0
#include "sessions/session_file.h"

#include <atomic>

#include "base/check.h"

namespace culvert {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::uint64_t kMagic = 0x73746c7576637563;  // "cucvults"
#if defined(__AES__)
constexpr std::uint32_t kHashKind = 1;
#else
constexpr std::uint32_t kHashKind = 2;
#endif

struct Header {
  std::uint64_t magic = kMagic;
  std::uint32_t version = kSessionLayoutVersion;
  std::uint32_t hash_kind = kHashKind;
  std::uint32_t flow4_bytes = sizeof(FlowEntry<FiveTuple4>);
  std::uint32_t flow6_bytes = sizeof(FlowEntry<FiveTuple6>);
  SessionOwner owner;
  std::uint32_t finished = 0;
  HashKey key;
  HashKey shares;
};
static_assert(sizeof(Header) <= kPage);

constexpr std::size_t whole_pages(std::size_t bytes) noexcept {
  return (bytes + kPage - 1) / kPage * kPage;
}

template <typename Tuple>
struct Part {
  explicit Part(std::uint32_t sessions) noexcept
      : flows(FlowTable<Tuple>::bytes_for(std::size_t{2} * sessions)),
        infos(flows / FlowTable<Tuple>::kBucketBytes * 32 * sizeof(FlowInfo)) {}
  std::size_t bytes() const noexcept { return whole_pages(flows) + whole_pages(infos); }
  typename SessionTable<Tuple>::Memory over(std::span<std::byte> memory) const noexcept {
    return {memory.first(flows), array_over<FlowInfo>(memory.subspan(whole_pages(flows), infos)), {}};
  }

  std::size_t flows;
  std::size_t infos;
};

}  // namespace

std::string_view session_file_text(SessionFileState state) noexcept {
  switch (state) {
    case SessionFileState::kFresh:
      return "the file is new";
    case SessionFileState::kUsable:
      return "the file holds sessions of an earlier run";
    case SessionFileState::kForeign:
      return "the file is not one of sessions";
    case SessionFileState::kVersion:
      return "the file was written by a version with another layout";
    case SessionFileState::kSize:
      return "the file is for another number of sessions";
    case SessionFileState::kWorkers:
      return "the file is for another number of workers";
    case SessionFileState::kOtherBoot:
      return "the file is from before this machine started";
    case SessionFileState::kMeaning:
      return "the file is of a configuration with other zones or interfaces, or another shared_by";
    case SessionFileState::kShares:
      return "the first worker's file is new, so this one's sessions may be other workers' now";
    case SessionFileState::kElsewhere:
      return "the file that was used is in another folder, and can be removed there";
    case SessionFileState::kUnfinished:
      return "the making of the file was interrupted";
  }
  return "";
}

std::size_t SessionFile::bytes_for(std::uint32_t sessions) noexcept {
  return kPage + Part<FiveTuple4>(sessions).bytes() + Part<FiveTuple6>(sessions).bytes();
}

SessionFileState SessionFile::check(std::span<const std::byte> memory, const SessionOwner& owner) noexcept {
  if (memory.size() < kPage) return SessionFileState::kSize;
  const auto header = load<Header>(memory.data());
  if (header.magic == 0) {
    return memory.size() < bytes_for(owner.sessions) ? SessionFileState::kSize : SessionFileState::kFresh;
  }
  const Header mine;
  if (header.magic != kMagic) return SessionFileState::kForeign;
  if (header.version != mine.version || header.hash_kind != mine.hash_kind || header.flow4_bytes != mine.flow4_bytes ||
      header.flow6_bytes != mine.flow6_bytes) {
    return SessionFileState::kVersion;
  }
  if (header.owner.sessions != owner.sessions || memory.size() < bytes_for(owner.sessions)) {
    return SessionFileState::kSize;
  }
  if (header.owner.worker != owner.worker || header.owner.workers != owner.workers) return SessionFileState::kWorkers;
  if (header.owner.boot_id != owner.boot_id) return SessionFileState::kOtherBoot;
  if (header.owner.meaning != owner.meaning) return SessionFileState::kMeaning;
  return header.finished == 1 ? SessionFileState::kUsable : SessionFileState::kUnfinished;
}

void SessionFile::begin(std::span<std::byte> memory, const SessionOwner& owner, const HashKey& key,
                        const HashKey& shares) noexcept {
  CULVERT_CHECK(memory.size() >= bytes_for(owner.sessions));
  Header header;
  header.owner = owner;
  header.key = key;
  header.shares = shares;
  store(memory.data(), header);
  // Last, so that a header that was not written to its end is known by it.
  std::atomic_thread_fence(std::memory_order_release);
  header.finished = 1;
  store(memory.data(), header);
}

HashKey SessionFile::key(std::span<const std::byte> memory) noexcept {
  return load<Header>(memory.data()).key;
}

HashKey SessionFile::shares(std::span<const std::byte> memory) noexcept {
  return load<Header>(memory.data()).shares;
}

SessionShard::Memory SessionFile::tables(std::span<std::byte> memory, std::uint32_t sessions) noexcept {
  const Part<FiveTuple4> ipv4(sessions);
  const Part<FiveTuple6> ipv6(sessions);
  CULVERT_CHECK(memory.size() >= bytes_for(sessions));
  return {ipv4.over(memory.subspan(kPage, ipv4.bytes())),
          ipv6.over(memory.subspan(kPage + ipv4.bytes(), ipv6.bytes()))};
}

}  // namespace culvert
