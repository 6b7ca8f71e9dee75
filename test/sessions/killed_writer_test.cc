// SPDX-License-Identifier: Apache-2.0
// A process that makes and erases sessions in shared memory is killed at any instruction, again and again; each time
// its successor must find every session that was finished, none that was erased, and of the one that was being worked
// on both directions or none.
#include <csignal>
#include <cstdio>
#include <random>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mapping.h"
#include "test/sessions/tables.h"
#include "test/support/catch.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr std::uint64_t kNumbers = 600;
constexpr std::uint32_t kSessions = 400;
constexpr Now kNow = seconds(1000);

/// Sessions, and before them what their writer says about itself: how many operations it has begun, and finished.
template <typename Tuple>
class SharedSessions {
 public:
  SessionTable<Tuple> successor() {
    const std::size_t flow_bytes = FlowTable<Tuple>::bytes_for(2 * kSessions);
    const auto infos = array_over<FlowInfo>(bytes().subspan(kPage + flow_bytes));
    return SessionTable<Tuple>({bytes().subspan(kPage, flow_bytes), infos, wheel_}, HashKey::from_seed(8), kNow);
  }
  std::uint64_t& begun() { return array_over<std::uint64_t>(bytes())[0]; }
  std::uint64_t& finished() { return array_over<std::uint64_t>(bytes())[1]; }

 private:
  static constexpr std::size_t kPage = 4096;

  static std::size_t size() {
    return kPage + FlowTable<Tuple>::bytes_for(2 * kSessions) +
           FlowTable<Tuple>::slots_for(FlowTable<Tuple>::buckets_for(2 * kSessions)) * sizeof(FlowInfo);
  }
  std::span<std::byte> bytes() { return memory_.bytes(); }

  Mapping memory_ = Mapping::shared(size(), "sessions");
  std::vector<ExpiryWheel::Chunk> wheel_ = std::vector<ExpiryWheel::Chunk>(ExpiryWheel::chunks_for(kNumbers));
};

/// The number that the operation works on: what is there is erased, what isn't is made.
std::uint64_t number_of(std::uint64_t operation) {
  std::uint64_t state = operation;
  return splitmix64(state) % kNumbers;
}

template <typename Tuple>
FlowSlot find(const SessionTable<Tuple>& table, const Tuple& key) {
  return table.flows().find(key, table.hash(key));
}

/// Without end; it allocates nothing, as its heap was copied from another process.
template <typename Tuple>
[[noreturn]] void write(SharedSessions<Tuple>& shared, SessionTable<Tuple>& table) {
  for (std::uint64_t operation = shared.finished();; ++operation) {
    std::atomic_ref<std::uint64_t>(shared.begun()).store(operation + 1);
    const Tuple key = tuple_of<Tuple>(number_of(operation));
    const FlowSlot slot = find(table, key);
    if (slot != kNoFlow) {
      table.erase(slot);
    } else {
      table.insert(start_of(table, key), SessionTimeouts(), kNow);
    }
    std::atomic_ref<std::uint64_t>(shared.finished()).store(operation + 1);
  }
}

/// Lets a writer go on with the table for so many operations, however slow the machine is, and a moment.
template <typename Tuple>
void write_until_killed(SharedSessions<Tuple>& shared, SessionTable<Tuple>& table, std::uint64_t operations) {
  constexpr int kPatience = 100'000;  // of 20 us and more
  const std::uint64_t enough = shared.finished() + operations;
  const pid_t writer = ::fork();
  REQUIRE(writer >= 0);
  if (writer == 0) write(shared, table);
  const auto finished = [&shared] { return std::atomic_ref<std::uint64_t>(shared.finished()).load(); };
  for (int waits = 0; finished() < enough && waits < kPatience; ++waits) ::usleep(20);
  REQUIRE(::kill(writer, SIGKILL) == 0);
  int status = 0;
  REQUIRE(::waitpid(writer, &status, 0) == writer);
  REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
}

}  // namespace

TEMPLATE_TEST_CASE("sessions survive that their worker is killed at any instruction", "", FiveTuple4, FiveTuple6) {
  const std::uint64_t seed = seed_of_run();
  INFO("CULVERT_SEED=" << seed);
  std::mt19937_64 random(seed);
  SharedSessions<TestType> shared;
  std::set<std::uint64_t> live;
  std::uint64_t replayed = 0;
  std::uint64_t interrupted = 0;
  std::uint64_t torn = 0;
  for (int round = 0; round < 200 || (interrupted <= 10 && round < 2000); ++round) {
    auto table = shared.successor();
    const std::uint32_t lost = table.recover(SessionTimeouts(), kNow, [](FlowSlot) {});
    REQUIRE(lost <= 2);
    torn += lost;
    for (; replayed < shared.finished(); ++replayed) {
      const std::uint64_t number = number_of(replayed);
      if (live.erase(number) == 0) live.insert(number);
    }
    if (shared.begun() > shared.finished()) {
      ++interrupted;
      REQUIRE(shared.begun() == shared.finished() + 1);
      const std::uint64_t number = number_of(replayed++);
      live.erase(number);
      if (find(table, tuple_of<TestType>(number)) != kNoFlow) live.insert(number);
      shared.finished() = shared.begun();
    }
    REQUIRE(table.size() == live.size());
    for (std::uint64_t number = 0; number < kNumbers; ++number) {
      const TestType key = tuple_of<TestType>(number);
      const FlowSlot slot = find(table, key);
      const FlowSlot peer = find(table, key.reversed());
      REQUIRE((slot != kNoFlow) == (live.count(number) == 1));
      REQUIRE((peer != kNoFlow) == (slot != kNoFlow));
      if (slot == kNoFlow) continue;
      REQUIRE(table.entry(slot).head.peer == peer);
      REQUIRE(table.entry(peer).head.peer == slot);
    }
    write_until_killed(shared, table, 100 + random() % 3000);
  }
  std::printf("seed %llu: %llu operations, %llu interrupted, %llu flows torn\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(replayed), static_cast<unsigned long long>(interrupted),
              static_cast<unsigned long long>(torn));
  CHECK(replayed > 10'000);
  CHECK(interrupted > 10);
}
