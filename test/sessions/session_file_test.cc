// SPDX-License-Identifier: Apache-2.0
#include "sessions/session_file.h"

#include <set>

#include "base/mapping.h"
#include "test/sessions/tables.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr std::uint32_t kSessions = 500;
constexpr Now kNow = seconds(1000);

SessionOwner owner() {
  SessionOwner owner;
  owner.worker = 1;
  owner.workers = 4;
  owner.sessions = kSessions;
  for (std::size_t i = 0; i < owner.boot_id.size(); ++i) owner.boot_id[i] = static_cast<std::uint8_t>(i);
  return owner;
}

struct File {
  File() : memory(Mapping::shared(SessionFile::bytes_for(kSessions), "sessions")) {}
  std::span<std::byte> bytes() { return memory.bytes().first(SessionFile::bytes_for(kSessions)); }
  SessionFileState check(const SessionOwner& who) { return SessionFile::check(bytes(), who); }

  Mapping memory;
};

/// A shard over a file, with wheels of its own.
struct Shard {
  explicit Shard(File& file)
      : shard(tables(file), {kSessions, kSessions}, SessionFile::key(file.bytes()), cells, kNow) {}

  SessionShard::Memory tables(File& file) {
    SessionShard::Memory memory = SessionFile::tables(file.bytes(), kSessions);
    memory.ipv4.wheel = wheel4;
    memory.ipv6.wheel = wheel6;
    return memory;
  }

  std::vector<ExpiryWheel::Chunk> wheel4 = std::vector<ExpiryWheel::Chunk>(ExpiryWheel::chunks_for(kSessions));
  std::vector<ExpiryWheel::Chunk> wheel6 = std::vector<ExpiryWheel::Chunk>(ExpiryWheel::chunks_for(kSessions));
  SessionCells cells;
  SessionShard shard;
};

template <typename Tuple>
bool has(SessionShard& shard, std::uint64_t number) {
  const Tuple key = tuple_of<Tuple>(number);
  auto& table = shard.table<Tuple>();
  return table.flows().find(key, table.hash(key)) != kNoFlow;
}

}  // namespace

TEST_CASE("a file is fresh until it is begun, and then its owner's") {
  File file;
  CHECK(file.check(owner()) == SessionFileState::kFresh);
  const HashKey key = HashKey::from_seed(3);
  const HashKey shares = HashKey::from_seed(4);
  SessionFile::begin(file.bytes(), owner(), key, shares);
  CHECK(file.check(owner()) == SessionFileState::kUsable);
  CHECK(SessionFile::key(file.bytes()).word == key.word);
  CHECK(SessionFile::shares(file.bytes()).word == shares.word);
}

