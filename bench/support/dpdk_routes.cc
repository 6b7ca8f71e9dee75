// SPDX-License-Identifier: Apache-2.0
#include "bench/support/dpdk_routes.h"

#ifdef CULVERT_BENCH_DPDK

#include <array>
#include <fmt/format.h>
#include <memory>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_malloc.h>
#include <string>
#include <sys/mman.h>

#include "base/cpu.h"

namespace culvert::bench {
namespace {

constexpr std::size_t kPage = std::size_t{2} << 20;

int heap_socket = -1;

/// DPDK's own memory needs reserved huge pages; this heap has transparent ones, as our tables do.
bool make_heap(std::size_t size) {
  void* reserved =
      mmap(nullptr, size + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return false;
  std::size_t space = size + kPage;
  void* heap = std::align(kPage, size, reserved, space);
  madvise(heap, size, MADV_HUGEPAGE);
  if (rte_malloc_heap_create("routes") != 0) return false;
  if (rte_malloc_heap_memory_add("routes", heap, size, nullptr, static_cast<unsigned>(size / kPage), kPage) != 0)
    return false;
  heap_socket = rte_malloc_heap_get_socket("routes");
  return heap_socket >= 0;
}

class Fib4 : public RteFib4 {
 public:
  explicit Fib4(rte_fib* fib) : fib_(fib) {}
  ~Fib4() override { rte_fib_free(fib_); }
  void lookup(std::span<std::uint32_t> addresses, std::span<std::uint64_t> next_hops) const override {
    rte_fib_lookup_bulk(fib_, addresses.data(), next_hops.data(), static_cast<int>(addresses.size()));
  }
  bool choose(DpdkLookup lookup) override {
    return rte_fib_select_lookup(fib_, lookup == DpdkLookup::kScalar ? RTE_FIB_LOOKUP_DIR24_8_SCALAR_MACRO
                                                                     : RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512) == 0;
  }

 private:
  rte_fib* fib_;
};

class Fib6 : public RteFib6 {
 public:
  explicit Fib6(rte_fib6* fib) : fib_(fib) {}
  ~Fib6() override { rte_fib6_free(fib_); }
  void lookup(std::span<Ipv6Address> addresses, std::span<std::uint64_t> next_hops) const override {
    void* first = addresses.data();
    rte_fib6_lookup_bulk(fib_, static_cast<std::uint8_t(*)[RTE_FIB6_IPV6_ADDR_SIZE]>(first), next_hops.data(),
                         static_cast<int>(addresses.size()));
  }

  bool choose(DpdkLookup lookup) override {
    return rte_fib6_select_lookup(fib_, lookup == DpdkLookup::kScalar ? RTE_FIB6_LOOKUP_TRIE_SCALAR
                                                                      : RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512) == 0;
  }

 private:
  rte_fib6* fib_;
};

/// A table that lacks routes is no reference.
bool complete(const void* fib, std::size_t failures) {
  if (fib == nullptr) fmt::print("DPDK made no table: {}\n", rte_strerror(rte_errno));
  if (failures > 0) fmt::print("DPDK refused {} routes: no comparison\n", failures);
  return fib != nullptr && failures == 0;
}

bool started = false;

}  // namespace

bool start_dpdk(std::size_t heap_bytes) {
  // 512 bits are allowed so that kAvx512 can be chosen; without this argument tables choose the scalar lookup.
  std::array<std::string, 10> arguments = {"bench",
                                           "--no-shconf",
                                           "--no-huge",
                                           "-m",
                                           "256",
                                           "--no-pci",
                                           "--no-telemetry",
                                           "--log-level=critical",
                                           "--force-max-simd-bitwidth=512",
                                           "-l" + std::to_string(allowed_cpus().back())};
  std::array<char*, arguments.size()> argv{};
  for (std::size_t i = 0; i < argv.size(); ++i) argv[i] = arguments[i].data();
  started = rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0 && make_heap(heap_bytes);
  if (!started) fmt::print("DPDK does not start: {}\n", rte_strerror(rte_errno));
  return started;
}

std::unique_ptr<RteFib4> RteFib4::of(const std::vector<Route4>& routes) {
  if (!started) return nullptr;
  rte_fib_conf conf{};
  conf.type = RTE_FIB_DIR24_8;
  conf.default_nh = kNoRouteIndex;
  conf.max_routes = static_cast<int>(2 * routes.size());
  conf.dir24_8.nh_sz = RTE_FIB_DIR24_8_2B;
  conf.dir24_8.num_tbl8 = 8192;
  rte_fib* fib = rte_fib_create("fib4", heap_socket, &conf);
  std::size_t failures = 0;
  for (const Route4& route : routes)
    if (fib != nullptr && rte_fib_add(fib, route.prefix.bits, route.prefix.length, route.next_hop) != 0) ++failures;
  auto made = fib != nullptr ? std::make_unique<Fib4>(fib) : nullptr;
  return complete(fib, failures) ? std::move(made) : nullptr;
}

std::unique_ptr<RteFib6> RteFib6::of(const std::vector<Route6>& routes, std::uint32_t groups) {
  if (!started) return nullptr;
  rte_fib6_conf conf{};
  conf.type = RTE_FIB6_TRIE;
  conf.default_nh = kNoRouteIndex;
  conf.max_routes = static_cast<int>(2 * routes.size());
  conf.trie.nh_sz = RTE_FIB6_TRIE_4B;
  conf.trie.num_tbl8 = groups;
  rte_fib6* fib = rte_fib6_create("fib6", heap_socket, &conf);
  std::size_t failures = 0;
  for (const Route6& route : routes) {
    const Ipv6Address address = route.prefix.address();
    if (fib != nullptr && rte_fib6_add(fib, address.bytes.data(), route.prefix.length, route.next_hop) != 0) ++failures;
  }
  auto made = fib != nullptr ? std::make_unique<Fib6>(fib) : nullptr;
  return complete(fib, failures) ? std::move(made) : nullptr;
}

}  // namespace culvert::bench

#else

namespace culvert::bench {

bool start_dpdk(std::size_t) {
  return false;
}
std::unique_ptr<RteFib4> RteFib4::of(const std::vector<Route4>&) {
  return nullptr;
}
std::unique_ptr<RteFib6> RteFib6::of(const std::vector<Route6>&, std::uint32_t) {
  return nullptr;
}

}  // namespace culvert::bench

#endif
