// SPDX-License-Identifier: Apache-2.0
#include "test/lb/lb_models.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <queue>

#include "base/hash.h"
#include "lb/maglev_table.h"

namespace culvert::test {
namespace {

/// A backend's order of slots, and how far it is.
struct Walker {
  std::uint64_t next, skip;
  std::uint16_t place;

  /// The first free slot from here, which then is this backend's.
  void pick(Slots& slots) {
    while (slots[next] != MaglevTable::kNobody) next = (next + skip) % slots.size();
    slots[next] = place;
  }
};

/// How many slots each gets: rounded down, and one more for the largest remainders.
std::vector<std::uint64_t> quotas(const std::vector<PoolBackend>& backends, std::uint64_t size) {
  std::uint64_t sum = 0, given = 0;
  for (const PoolBackend& backend : backends) sum += backend.weight;
  std::vector<std::uint64_t> quota;
  for (const PoolBackend& backend : backends) {
    quota.push_back(backend.weight * size / sum);
    given += quota.back();
  }
  std::vector<std::size_t> places(backends.size());
  std::iota(places.begin(), places.end(), 0);
  std::sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
    const std::uint64_t one = backends[a].weight * size % sum, two = backends[b].weight * size % sum;
    if (one != two) return one > two;
    if (backends[a].weight != backends[b].weight) return backends[a].weight > backends[b].weight;
    return backends[a].name < backends[b].name;
  });
  for (std::size_t i = 0; given < size; ++i, ++given) ++quota[places[i]];
  return quota;
}

/// A pick of a backend, at the time `pick` / weight.
struct Pick {
  std::uint64_t pick, weight, name;
  std::size_t place;

  friend bool operator<(const Pick& a, const Pick& b) {  // the first of all is the greatest
    if (a.pick * b.weight != b.pick * a.weight) return a.pick * b.weight > b.pick * a.weight;
    return a.weight != b.weight ? a.weight < b.weight : a.name > b.name;
  }
};

std::uint64_t mixed(std::uint64_t value) {
  return splitmix64(value);
}

}  // namespace

std::vector<PoolBackend> some_backends(std::size_t count, std::uint8_t weight, std::uint64_t seed) {
  std::vector<PoolBackend> backends;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Ipv4Address address{Be32(0x0a000001 + i)};
    backends.push_back({backend_name(SipKey::from_seed(seed), address), static_cast<BackendNumber>(i), weight});
  }
  return backends;
}

Slots plain_maglev(const std::vector<PoolBackend>& backends, std::uint32_t size) {
  Slots slots(size, MaglevTable::kNobody);
  const std::vector<std::uint64_t> quota = quotas(backends, size);
  std::vector<Walker> walkers;
  std::priority_queue<Pick> picks;
  for (std::size_t place = 0; place < backends.size(); ++place) {
    const PoolBackend& backend = backends[place];
    const SlotOrder order = SlotOrder::of(backend.name, size);
    walkers.push_back({order.offset, order.skip, static_cast<std::uint16_t>(place)});
    if (quota[place] > 0) picks.push({0, backend.weight, backend.name, place});
  }
  while (!picks.empty()) {
    Pick pick = picks.top();
    picks.pop();
    walkers[pick.place].pick(slots);
    if (++pick.pick < quota[pick.place]) picks.push(pick);
  }
  return slots;
}

Slots built_maglev(const std::vector<PoolBackend>& backends, std::uint32_t size) {
  Slots slots(size);
  std::vector<std::uint64_t> scratch(maglev_scratch_words(size, backends.size()), ~std::uint64_t{0});
  build_maglev(slots, backends, scratch);
  return slots;
}

Slots model_of_vpp(const std::vector<PoolBackend>& backends, std::uint32_t size) {
  std::vector<Walker> walkers;
  for (std::uint64_t replica = 0; replica < kMostWeight; ++replica) {
    for (std::size_t place = 0; place < backends.size(); ++place) {
      if (replica >= backends[place].weight) continue;
      const std::uint64_t hash = mixed(backends[place].name ^ replica);
      walkers.push_back({(hash >> 32) % size, (hash | 1) % size, static_cast<std::uint16_t>(place)});
    }
  }
  Slots slots(size, MaglevTable::kNobody);
  for (std::uint32_t picks = 0; picks < size; ++picks) walkers[picks % walkers.size()].pick(slots);
  return slots;
}

Slots model_of_ipvs(const std::vector<PoolBackend>& backends, std::uint32_t size) {
  unsigned divisor = 0, heaviest = 0;
  for (const PoolBackend& backend : backends) divisor = std::gcd(divisor, unsigned{backend.weight});
  for (const PoolBackend& backend : backends) heaviest = std::max(heaviest, backend.weight / divisor);
  const auto bits = static_cast<unsigned>(std::bit_width(heaviest)), shift = bits > 6 ? bits - 6 : 0;
  std::vector<Walker> walkers;
  for (std::size_t place = 0; place < backends.size(); ++place) {
    const SlotOrder order = SlotOrder::of(backends[place].name, size);
    walkers.push_back({order.offset, order.skip, static_cast<std::uint16_t>(place)});
  }
  Slots slots(size, MaglevTable::kNobody);
  for (std::uint32_t picks = 0; picks < size;) {
    for (std::size_t place = 0; place < backends.size(); ++place) {
      const unsigned turns = backends[place].weight / divisor >> shift;
      for (unsigned i = 0; i < turns && picks < size; ++i, ++picks) walkers[place].pick(slots);
    }
  }
  return slots;
}

std::vector<PoolBackend> without(const std::vector<PoolBackend>& backends, const std::vector<bool>& gone) {
  std::vector<PoolBackend> rest;
  for (std::size_t place = 0; place < backends.size(); ++place) {
    if (!gone[place]) rest.push_back(backends[place]);
  }
  return rest;
}

std::vector<BackendNumber> numbers_of(const Slots& slots, const std::vector<PoolBackend>& backends) {
  std::vector<BackendNumber> numbers;
  numbers.reserve(slots.size());
  for (const std::uint16_t place : slots) numbers.push_back(backends[place].number);
  return numbers;
}

}  // namespace culvert::test
