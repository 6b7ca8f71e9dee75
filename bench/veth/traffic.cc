// SPDX-License-Identifier: Apache-2.0
// bench_veth_traffic: makes packets at one end and counts them at the other, for run.py. It reads orders from its
// standard input, one a line, and answers each with one line of JSON:
//
//   send PACKETS LENGTH FLOWS RATE BATCH    RATE packets a second, 0: as fast as it goes; looks at the clock every
//   BATCH
//   {"made": 1000000, "made_ns": ..., "late": 0, "cpu_ns": ...}
//   seen                                    what has come to the other end since the last `send` began
//   {"seen": 999990, "seen_timed": 999937, "seen_ns": ..., "strangers": 0}
//   idle COUNT GAP_US                       single packets, so far apart; how long each took to the other end
//   {"latency_ns": [...]}
//
// Rates at the far end: seen_timed packets came in seen_ns, from the first packet to the last that was timed.
#include <array>
#include <bpf/bpf.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <iostream>
#include <memory>
#include <net/if.h>
#include <sched.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/cpu.h"
#include "base/fd.h"
#include "base/time.h"
#include "bench/veth/traffic.skel.h"

namespace culvert::bench {
namespace {

constexpr std::uint32_t kEthernetBytes = 14;
constexpr std::uint32_t kLongestPacket = 1514;
constexpr auto kQuiet = std::chrono::milliseconds(50);

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

void enter(const std::string& net) {
  const Fd fd(::open(("/run/netns/" + net).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::setns(fd.get(), CLONE_NEWNET) != 0) fail("entering the network namespace " + net);
}

int interface_index(const std::string& name) {
  const unsigned index = ::if_nametoindex(name.c_str());
  if (index == 0) fail("looking for the interface " + name);
  return static_cast<int>(index);
}

class Traffic {
 public:
  /// The generator goes out of `from`'s eth0 to `gateway_mac`, the sink sits on `to`'s.
  Traffic(const std::string& from, const std::string& to, const std::string& gateway_mac)
      : bpf_(traffic_bpf__open_and_load(), traffic_bpf__destroy), sink_(nullptr, bpf_link__destroy) {
    if (!bpf_) fail("loading the programs");
    enter(to);
    sink_.reset(bpf_program__attach_xdp(bpf_->progs.sink, interface_index("eth0")));
    if (!sink_) fail("attaching the sink");
    enter(from);
    egress_ = static_cast<std::uint32_t>(interface_index("eth0"));
    auto& mac = bpf_->bss->order.destination_mac;
    if (std::sscanf(gateway_mac.c_str(), "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
                    &mac[5]) != 6) {
      throw std::runtime_error("not a MAC address: " + gateway_mac);
    }
  }

  std::string send(std::uint32_t packets, std::uint32_t length, std::uint32_t flows, std::uint64_t rate,
                   std::uint32_t batch) {
    order(length, flows, batch);
    if (rate != 0) bpf_->bss->order.ns_per_1024 = (kNanosecondsPerSecond << 10) / rate;
    const std::uint64_t cpu_before = thread_cpu_ns();
    run(packets, length, batch);
    const std::uint64_t cpu_ns = thread_cpu_ns() - cpu_before;
    const TrafficMade& made = bpf_->bss->made;
    return fmt::format(R"({{"made": {}, "made_ns": {}, "late": {}, "cpu_ns": {}}})", made.packets,
                       made.last_ns - made.first_ns, made.late, cpu_ns);
  }

  std::string seen() const {
    asm volatile("" : : : "memory");  // the kernel writes them
    const TrafficSeen& seen = bpf_->bss->seen;
    return fmt::format(R"({{"seen": {}, "seen_timed": {}, "seen_ns": {}, "strangers": {}}})", seen.packets,
                       seen.last_packet, seen.last_ns - seen.first_ns, seen.strangers);
  }

  std::string idle(std::uint32_t count, std::uint32_t gap_us) {
    order(64, 1, 1);
    bpf_->bss->order.stamp = 1;
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(count, kLatencySamples); ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(gap_us));
      run(1, 64, 1);
    }
    std::this_thread::sleep_for(kQuiet);
    const TrafficSeen& seen = bpf_->bss->seen;
    std::string list;
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(seen.stamped, kLatencySamples); ++i) {
      list += fmt::format("{}{}", i == 0 ? "" : ", ", seen.latency_ns[i]);
    }
    return fmt::format(R"({{"latency_ns": [{}]}})", list);
  }

 private:
  void order(std::uint32_t length, std::uint32_t flows, std::uint32_t batch) {
    if (length < 64 || length > kLongestPacket || flows == 0 || (flows & (flows - 1)) != 0 || batch == 0) {
      throw std::runtime_error("packets of 64 to 1514 bytes, a power of two of flows, a batch of 1 or more");
    }
    TrafficOrder& order = bpf_->bss->order;
    order.flow_mask = flows - 1;
    order.ip_bytes = length - kEthernetBytes;
    order.batch = batch;
    order.stamp = 0;
    order.ns_per_1024 = 0;
    bpf_->bss->made = {};
    bpf_->bss->seen = {};
  }

  void run(std::uint32_t packets, std::uint32_t length, std::uint32_t batch) {
    std::vector<std::byte> packet(length);
    xdp_md context{};
    context.data_end = length;
    context.ingress_ifindex = egress_;
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = packet.data();
    options.data_size_in = length;
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.repeat = static_cast<int>(packets);
    options.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    options.batch_size = std::min(batch, packets);
    const int error = bpf_prog_test_run_opts(bpf_program__fd(bpf_->progs.generate), &options);
    if (error != 0) {
      errno = -error;
      fail("running the generator");
    }
  }

  std::unique_ptr<traffic_bpf, void (*)(traffic_bpf*)> bpf_;
  std::unique_ptr<bpf_link, int (*)(bpf_link*)> sink_;
  std::uint32_t egress_ = 0;
};

std::string obey(Traffic& traffic, const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  std::array<std::uint64_t, 5> number{};
  words >> verb;
  const std::size_t wanted = verb == "send" ? 5 : verb == "idle" ? 2 : 0;
  for (std::size_t i = 0; i < wanted; ++i) words >> number[i];
  if (verb == "seen") return traffic.seen();
  if (wanted == 0 || !words) throw std::runtime_error("not understood: " + line);
  const auto word = [&number](std::size_t i) { return static_cast<std::uint32_t>(number[i]); };
  if (verb == "send") return traffic.send(word(0), word(1), word(2), number[3], word(4));
  return traffic.idle(word(0), word(1));
}

}  // namespace
}  // namespace culvert::bench

int main(int argc, char** argv) {
  using namespace culvert;
  if (argc != 5) {
    fmt::print(stderr, "usage: bench_veth_traffic FROM_NAMESPACE TO_NAMESPACE GATEWAY_MAC CPU\n");
    return 2;
  }
  try {
    if (const auto pinned = pin_this_thread(std::stoi(argv[4])); !pinned) throw std::runtime_error("cannot pin");
    bench::Traffic traffic(argv[1], argv[2], argv[3]);
    for (std::string line; std::getline(std::cin, line);) {
      fmt::print("{}\n", bench::obey(traffic, line));
      std::fflush(stdout);
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_veth_traffic: {}\n", error.what());
    return 1;
  }
  return 0;
}
