// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The XDP program of one interface: which packets Culvert takes (redirect into the AF_XDP socket of their rx queue) and
// which stay the kernel's (XDP_PASS). decide() is the contract, top to bottom; docs/xdp.md tells it at length. It keeps
// no state, changes no packet and only looks at headers.
// clang-format off
#include <linux/bpf.h>  // first: the helpers' header needs its types
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>

#include "kernel_redirect/redirect_maps.h"

#define ONE_VALUE(map, value_type)     \
  struct {                             \
    __uint(type, BPF_MAP_TYPE_ARRAY);  \
    __uint(max_entries, 1);            \
    __uint(map_flags, BPF_F_MMAPABLE); \
    __type(key, __u32);                \
    __type(value, value_type);         \
  } map SEC(".maps")
#define TABLE(map, map_type, flags, entries, key_type, value_type) \
  struct {                                                         \
    __uint(type, map_type);                                        \
    __uint(max_entries, entries);                                  \
    __uint(map_flags, flags);                                      \
    __type(key, key_type);                                         \
    __type(value, value_type);                                     \
  } map SEC(".maps")

// Shared by all interfaces of one culvertd; it sets the numbers of entries.
ONE_VALUE(settings, struct RedirectSettings);
ONE_VALUE(heartbeat, struct RedirectHeartbeat);
TABLE(local_v4, BPF_MAP_TYPE_HASH, 0, 1, __be32, __u32);
TABLE(local_v6, BPF_MAP_TYPE_HASH, 0, 1, struct in6_addr, __u32);
TABLE(deny_v4, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, 1, struct RedirectPrefix4, __u8);
TABLE(deny_v6, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, 1, struct RedirectPrefix6, __u8);
TABLE(failsafe, BPF_MAP_TYPE_HASH, 0, 1, struct RedirectPort, __u8);
// One set for each interface.
TABLE(sockets, BPF_MAP_TYPE_XSKMAP, 0, kRedirectMaxQueues, __u32, __u32);
TABLE(counters, BPF_MAP_TYPE_PERCPU_ARRAY, 0, kRedirectActions, __u32, __u64);
TABLE(vlans, BPF_MAP_TYPE_ARRAY, 0, kRedirectVlanWords, __u32, __u64);
TABLE(stations, BPF_MAP_TYPE_ARRAY, 0, 1, __u32, struct RedirectStations);

struct vlan_tag {
  __be16 tci, next;
};
struct ports {
  __be16 source, destination;
};
struct icmp {
  __u8 type, code;
  __be16 checksum;
  __be32 rest;
};  // of both families (RFC 792, RFC 4443)

static __always_inline int count(__u32 action, int verdict) {
  __u64* counter = bpf_map_lookup_elem(&counters, &action);
  if (counter) *counter += 1;
  return verdict;
}

// `passed` is the action of fail: open; its twin of fail: closed is the next one.
static __always_inline int fail(const struct RedirectSettings* set, __u32 passed) {
  return set->fail_closed ? count(passed + 1, XDP_DROP) : count(passed, XDP_PASS);
}

static __always_inline bool workers_alive(void) {
  const __u32 zero = 0;
  const struct RedirectHeartbeat* heart = bpf_map_lookup_elem(&heartbeat, &zero);
  if (!heart || heart->workers == 0) return false;
  const __u64 now = bpf_ktime_get_coarse_ns();  // up to a tick behind; the exact clock costs as much as all the rest
  for (__u32 i = 0; i < kRedirectMaxWorkers && i < heart->workers; i++) {
    // Signed: a beat may be a little after our `now`.
    if ((__s64)(now - heart->beat_ns[i]) > (__s64)kRedirectStaleAfterNs) return false;
  }
  return true;
}

// Unicast frames for others arrive where a bridge floods or the port is promiscuous. Their station forwards them, too.
static __always_inline bool to_our_station(struct xdp_md* ctx) {
  const struct ethhdr* ethernet = (void*)(long)ctx->data;
  const __u32 zero = 0;
  const struct RedirectStations* ours = bpf_map_lookup_elem(&stations, &zero);
  if (!ours || (void*)(ethernet + 1) > (void*)(long)ctx->data_end) return false;
  __u64 to = 0;
  __builtin_memcpy(&to, ethernet->h_dest, sizeof(ethernet->h_dest));
  for (__u32 i = 0; i < kRedirectMaxStations && i < ours->count; i++) {
    if (ours->address[i] == to) return true;
  }
  return false;
}

