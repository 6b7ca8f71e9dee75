// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// What the XDP program and culvertd agree on: plain C, included by both. Integers are in host order unless a comment
// says that they are as on the wire.
#pragma once

#include <linux/types.h>

#ifdef __cplusplus
namespace culvert {
#endif

enum {
  kRedirectMaxWorkers = 16,
  kRedirectMaxQueues = 64,    ///< rx queues of one interface that can have a socket
  kRedirectVlanWords = 64,    ///< 4096 VLAN ids, 64 to a word
  kRedirectMaxStations = 16,  ///< Ethernet addresses of one interface whose packets Culvert takes
  kAddressClaimed = 1,        ///< flag of a local address: NAT, a service or a policy wants its packets
};

/// A worker that has not beaten for so long is taken for dead. Workers beat every 10 ms.
static const __u64 kRedirectStaleAfterNs = 500000000ULL;

/// One counter each; redirect_action.cc has the name and the sentence of each. An action of the failing four is
/// followed by its twin: the same cause, dropped because of fail: closed.
enum RedirectAction {
  kActionRedirected,
  kActionNotIp,
  kActionOtherVlan,
  kActionGroup,
  kActionLinkLocal,
  kActionDenied,
  kActionNeighbour,
  kActionFailsafe,
  kActionLocal,
  kActionOtherStationPassed,
  kActionOtherStationDropped,
  kActionStalePassed,
  kActionStaleDropped,
  kActionNoSocketPassed,
  kActionNoSocketDropped,
  kActionUnreadablePassed,
  kActionUnreadableDropped,
  kRedirectActions,
};

/// The one value of map `settings`. culvertd stores each field on its own, at any time.
struct RedirectSettings {
  __u32 fail_closed;  ///< 0: what cannot be redirected passes to the kernel; 1: it is dropped
  __u32 deny_v4;      ///< prefixes in the IPv4 deny list; 0 skips the look-up
  __u32 deny_v6;
  __u32 reserved;
};

/// The one value of map `heartbeat`. Worker i stores CLOCK_MONOTONIC into beat_ns[i]; nobody is alive with 0 workers.
struct RedirectHeartbeat {
  __u64 beat_ns[kRedirectMaxWorkers];
  __u32 workers;
  __u32 reserved;
};

/// The one value of map `stations`. An address is in the six lower bytes, the first one lowest (MacAddress::bits()).
/// What is beyond `count` is 0, which is no station's address.
struct RedirectStations {
  __u64 address[kRedirectMaxStations];
  __u32 count;
  __u32 reserved;
};

/// Keys of the deny lists, as BPF_MAP_TYPE_LPM_TRIE wants them: prefix length, then the address as on the wire.
struct RedirectPrefix4 {
  __u32 length;
  __u8 address[4];
};
struct RedirectPrefix6 {
  __u32 length;
  __u8 address[16];
};

/// Key of map `failsafe`.
struct RedirectPort {
  __u16 protocol;
  __u16 port;
};

#ifdef __cplusplus
}  // namespace culvert
#endif
