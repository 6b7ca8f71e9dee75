// SPDX-License-Identifier: Apache-2.0
#include "bench/support/dpdk_hash.h"

#ifdef CULVERT_BENCH_DPDK

#include <array>
#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_malloc.h>

namespace culvert::bench {
namespace {

std::size_t heap_bytes_taken(int socket) {
  rte_malloc_socket_stats stats{};
  return rte_malloc_get_socket_stats(socket, &stats) == 0 ? stats.heap_allocsz_bytes : 0;
}

class Hash : public RteHash {
 public:
  Hash(rte_hash* hash, std::size_t key_bytes, std::size_t bytes) : hash_(hash), key_bytes_(key_bytes), bytes_(bytes) {}
  ~Hash() override { rte_hash_free(hash_); }

  void lookup(const std::byte* keys, std::span<std::int32_t> places) const override {
    std::array<const void*, kMostAtOnce> pointers;
    for (std::size_t i = 0; i < places.size(); ++i) pointers[i] = keys + i * key_bytes_;
    rte_hash_lookup_bulk(hash_, pointers.data(), static_cast<std::uint32_t>(places.size()), places.data());
  }
  std::int32_t insert(const std::byte* key) override { return rte_hash_add_key(hash_, key); }
  void remove(const std::byte* key) override { rte_hash_del_key(hash_, key); }
  std::size_t bytes() const override { return bytes_; }

 private:
  rte_hash* hash_;
  std::size_t key_bytes_;
  std::size_t bytes_;
};

}  // namespace

std::unique_ptr<RteHash> RteHash::of(std::size_t keys, std::size_t key_bytes) {
  // The heap that start_dpdk() has made.
  const int socket = rte_malloc_heap_get_socket("routes");
  if (socket < 0) return nullptr;
  const std::size_t before = heap_bytes_taken(socket);
  rte_hash_parameters parameters{};
  parameters.name = "sessions";
  parameters.entries = static_cast<std::uint32_t>(keys);
  parameters.key_len = static_cast<std::uint32_t>(key_bytes);
  parameters.hash_func = rte_hash_crc;
  parameters.socket_id = socket;
  rte_hash* hash = rte_hash_create(&parameters);
  if (hash == nullptr) {
    fmt::print("DPDK made no hash table of {} keys: {}\n", keys, rte_strerror(rte_errno));
    return nullptr;
  }
  return std::make_unique<Hash>(hash, key_bytes, heap_bytes_taken(socket) - before);
}

}  // namespace culvert::bench

#else

namespace culvert::bench {

std::unique_ptr<RteHash> RteHash::of(std::size_t, std::size_t) {
  return nullptr;
}

}  // namespace culvert::bench

#endif
