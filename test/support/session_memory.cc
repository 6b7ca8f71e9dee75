// SPDX-License-Identifier: Apache-2.0
#include "test/support/session_memory.h"

#include "sessions/session_file.h"

namespace culvert {
namespace {

constexpr std::uint64_t kTableSeed = 7;
constexpr std::uint64_t kFragmentSeed = 8;
constexpr std::uint64_t kMeterSeed = 9;
constexpr std::uint64_t kPortSeed = 10;
constexpr std::uint64_t kMappingSeed = 11;

SessionShard::Memory tables_of(const Mapping& file, std::vector<ExpiryWheel::Chunk>& wheel4,
                               std::vector<ExpiryWheel::Chunk>& wheel6, std::uint32_t sessions) {
  SessionShard::Memory memory = SessionFile::tables(file.bytes(), sessions);
  memory.ipv4.wheel = wheel4;
  memory.ipv6.wheel = wheel6;
  return memory;
}

}  // namespace

TestMeters::TestMeters(std::uint32_t sessions)
    : buckets_(AddressMeters::buckets_for(sessions)),
      lines_(1024),
      meters_{SourceLimits(buckets_, HashKey::from_seed(kMeterSeed)), ScanMeters(lines_)} {}

SessionMemory::SessionMemory(const SessionSizes& sizes, SharedMeters& meters, Now now)
    : file_(Mapping::anonymous(SessionFile::bytes_for(sizes.sessions), sizes.pages, "sessions of a test")),
      wheel4_(ExpiryWheel::chunks_for(sizes.sessions)),
      wheel6_(ExpiryWheel::chunks_for(sizes.sessions)),
      fragments_(sizes.fragments),
      rule_hits_(kAllRuleCounters),
      tables_(tables_of(file_, wheel4_, wheel6_, sizes.sessions)),
      meters_(meters),
      ports_(sizes.external_addresses, sizes.self, sizes.workers),
      translates_(sizes.external_addresses > 0),
      mappings_file_(Mapping::anonymous(SessionFile::bytes_for(sizes.sessions), sizes.pages, "mappings of a test")),
      bindings_(ports_.ports(), {SessionFile::tables(mappings_file_.bytes(), sizes.sessions), sizes.sessions},
                HashKey::from_seed(kMappingSeed), mappings_gauge_, now),
      port_key_(HashKey::from_seed(kPortSeed + sizes.self)),
      shard_(tables_, {sizes.sessions, sizes.half_open}, HashKey::from_seed(kTableSeed), cells_, now, &meters.sources,
             &bindings_) {}

void SessionMemory::give(PipelineParts& parts) noexcept {
  parts.sessions = &shard_;
  parts.meters = &meters_;
  parts.rule_hits = rule_hits_;
  parts.fragments = fragments_;
  parts.fragment_key = HashKey::from_seed(kFragmentSeed);
  parts.syn_cookie_key = kSynCookieKey;
  if (!translates_) return;
  parts.nat = &bindings_;
  parts.port_key = port_key_;
}

}  // namespace culvert