static __always_inline int redirect(struct xdp_md* ctx, const struct RedirectSettings* set) {
  if (!to_our_station(ctx)) return fail(set, kActionOtherStationPassed);
  if (!workers_alive()) return fail(set, kActionStalePassed);
  const int found = bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
  return found == XDP_REDIRECT ? count(kActionRedirected, found) : fail(set, kActionNoSocketPassed);
}

static __always_inline bool is_failsafe(__u8 protocol, __be16 port) {
  const struct RedirectPort key = {.protocol = protocol, .port = bpf_ntohs(port)};
  return bpf_map_lookup_elem(&failsafe, &key) != NULL;
}

static __always_inline bool has_ports(__u8 protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

// An ICMP error about a failsafe connection of ours belongs to the kernel as that connection does: without "packet too
// big" an ssh session hangs. `quoted` is the header that the error quotes.
static __always_inline bool quotes_failsafe4(const struct iphdr* quoted, const struct iphdr* ip, void* end) {
  if ((void*)(quoted + 1) > end || quoted->saddr != ip->daddr || !has_ports(quoted->protocol)) return false;
  const struct ports* ports = (void*)quoted + quoted->ihl * 4;
  return (void*)(ports + 1) <= end && is_failsafe(quoted->protocol, ports->source);
}

// True for what must reach the host in whatever state Culvert is. Fragments never do: only the first has ports, and a
// datagram must not be torn between the kernel and Culvert (which punts it when it is the host's own).
static __always_inline bool failsafe4(const struct iphdr* ip, void* end) {
  if (ip->frag_off & bpf_htons(0x3fff)) return false;
  void* l4 = (void*)ip + ip->ihl * 4;
  if (ip->protocol == IPPROTO_ICMP) {
    const struct icmp* icmp = l4;
    if ((void*)(icmp + 1) > end) return false;
    const bool error = icmp->type == 3 || icmp->type == 11 || icmp->type == 12;  // unreachable, time, parameter
    return error && quotes_failsafe4((void*)(icmp + 1), ip, end);
  }
  const struct ports* ports = l4;
  return has_ports(ip->protocol) && (void*)(ports + 1) <= end && is_failsafe(ip->protocol, ports->destination);
}

static __always_inline int decide4(struct xdp_md* ctx, const struct RedirectSettings* set, void* at, void* end) {
  const struct iphdr* ip = at;
  if ((void*)(ip + 1) > end || ip->version != 4 || ip->ihl < 5) return fail(set, kActionUnreadablePassed);
  const __u32 to = bpf_ntohl(ip->daddr);
  if (to >> 28 == 0xe || to == 0xffffffff) return count(kActionGroup, XDP_PASS);
  if (to >> 16 == 0xa9fe) return count(kActionLinkLocal, XDP_PASS);
  if (set->deny_v4) {
    struct RedirectPrefix4 source = {.length = 32};
    __builtin_memcpy(source.address, &ip->saddr, sizeof(source.address));
    if (bpf_map_lookup_elem(&deny_v4, &source)) return count(kActionDenied, XDP_DROP);
  }
  const __be32 destination = ip->daddr;
  const __u32* local = bpf_map_lookup_elem(&local_v4, &destination);
  if (local && failsafe4(ip, end)) return count(kActionFailsafe, XDP_PASS);
  if (local && !(*local & kAddressClaimed)) return count(kActionLocal, XDP_PASS);
  return redirect(ctx, set);
}

// The upper-layer protocol behind up to eight extension headers (RFC 8200, 4), its offset from the IPv6 header in
// *offset; -1 when there is none to see: cut short, a fragment (RFC 8200, 4.5), too many headers.
static __always_inline int upper_layer6(const struct ipv6hdr* ip, void* end, __u32* offset) {
  __u8 next = ip->nexthdr;
  __u32 at = sizeof(*ip);
  for (int i = 0; i < 8; i++) {
    if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS && next != IPPROTO_AH) break;
    const __u8* header = (void*)ip + at;
    if ((void*)(header + 2) > end) return -1;
    at += next == IPPROTO_AH ? (header[1] + 2) * 4 : (header[1] + 1) * 8;
    next = header[0];
  }
  *offset = at;
  return next;
}

static __always_inline bool quotes_failsafe6(const struct ipv6hdr* quoted, const struct ipv6hdr* ip, void* end) {
  const struct ports* ports = (void*)(quoted + 1);
  if ((void*)(ports + 1) > end || !has_ports(quoted->nexthdr)) return false;
  for (int i = 0; i < 4; i++) {
    if (quoted->saddr.s6_addr32[i] != ip->daddr.s6_addr32[i]) return false;
  }
  return is_failsafe(quoted->nexthdr, ports->source);
}

