// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/cell.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "kernel_redirect/redirect_maps.h"
#include "packet/address.h"

namespace culvert {

enum class FailMode { kOpen, kClosed };

/// Whether something in Culvert wants the packets to a local address. kUnclaimed: they are the host's alone.
enum class AddressUse { kUnclaimed, kClaimed };

struct DenyList {
  struct Prefix4 {
    Ipv4Address address;
    std::uint8_t length = 32;  ///< 0..32; bits behind it are ignored
  };
  struct Prefix6 {
    Ipv6Address address;
    std::uint8_t length = 128;  ///< 0..128; bits behind it are ignored
  };
  std::vector<Prefix4> v4;
  std::vector<Prefix6> v6;
};

/// Entries of each bounded map; 1 or more.
struct RedirectLimits {
  std::uint32_t local_v4 = 4096;
  std::uint32_t local_v6 = 4096;
  std::uint32_t deny_v4 = 65536;
  std::uint32_t deny_v6 = 65536;
  std::uint32_t failsafe = 64;
};

/// Where one worker says that it is alive. Cheap to copy; valid as long as the RedirectState.
class Beat {
 public:
  explicit Beat(__u64* word) noexcept : word_(word) {}
  /// `now` of CLOCK_MONOTONIC; every 10 ms. A relaxed store: the XDP program of another CPU may see it a little later.
  void store(Now now) const noexcept { __atomic_store_n(word_, now, __ATOMIC_RELAXED); }

  /// The word itself, for a worker, which must not know this folder; written through std::atomic_ref.
  __u64* word() const noexcept { return word_; }

 private:
  __u64* word_;
};

/// One bounded map as a resource: its row in `show system buffers`.
struct RedirectResource {
  std::string_view name;
  std::string_view when_full;
  Gauge gauge;
};

/// The maps that all interfaces of one culvertd share. Control is the only caller, except that each worker keeps its
/// Beat. Fill it before the first RedirectProgram is made: from then on packets are judged by it.
class RedirectState {
 public:
  enum Resource : std::size_t { kLocalV4, kLocalV6, kDenyV4, kDenyV6, kFailsafe, kResources };

  /// `workers` is 1..16: so many must beat for packets to be redirected. Throws SetupError.
  explicit RedirectState(std::uint32_t workers, FailMode fail_mode, const RedirectLimits& limits = {});
  RedirectState(const RedirectState&) = delete;
  RedirectState& operator=(const RedirectState&) = delete;
  ~RedirectState();

  /// `worker` is less than the number of workers.
  Beat beat(std::uint32_t worker) const noexcept;

  void set_fail_mode(FailMode mode) noexcept;
  FailMode fail_mode() const noexcept;

  /// Adds or changes one address of this host. An error when the map is full: what exists stays as it is, and packets
  /// to the new address are redirected (Culvert punts them; with stale workers and fail: closed they are dropped).
  Result<void> set_local_address(Ipv4Address address, AddressUse use);
  Result<void> set_local_address(const Ipv6Address& address, AddressUse use);
  /// An address that is not there is no error.
  Result<void> remove_local_address(Ipv4Address address);
  Result<void> remove_local_address(const Ipv6Address& address);

  /// The list becomes exactly this. Additions are made before removals, so a prefix that stays never stops working.
  /// An error (too many, length out of range) changes nothing.
  Result<void> replace_deny_list(const DenyList& list);

  /// Ports of this host that are reachable in any state. protocol: 6, 17 or 132 (IANA); port in host order. An error
  /// (too many, another protocol) changes nothing.
  Result<void> replace_failsafe_ports(std::span<const RedirectPort> ports);

  std::span<const RedirectResource> resources() const noexcept;
  void clear_peaks() noexcept;

  /// Descriptors of the maps by their names in redirect.bpf.c; for RedirectProgram.
  const std::map<std::string, Fd>& maps() const noexcept { return maps_; }

 private:
  struct Contents;

  int fd(Resource resource) const;
  Result<void> set_address(Resource resource, const std::string& key, AddressUse use);
  Result<void> remove_address(Resource resource, const std::string& key);
  Result<void> add_missing(Resource resource, const std::unordered_set<std::string>& wanted);
  void remove_others(Resource resource, const std::unordered_set<std::string>& wanted);
  Result<void> check_room(Resource resource, std::size_t wanted);

  std::map<std::string, Fd> maps_;
  std::span<std::byte> settings_page_;
  std::span<std::byte> heartbeat_page_;
  RedirectSettings* settings_ = nullptr;
  RedirectHeartbeat* heartbeat_ = nullptr;
  std::unique_ptr<Contents> contents_;
};

}  // namespace culvert
