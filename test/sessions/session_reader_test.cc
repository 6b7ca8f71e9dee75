// SPDX-License-Identifier: Apache-2.0
// A worker makes, changes and erases sessions while readers walk. Everything in a session follows from its key, so a
// view that is put together from two sessions shows.
#include "sessions/session_reader.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <random>
#include <thread>

#include "base/check.h"
#include "test/sessions/tables.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr std::size_t kSessions = 12;  ///< few, so that readers and writer meet at the same slots
constexpr std::uint64_t kNumbers = 24;
constexpr std::size_t kReaders = 2;
constexpr std::size_t kEnoughViews = 50'000;
constexpr std::size_t kEnoughOperations = kChecks ? 1'000'000 : 3'000'000;

/// Two words that follow from a key.
template <typename Tuple>
std::uint64_t mark(const Tuple& key) {
  static const HashKey secret = HashKey::from_seed(77);
  return hash_of(secret, key);
}
template <typename Tuple>
TcpSide marked_side(const Tuple& key) {
  const std::uint64_t word = mark(key);
  const std::array<std::uint64_t, 2> words = {word, ~word};
  return load<TcpSide>(words.data());
}
template <typename T>
bool same_bytes(const T& a, const T& b) {
  const auto one = bytes_of(a), two = bytes_of(b);
  return std::equal(one.begin(), one.end(), two.begin(), two.end());
}

template <typename Tuple>
class Walks {
 public:
  void write() {
    std::mt19937_64 random(21);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (operations_ < kEnoughOperations || (views_ < kEnoughViews && std::chrono::steady_clock::now() < end)) {
      const Tuple key = tuple_of<Tuple>(random() % kNumbers);
      const FlowSlot slot = table_.flows().find(key, table_.hash(key));
      if (slot == kNoFlow) {
        insert(key);
      } else if (random() % 2 == 0) {
        table_.erase(random() % 2 == 0 ? slot : table_.entry(slot).head.peer);
      } else {
        packet(random() % 2 == 0 ? slot : table_.entry(slot).head.peer);
      }
      ++operations_;
    }
    stop_.store(true, std::memory_order_release);
  }

  void read() {
    const SessionReader<Tuple> reader(memory_.view());
    std::size_t views = 0, wrong = 0;
    while (!stop_.load(std::memory_order_acquire)) {
      for (FlowSlot slot = 0; slot < reader.slots(); ++slot) {
        const auto session = reader.read(slot);
        if (!session) continue;
        ++views;
        wrong += !consistent(slot, *session);
      }
      views_.fetch_add(views);
      views = 0;
    }
    wrong_.fetch_add(wrong);
  }

  std::size_t views() const { return views_; }
  std::size_t wrong() const { return wrong_; }

 private:
  void insert(const Tuple& key) {
    SessionStart<Tuple> start = start_of(table_, key);
    // The reply comes from another address and port, as with translation; it follows from the key, too.
    start.reply.key.source_port = Be16(static_cast<std::uint16_t>(mark(key)));
    start.reply.hash = table_.hash(start.reply.key);
    for (auto* side : {&start.original, &start.reply}) {
      side->zone = static_cast<std::uint8_t>(mark(side->key) >> 8);
      side->ingress = static_cast<std::uint8_t>(mark(side->key) >> 16);
      side->tcp = marked_side(side->key);
    }
    start.rule = static_cast<std::uint16_t>(mark(key) >> 24);
    start.policy = static_cast<std::uint16_t>(mark(key) >> 40);
    table_.insert(start, SessionTimeouts(), seconds(1000));
  }
  /// As the packet path changes a session that goes on.
  void packet(FlowSlot slot) {
    FlowHead& head = table_.entry(slot).head;
    put(head.bytes, mark(table_.entry(slot).key));
    put(head.packets_and_policy, head.packets_and_policy + 1);
    put(head.seen, head.seen + 1);
  }

  static bool consistent(FlowSlot slot, const SessionView<Tuple>& session) {
    Tuple reply = session.original.key.reversed();
    reply.source_port = Be16(static_cast<std::uint16_t>(mark(session.original.key)));
    if (session.original.slot != slot || session.original.head.peer != session.reply.slot) return false;
    if (session.reply.head.peer != slot || !(session.reply.key == reply)) return false;
    if (session.original.head.has(kFlowReply) || !session.reply.head.has(kFlowReply)) return false;
    const std::uint64_t whole = mark(session.original.key);
    for (const auto* side : {&session.original, &session.reply}) {
      const std::uint64_t own = mark(side->key);
      if (side->head.zone != static_cast<std::uint8_t>(own >> 8)) return false;
      if (side->info.ingress != static_cast<std::uint8_t>(own >> 16)) return false;
      if (!same_bytes(side->head.tcp, marked_side(side->key))) return false;
      if (side->info.rule != static_cast<std::uint16_t>(whole >> 24)) return false;
      if (side->head.policy() != static_cast<std::uint16_t>(whole >> 40)) return false;
      // A packet may have been counted in one of them and not yet in the other.
      if (side->head.bytes != 0 && side->head.bytes != own) return false;
    }
    return true;
  }

  SessionMemory<Tuple> memory_{kSessions, kNumbers};
  SessionTable<Tuple> table_{memory_.view(), HashKey::from_seed(5), seconds(1000)};
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> views_{0};
  std::atomic<std::size_t> wrong_{0};
  std::size_t operations_ = 0;
};

}  // namespace

TEMPLATE_TEST_CASE("a reader sees sessions whole while a worker makes and erases them", "", FiveTuple4, FiveTuple6) {
  Walks<TestType> walks;
  {
    std::vector<std::jthread> readers;
    for (std::size_t reader = 0; reader < kReaders; ++reader) readers.emplace_back([&walks] { walks.read(); });
    walks.write();
  }
  CHECK(walks.wrong() == 0);
  CHECK(walks.views() >= kEnoughViews);
  std::printf("%zu views\n", walks.views());
}

TEMPLATE_TEST_CASE("a reader sees every session once, by its original's slot, and nothing else", "", FiveTuple4,
                   FiveTuple6) {
  SessionMemory<TestType> memory(100);
  SessionTable<TestType> table(memory.view(), HashKey::from_seed(5), seconds(1000));
  const SessionReader<TestType> reader(memory.view());
  CHECK(reader.slots() == table.flows().slots());
  std::vector<FlowSlot> slots;
  for (std::uint64_t number = 0; number < 50; ++number)
    slots.push_back(table.insert(start_of(table, tuple_of<TestType>(number)), SessionTimeouts(), seconds(1000)).slot);
  std::size_t seen = 0;
  // Any number may be asked for.
  for (FlowSlot slot = 0; slot < reader.slots() + 100; ++slot) {
    const auto session = reader.read(slot);
    const bool original = std::find(slots.begin(), slots.end(), slot) != slots.end();
    REQUIRE(session.has_value() == original);
    if (!session) continue;
    ++seen;
    CHECK(session->original.key == table.entry(slot).key);
    CHECK(session->reply.key == session->original.key.reversed());
    CHECK(session->original.info.created_s == 1000);
  }
  CHECK(seen == 50);

  // What is being made or taken apart is passed by, whichever direction it is.
  ++table.entry(slots[0]).head.sequence;
  ++table.entry(table.entry(slots[1]).head.peer).head.sequence;
  CHECK_FALSE(reader.read(slots[0]).has_value());
  CHECK_FALSE(reader.read(slots[1]).has_value());
  CHECK(reader.read(slots[2]).has_value());
  table.erase(slots[2]);
  CHECK_FALSE(reader.read(slots[2]).has_value());
}