TEST_CASE("a file of somebody else is refused, with what differs") {
  File file;
  SessionFile::begin(file.bytes(), owner(), HashKey::from_seed(3));
  SessionOwner other = owner();
  other.worker = 2;
  CHECK(file.check(other) == SessionFileState::kWorkers);
  other = owner();
  other.workers = 3;
  CHECK(file.check(other) == SessionFileState::kWorkers);
  other = owner();
  other.boot_id[15] ^= 1;
  CHECK(file.check(other) == SessionFileState::kOtherBoot);
  other = owner();
  ++other.meaning;
  CHECK(file.check(other) == SessionFileState::kMeaning);
  for (const std::uint32_t sessions : {kSessions - 1, kSessions + 1, 0U, 4'000'000'000U}) {
    other = owner();
    other.sessions = sessions;
    CHECK(file.check(other) == SessionFileState::kSize);
  }
  CHECK(file.check(owner()) == SessionFileState::kUsable);
}

TEST_CASE("a file that is too short is refused, also where it is all zeros") {
  for (const bool begun : {true, false}) {
    File file;
    if (begun) SessionFile::begin(file.bytes(), owner(), HashKey::from_seed(3));
    for (const std::size_t missing : {std::size_t{1}, std::size_t{4096}, file.bytes().size() - 4096,
                                      file.bytes().size() - 4095, file.bytes().size()}) {
      const auto part = file.bytes().first(file.bytes().size() - missing);
      CHECK(SessionFile::check(part, owner()) == SessionFileState::kSize);
    }
  }
}

TEST_CASE("a header of which any byte is another is not usable") {
  File file;
  SessionFile::begin(file.bytes(), owner(), HashKey::from_seed(3));
  std::set<SessionFileState> seen;
  // Up to the secrets, of which any are as good as others. Four bytes lie between fields.
  std::size_t usable = 0;
  for (std::size_t i = 0; i < 68; ++i) {
    file.bytes()[i] ^= std::byte{0x40};
    const SessionFileState state = file.check(owner());
    usable += state == SessionFileState::kUsable;
    seen.insert(state);
    file.bytes()[i] ^= std::byte{0x40};
  }
  CHECK(usable == 4);
  CHECK(seen == std::set<SessionFileState>{SessionFileState::kUsable, SessionFileState::kForeign,
                                           SessionFileState::kVersion, SessionFileState::kSize,
                                           SessionFileState::kWorkers, SessionFileState::kOtherBoot,
                                           SessionFileState::kMeaning, SessionFileState::kUnfinished});
  CHECK(file.check(owner()) == SessionFileState::kUsable);
}

TEST_CASE("a file whose making was interrupted anywhere is not usable") {
  File begun;
  SessionFile::begin(begun.bytes(), owner(), HashKey::from_seed(3));
  // As it is before the word is written that is written last.
  std::size_t last = 0;
  const auto without = [&](std::size_t byte) {
    begun.bytes()[byte] ^= std::byte{1};
    const SessionFileState state = begun.check(owner());
    if (state != SessionFileState::kUnfinished) begun.bytes()[byte] ^= std::byte{1};
    return state;
  };
  while (last < 128 && without(last) != SessionFileState::kUnfinished) ++last;
  REQUIRE(last < 128);
  REQUIRE(begun.bytes()[last] == std::byte{0});
  for (std::size_t written = 0; written <= 128; ++written) {
    File file;
    std::copy_n(begun.bytes().begin(), written, file.bytes().begin());
    INFO(written << " bytes");
    CHECK(file.check(owner()) != SessionFileState::kUsable);
  }
}

TEST_CASE("every state has its sentence") {
  std::set<std::string_view> texts;
  for (std::uint8_t state = 0; state <= static_cast<std::uint8_t>(SessionFileState::kUnfinished); ++state)
    texts.insert(session_file_text(static_cast<SessionFileState>(state)));
  CHECK(texts.size() == 11);
  CHECK(texts.count("") == 0);
}

TEST_CASE("the tables lie behind the header, apart from each other, on pages") {
  File file;
  const auto tables = SessionFile::tables(file.bytes(), kSessions);
  const std::byte* end = file.bytes().data() + 4096;
  for (const auto& part : {std::as_bytes(tables.ipv4.flows), std::as_bytes(tables.ipv4.infos),
                           std::as_bytes(tables.ipv6.flows), std::as_bytes(tables.ipv6.infos)}) {
    CHECK(part.data() >= end);
    CHECK((part.data() - file.bytes().data()) % 4096 == 0);
    end = part.data() + part.size();
  }
  CHECK(end <= file.bytes().data() + file.bytes().size());
  CHECK(tables.ipv4.flows.size() == FlowTable<FiveTuple4>::bytes_for(2 * kSessions));
  CHECK(tables.ipv6.flows.size() == FlowTable<FiveTuple6>::bytes_for(2 * kSessions));
}

TEST_CASE("sessions in a file are there for the next process, wherever it maps the file") {
  File file;
  SessionFile::begin(file.bytes(), owner(), HashKey::from_seed(3));
  {
    Shard first(file);
    for (std::uint64_t number = 0; number < 200; ++number) {
      auto start4 = start_of(first.shard.table<FiveTuple4>(), tuple_of<FiveTuple4>(number));
      auto start6 = start_of(first.shard.table<FiveTuple6>(), tuple_of<FiveTuple6>(number));
      REQUIRE(first.shard.admit(start4, SessionTimeouts(), kNow).slot != kNoFlow);
      REQUIRE(first.shard.admit(start6, SessionTimeouts(), kNow).slot != kNoFlow);
    }
  }
  File moved;
  std::copy(file.bytes().begin(), file.bytes().end(), moved.bytes().begin());
  REQUIRE(moved.check(owner()) == SessionFileState::kUsable);
  Shard second(moved);
  second.shard.recover(SessionTimeouts(), kNow);
  CHECK(second.shard.size() == 400);
  CHECK(second.cells.torn.read() == 0);
  for (std::uint64_t number = 0; number < 200; ++number) {
    CHECK(has<FiveTuple4>(second.shard, number));
    CHECK(has<FiveTuple6>(second.shard, number));
  }
  CHECK(moved.check(owner()) == SessionFileState::kUsable);
}
