// SPDX-License-Identifier: Apache-2.0
// The two ends of bench/veth. `generate` is run by BPF_PROG_TEST_RUN with live frames: each run makes one packet and
// sends it out of the interface (XDP_TX), that is, into the receive path of the veth's other end, on this core. `sink`
// sits on the far end, counts and drops. Both are far cheaper than what lies between them.
//
// Every header is written anew each time: frames are used again after the device under test changed them.
// clang-format off
#include <linux/bpf.h>  // first: the helpers' header needs its types
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include "bench/veth/traffic_state.h"

#define SOURCES 0xc6120400       // 198.18.4.0/22
#define DESTINATIONS 0xc6130000  // 198.19.0.0/22
#define HOSTS_MASK 0x3ff
#define PORT 9
#define LONGEST_WAIT (1 << 23)  // looks at the clock, some 25 ns each
#define LATE_NS 100000

struct packet {
  struct ethhdr ethernet;
  struct iphdr ip;
  struct udphdr udp;
  __u64 stamp;
} __attribute__((packed));

struct TrafficOrder order;  // one core writes `made`, another `seen`: not in one cache line
struct TrafficMade made;
struct TrafficSeen seen __attribute__((aligned(128)));

static long wait_until(__u32 index, void* due) {
  (void)index;
  return bpf_ktime_get_ns() >= *(__u64*)due;
}

static __always_inline void keep_pace(__u64 number) {
  if (number % order.batch != 0) return;
  __u64 now = bpf_ktime_get_ns();
  if (number == 0) made.first_ns = now;
  made.last_ns = now;
  if (order.ns_per_1024 == 0) return;
  __u64 due = made.first_ns + ((number * order.ns_per_1024) >> 10);
  if (now > due + LATE_NS) made.late++;
  if (now < due) bpf_loop(LONGEST_WAIT, wait_until, &due, 0);
}

static __always_inline __be16 ip_checksum(const struct iphdr* ip) {
  const __u16* words = (const void*)ip;
  __u32 sum = 0;
  for (int i = 0; i < 10; i++) sum += words[i];
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (__be16)~sum;
}

SEC("xdp")
int generate(struct xdp_md* ctx) {
  struct packet* packet = (void*)(long)ctx->data;
  if ((void*)(packet + 1) > (void*)(long)ctx->data_end) return XDP_ABORTED;
  const __u64 number = made.packets++;
  keep_pace(number);
  const __u32 flow = (__u32)number & order.flow_mask;

  __builtin_memcpy(packet->ethernet.h_dest, order.destination_mac, ETH_ALEN);
  __builtin_memset(packet->ethernet.h_source, 0, ETH_ALEN);
  packet->ethernet.h_source[0] = 2;
  packet->ethernet.h_proto = bpf_htons(ETH_P_IP);

  struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
  ip.tot_len = bpf_htons(order.ip_bytes);
  ip.saddr = bpf_htonl(SOURCES + (flow & HOSTS_MASK));
  ip.daddr = bpf_htonl(DESTINATIONS + ((flow * 2654435761U) >> 22));
  ip.check = ip_checksum(&ip);
  packet->ip = ip;

  packet->udp.source = bpf_htons(1024 + flow / (HOSTS_MASK + 1));
  packet->udp.dest = bpf_htons(PORT);
  packet->udp.len = bpf_htons(order.ip_bytes - sizeof(struct iphdr));
  packet->udp.check = 0;
  packet->stamp = order.stamp ? bpf_ktime_get_ns() : 0;
  return XDP_TX;
}

SEC("xdp")
int sink(struct xdp_md* ctx) {
  const struct packet* packet = (void*)(long)ctx->data;
  if ((void*)(packet + 1) > (void*)(long)ctx->data_end || packet->ethernet.h_proto != bpf_htons(ETH_P_IP) ||
      packet->udp.dest != bpf_htons(PORT) || packet->ip.protocol != IPPROTO_UDP) {
    seen.strangers++;
    return XDP_PASS;
  }
  const __u64 number = seen.packets++;
  if (packet->stamp != 0) {
    seen.latency_ns[seen.stamped++ % kLatencySamples] = bpf_ktime_get_ns() - packet->stamp;
  }
  if (number % kTimeEvery != 0) return XDP_DROP;
  seen.last_ns = bpf_ktime_get_ns();
  seen.last_packet = number;
  if (number == 0) seen.first_ns = seen.last_ns;
  return XDP_DROP;
}

char traffic_license[] SEC("license") = "Dual MIT/GPL";
