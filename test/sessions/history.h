// SPDX-License-Identifier: Apache-2.0
// Random sessions that come and go, and beside the table a map from each key to where it must be found. Keys are few
// enough that a reply's key is often another session's.
#pragma once

#include <random>
#include <unordered_map>
#include <vector>

#include "test/sessions/tables.h"
#include "test/support/catch.h"

namespace culvert::test {

template <typename Tuple>
class History {
 public:
  struct Session {
    Tuple original;
    Tuple reply;
    FlowSlot slot;
    FlowSlot peer;
  };

  /// `keys`: so many originals there may be, and as many keys of replies that are not their reverse.
  History(SessionTable<Tuple>& table, std::uint64_t seed, std::uint64_t keys)
      : table_(&table), random_(seed), keys_(keys) {
    slots_.reserve(4 * keys);
  }
  /// Goes on with another table over the same memory.
  void use(SessionTable<Tuple>& table) { table_ = &table; }

  /// Around `target` sessions: as many go as come.
  void step(std::size_t target) {
    ++operations_;
    if (!sessions_.empty() && random_() % (2 * target) < sessions_.size()) {
      erase(random_() % sessions_.size());
    } else {
      insert();
    }
  }

  /// Looks many keys up at once: half of them are there.
  void look_up(std::size_t count) {
    operations_ += count;
    std::array<Tuple, kMostFlowsAtOnce> keys;
    std::array<std::uint64_t, kMostFlowsAtOnce> hashes;
    std::array<FlowSlot, kMostFlowsAtOnce> slots;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t chance = random_();
      if (chance % 2 == 0 && !sessions_.empty()) {
        const Session& session = sessions_[(chance >> 2) % sessions_.size()];
        keys[i] = (chance & 2) != 0 ? session.original : session.reply;
      } else {
        keys[i] = (chance & 2) != 0 ? any_original() : any_reply();
      }
      hashes[i] = table_->hash(keys[i]);
    }
    table_->flows().find(std::span(keys).first(count), std::span(hashes).first(count), std::span(slots).first(count));
    for (std::size_t i = 0; i < count; ++i) {
      if (slots[i] != expected(keys[i])) ++wrong_;
    }
    REQUIRE(wrong_ == 0);
  }

  void erase(std::size_t index) {
    const Session session = sessions_[index];
    table_->erase(random_() % 2 == 0 ? session.slot : session.peer);
    forget(index);
  }
  void erase_all() {
    while (!sessions_.empty()) erase(sessions_.size() - 1);
    REQUIRE(table_->size() == 0);
    REQUIRE(table_->flows().count_tags() == 0);
  }
  /// The table has lost it.
  void forget(std::size_t index) {
    slots_.erase(sessions_[index].original);
    slots_.erase(sessions_[index].reply);
    sessions_[index] = sessions_.back();
    sessions_.pop_back();
  }

  /// Everything is where it was, and there is nothing else.
  void check_everything() {
    for (const Session& session : sessions_) {
      REQUIRE(find(session.original) == session.slot);
      REQUIRE(find(session.reply) == session.peer);
      const FlowHead& one = table_->entry(session.slot).head;
      const FlowHead& two = table_->entry(session.peer).head;
      REQUIRE((one.peer == session.peer && two.peer == session.slot));
      REQUIRE((one.whole() && two.whole() && !one.has(kFlowReply) && two.has(kFlowReply)));
      REQUIRE(table_->info(session.slot).wheel_record != 0);
      REQUIRE((one.bytes == mark(session.original) && two.bytes == mark(session.reply)));
    }
    REQUIRE(table_->size() == sessions_.size());
    REQUIRE(table_->flows().count_tags() == 2 * sessions_.size());
    std::size_t used = 0;
    for (FlowSlot slot = 0; slot < table_->flows().slots(); ++slot) used += table_->flows().used(slot);
    REQUIRE(used == 2 * sessions_.size());
  }

  const std::vector<Session>& sessions() const { return sessions_; }
  std::uint64_t operations() const { return operations_; }
  std::uint64_t replies_taken() const { return replies_taken_; }
  std::uint64_t refused() const { return refused_; }
  FlowSlot find(const Tuple& key) const { return table_->flows().find(key, table_->hash(key)); }

 private:
  struct Hash {
    std::size_t operator()(const Tuple& key) const { return hash_of(kHashKey, key); }
    static inline const HashKey kHashKey = HashKey::from_seed(4711);
  };

  static std::uint64_t mark(const Tuple& key) { return Hash()(key); }
  Tuple any_original() { return tuple_of<Tuple>(random_() % keys_); }
  Tuple any_reply() { return tuple_of<Tuple>(keys_ + random_() % keys_).reversed(); }
  FlowSlot expected(const Tuple& key) const {
    const auto known = slots_.find(key);
    return known != slots_.end() ? known->second : kNoFlow;
  }

  void insert() {
    SessionStart<Tuple> start = start_of(*table_, any_original());
    if (random_() % 2 == 0) {  // translated
      start.reply.key = any_reply();
      start.reply.hash = table_->hash(start.reply.key);
    }
    const FlowSlot known = find(start.original.key);
    REQUIRE(known == expected(start.original.key));
    if (known != kNoFlow) return;
    const bool taken = expected(start.reply.key) != kNoFlow;
    const auto inserted = table_->insert(start, timeouts_, seconds(1000));
    REQUIRE((inserted.refusal == SessionRefusal::kReplyTaken) == taken);
    if (taken) ++replies_taken_;
    if (inserted.refusal == SessionRefusal::kNoPlace) ++refused_;
    if (inserted.refusal != SessionRefusal::kNone) return;
    const FlowSlot peer = table_->entry(inserted.slot).head.peer;
    put(table_->entry(inserted.slot).head.bytes, mark(start.original.key));
    put(table_->entry(peer).head.bytes, mark(start.reply.key));
    sessions_.push_back({start.original.key, start.reply.key, inserted.slot, peer});
    slots_[start.original.key] = inserted.slot;
    slots_[start.reply.key] = peer;
  }

  SessionTable<Tuple>* table_;
  std::mt19937_64 random_;
  std::uint64_t keys_;
  SessionTimeouts timeouts_;
  std::vector<Session> sessions_;
  std::unordered_map<Tuple, FlowSlot, Hash> slots_;
  std::uint64_t operations_ = 0;
  std::uint64_t replies_taken_ = 0;
  std::uint64_t refused_ = 0;
  std::size_t wrong_ = 0;
};

}  // namespace culvert::test
