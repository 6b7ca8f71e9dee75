// SPDX-License-Identifier: Apache-2.0
// What the two XDP programs of bench/veth (traffic.bpf.c) and the program that runs them (traffic.cc) agree on: plain
// C, included by both; outside our namespace, because the skeleton that bpftool writes names them so. Integers are in
// host order.
#pragma once

#include <linux/types.h>

enum {
  kLatencySamples = 4096,  ///< a power of two
  kTimeEvery = 64,         ///< the sink looks at the clock for one packet in so many: its core is the one measured
};

/// Flow i goes from 198.18.4.0 + i mod 1024, port 1024 + i / 1024, to 198.19.0.0 + a hash of i mod 1024, port 9.
struct TrafficOrder {
  __u32 flow_mask;          ///< flows - 1; a power of two of flows, at most 2^24
  __u32 ip_bytes;           ///< length of the IPv4 packet
  __u32 batch;              ///< packets between two looks at the clock, when paced
  __u32 stamp;              ///< 1: each packet carries the time at which it was made
  __u64 ns_per_1024;        ///< time between packets, in 1/1024 ns; 0: as fast as it goes
  __u8 destination_mac[8];  ///< six used
};

struct TrafficMade {
  __u64 packets;
  __u64 first_ns, last_ns;  ///< CLOCK_MONOTONIC of the first packet, and of the last that looked
  __u64 late;               ///< batches that were due more than 100 us before they were made
};

struct TrafficSeen {
  __u64 packets;
  __u64 strangers;                       ///< not ours: passed on
  __u64 first_ns, last_ns, last_packet;  ///< times of the first packet and of the last that was timed, its number
  __u64 stamped;
  __u64 latency_ns[kLatencySamples];  ///< of the last ones that carried a time
};