// As failsafe4; the action to count, or 0 (kActionRedirected) for "no". Neighbour discovery with a unicast destination
// is the kernel's too; hop limit 255 proves that no router forwarded it (RFC 4861, 7.1).
static __always_inline __u32 failsafe6(const struct ipv6hdr* ip, void* end) {
  __u32 offset = 0;
  const int protocol = upper_layer6(ip, end, &offset);
  void* l4 = (void*)ip + offset;
  if (protocol == IPPROTO_ICMPV6) {
    const struct icmp* icmp = l4;
    if ((void*)(icmp + 1) > end) return 0;
    if (icmp->type >= 133 && icmp->type <= 137 && ip->hop_limit == 255) return kActionNeighbour;
    const bool error = icmp->type >= 1 && icmp->type <= 4;
    return error && quotes_failsafe6((void*)(icmp + 1), ip, end) ? kActionFailsafe : 0;
  }
  const struct ports* ports = l4;
  if (protocol < 0 || !has_ports(protocol) || (void*)(ports + 1) > end) return 0;
  return is_failsafe(protocol, ports->destination) ? kActionFailsafe : 0;
}

static __always_inline int decide6(struct xdp_md* ctx, const struct RedirectSettings* set, void* at, void* end) {
  const struct ipv6hdr* ip = at;
  if ((void*)(ip + 1) > end || ip->version != 6) return fail(set, kActionUnreadablePassed);
  const __u8* to = ip->daddr.s6_addr;
  if (to[0] == 0xff) return count(kActionGroup, XDP_PASS);
  if (to[0] == 0xfe && (to[1] & 0xc0) == 0x80) return count(kActionLinkLocal, XDP_PASS);
  if (set->deny_v6) {
    struct RedirectPrefix6 source = {.length = 128};
    __builtin_memcpy(source.address, &ip->saddr, sizeof(source.address));
    if (bpf_map_lookup_elem(&deny_v6, &source)) return count(kActionDenied, XDP_DROP);
  }
  const struct in6_addr destination = ip->daddr;
  const __u32* local = bpf_map_lookup_elem(&local_v6, &destination);
  const __u32 safe = local ? failsafe6(ip, end) : 0;
  if (safe) return count(safe, XDP_PASS);
  if (local && !(*local & kAddressClaimed)) return count(kActionLocal, XDP_PASS);
  return redirect(ctx, set);
}

// VLAN 0 is a priority tag: the kernel takes such a frame for an untagged one, and so do we, or the tag would be a way
// around fail: closed. Any other VLAN belongs to the kernel's VLAN devices on top of this interface until it is
// claimed.
static __always_inline bool ours(__be16 tci) {
  const __u16 id = bpf_ntohs(tci) & 0xfff;
  const __u32 word = id / 64;
  const __u64* bits = bpf_map_lookup_elem(&vlans, &word);
  return id == 0 || (bits && (*bits >> (id % 64) & 1));
}

static __always_inline bool is_vlan(__be16 protocol) {
  return protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD);
}

static __always_inline int decide(struct xdp_md* ctx) {
  const __u32 zero = 0;
  const struct RedirectSettings* set = bpf_map_lookup_elem(&settings, &zero);
  void* at = (void*)(long)ctx->data;
  void* end = (void*)(long)ctx->data_end;
  const struct ethhdr* ethernet = at;
  if (!set || (void*)(ethernet + 1) > end) return XDP_DROP;  // cannot happen: an array of one, the kernel's minimum
  __be16 protocol = ethernet->h_proto;
  at += sizeof(*ethernet);
  for (int i = 0; i < 2 && is_vlan(protocol); i++) {
    const struct vlan_tag* tag = at;
    if ((void*)(tag + 1) > end) return fail(set, kActionUnreadablePassed);
    if (!ours(tag->tci)) return count(kActionOtherVlan, XDP_PASS);
    protocol = tag->next;
    at += sizeof(*tag);
  }
  if (is_vlan(protocol)) return fail(set, kActionUnreadablePassed);
  const bool v4 = protocol == bpf_htons(ETH_P_IP);
  if (!v4 && protocol != bpf_htons(ETH_P_IPV6)) return count(kActionNotIp, XDP_PASS);
  if (ethernet->h_dest[0] & 1) return count(kActionGroup, XDP_PASS);
  return v4 ? decide4(ctx, set, at, end) : decide6(ctx, set, at, end);
}

SEC("xdp") int culvert_xdp(struct xdp_md* ctx) {
  return decide(ctx);
}

// The same for packets of several buffers (an MTU larger than a page): all headers are in the first one.
SEC("xdp.frags") int culvert_xdp_sg(struct xdp_md* ctx) {
  return decide(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
