// SPDX-License-Identifier: Apache-2.0
#include "kernel_redirect/state.h"

#include <array>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "kernel_redirect/bpf_log.h"
#include "kernel_redirect/redirect.skel.h"

namespace culvert {
namespace {

constexpr std::array<const char*, RedirectState::kResources> kMapNames = {"local_v4", "local_v6", "deny_v4", "deny_v6",
                                                                          "failsafe"};

std::size_t page_size() {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// The mmap-able map's one value; a whole page.
std::span<std::byte> map_page(const Fd& fd, std::string_view what) {
  void* address = ::mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) throw SetupError(errno_error("mapping the XDP program's " + std::string(what)));
  return {static_cast<std::byte*>(address), page_size()};
}

/// Creates the shared maps as redirect.bpf.c defines them, without loading a program. The lists that are replaced as a
/// whole get twice the room, so that old and new fit at the same time.
std::map<std::string, Fd> create_maps(const RedirectLimits& limits) {
  const BpfLog log;
  const std::unique_ptr<redirect_bpf, void (*)(redirect_bpf*)> skeleton(redirect_bpf__open(), redirect_bpf__destroy);
  if (!skeleton) throw SetupError(errno_error("opening the XDP program", log.text()));
  bpf_program__set_autoload(skeleton->progs.culvert_xdp, false);
  bpf_program__set_autoload(skeleton->progs.culvert_xdp_sg, false);
  const auto& maps = skeleton->maps;
  for (bpf_map* map : {maps.sockets, maps.counters, maps.vlans, maps.stations}) bpf_map__set_autocreate(map, false);
  bpf_map__set_max_entries(maps.local_v4, limits.local_v4);
  bpf_map__set_max_entries(maps.local_v6, limits.local_v6);
  bpf_map__set_max_entries(maps.deny_v4, limits.deny_v4 * 2);
  bpf_map__set_max_entries(maps.deny_v6, limits.deny_v6 * 2);
  bpf_map__set_max_entries(maps.failsafe, limits.failsafe * 2);
  if (redirect_bpf__load(skeleton.get()) != 0) {
    throw SetupError(
        errno_error("creating the XDP program's maps",
                    "it needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; libbpf says: " + log.text()));
  }
  std::map<std::string, Fd> fds;
  for (const bpf_map* map :
       {maps.settings, maps.heartbeat, maps.local_v4, maps.local_v6, maps.deny_v4, maps.deny_v6, maps.failsafe}) {
    Fd fd(::fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 3));
    if (!fd) throw SetupError(errno_error("keeping the XDP program's maps"));
    fds.emplace(bpf_map__name(map), std::move(fd));
  }
  return fds;
}

template <typename T>
std::string key_of(const T& value) {
  const auto bytes = bytes_of(value);
  return {as_chars(bytes.data()), bytes.size()};
}

/// The key with the bits behind `length` zeroed, so that one prefix has one spelling.
template <typename Key, typename Address>
std::string prefix_key(const Address& address, std::uint8_t length) {
  Key key{};
  key.length = length;
  store(key.address, address);
  for (unsigned bit = length; bit < sizeof(key.address) * 8; bit++) {
    key.address[bit / 8] = static_cast<std::uint8_t>(key.address[bit / 8] & ~(0x80u >> (bit % 8)));
  }
  return key_of(key);
}

template <typename Key, typename Prefixes>
Result<std::unordered_set<std::string>> prefix_keys(const Prefixes& prefixes) {
  std::unordered_set<std::string> keys;
  for (const auto& prefix : prefixes) {
    if (prefix.length > sizeof(Key::address) * 8) {
      return Error{"deny list: prefix length " + std::to_string(prefix.length) + " is out of range", 0,
                   "0.." + std::to_string(sizeof(Key::address) * 8)};
    }
    keys.insert(prefix_key<Key>(prefix.address, prefix.length));
  }
  return keys;
}

}  // namespace

struct RedirectState::Contents {
  std::array<std::unordered_set<std::string>, kResources> keys;
  std::array<RedirectResource, kResources> resources{{
      {"local addresses IPv4", "refuse the new address: its packets are redirected, not passed", {}},
      {"local addresses IPv6", "refuse the new address: its packets are redirected, not passed", {}},
      {"deny list IPv4", "refuse the new list; the old one stays", {}},
      {"deny list IPv6", "refuse the new list; the old one stays", {}},
      {"failsafe ports", "refuse the new list; the old one stays", {}},
  }};

  Gauge& gauge(Resource resource) { return resources[resource].gauge; }
  void observe(Resource resource) { gauge(resource).observe(keys[resource].size()); }
};

RedirectState::RedirectState(std::uint32_t workers, FailMode fail_mode, const RedirectLimits& limits)
    : maps_(create_maps(limits)), contents_(std::make_unique<Contents>()) {
  CULVERT_CHECK(workers >= 1 && workers <= kRedirectMaxWorkers);
  const std::array<std::uint32_t, kResources> max = {limits.local_v4, limits.local_v6, limits.deny_v4, limits.deny_v6,
                                                     limits.failsafe};
  for (std::size_t i = 0; i < kResources; i++) contents_->resources[i].gauge.max.set(max[i]);
  settings_page_ = map_page(maps_.at("settings"), "settings");
  settings_ = array_over<RedirectSettings>(settings_page_).data();
  heartbeat_page_ = map_page(maps_.at("heartbeat"), "heartbeat");
  heartbeat_ = array_over<RedirectHeartbeat>(heartbeat_page_).data();
  set_fail_mode(fail_mode);
  __atomic_store_n(&heartbeat_->workers, workers, __ATOMIC_RELAXED);
}

RedirectState::~RedirectState() {
  ::munmap(settings_page_.data(), settings_page_.size());
  ::munmap(heartbeat_page_.data(), heartbeat_page_.size());
}

Beat RedirectState::beat(std::uint32_t worker) const noexcept {
  CULVERT_CHECK(worker < heartbeat_->workers);
  return Beat(&heartbeat_->beat_ns[worker]);
}

void RedirectState::set_fail_mode(FailMode mode) noexcept {
  __atomic_store_n(&settings_->fail_closed, mode == FailMode::kClosed ? 1u : 0u, __ATOMIC_RELAXED);
}

FailMode RedirectState::fail_mode() const noexcept {
  return settings_->fail_closed != 0 ? FailMode::kClosed : FailMode::kOpen;
}

std::span<const RedirectResource> RedirectState::resources() const noexcept {
  return contents_->resources;
}

void RedirectState::clear_peaks() noexcept {
  for (auto& resource : contents_->resources) resource.gauge.clear_peak();
}

Result<void> RedirectState::check_room(Resource resource, std::size_t wanted) {
  auto& row = contents_->resources[resource];
  if (wanted <= row.gauge.max.read()) return {};
  row.gauge.failures.add();
  return Error{std::string(row.name) + ": full, " + std::to_string(wanted) + " wanted of at most " +
                   std::to_string(row.gauge.max.read()),
               0,
               resource == kLocalV4 || resource == kLocalV6 ? "its packets take the longer way through culvertd's tun"
                                                            : "shorten the list"};
}

int RedirectState::fd(Resource resource) const {
  return maps_.at(kMapNames[resource]).get();
}

Result<void> RedirectState::set_address(Resource resource, const std::string& key, AddressUse use) {
  auto& keys = contents_->keys[resource];
  if (!keys.contains(key)) {
    if (auto room = check_room(resource, keys.size() + 1); !room) return room;
  }
  const std::uint32_t flags = use == AddressUse::kClaimed ? kAddressClaimed : 0;
  if (bpf_map_update_elem(fd(resource), key.data(), &flags, BPF_ANY) != 0) {
    return errno_error("telling the XDP program a local address");
  }
  keys.insert(key);
  contents_->observe(resource);
  return {};
}

Result<void> RedirectState::remove_address(Resource resource, const std::string& key) {
  if (contents_->keys[resource].erase(key) == 0) return {};
  contents_->observe(resource);
  if (bpf_map_delete_elem(fd(resource), key.data()) == 0 || errno == ENOENT) return {};
  return errno_error("removing a local address from the XDP program");
}

Result<void> RedirectState::set_local_address(Ipv4Address address, AddressUse use) {
  return set_address(kLocalV4, key_of(address), use);
}
Result<void> RedirectState::set_local_address(const Ipv6Address& address, AddressUse use) {
  return set_address(kLocalV6, key_of(address), use);
}
Result<void> RedirectState::remove_local_address(Ipv4Address address) {
  return remove_address(kLocalV4, key_of(address));
}
Result<void> RedirectState::remove_local_address(const Ipv6Address& address) {
  return remove_address(kLocalV6, key_of(address));
}

Result<void> RedirectState::add_missing(Resource resource, const std::unordered_set<std::string>& wanted) {
  auto& keys = contents_->keys[resource];
  const std::uint8_t there = 1;
  std::vector<std::string> added;
  for (const auto& key : wanted) {
    if (keys.contains(key)) continue;
    if (bpf_map_update_elem(fd(resource), key.data(), &there, BPF_ANY) != 0) {
      auto error = errno_error("changing the XDP program's map " + std::string(kMapNames[resource]));
      for (const auto& undo : added) bpf_map_delete_elem(fd(resource), undo.data());
      return error;
    }
    added.push_back(key);
  }
  keys.insert(added.begin(), added.end());
  return {};
}

void RedirectState::remove_others(Resource resource, const std::unordered_set<std::string>& wanted) {
  auto& keys = contents_->keys[resource];
  for (auto key = keys.begin(); key != keys.end();) {
    if (wanted.contains(*key)) {
      ++key;
      continue;
    }
    bpf_map_delete_elem(fd(resource), key->data());  // of a key that is there: cannot fail
    key = keys.erase(key);
  }
  contents_->observe(resource);
}

Result<void> RedirectState::replace_deny_list(const DenyList& list) {
  const auto keys_v4 = prefix_keys<RedirectPrefix4>(list.v4);
  if (!keys_v4) return keys_v4.error();
  const auto keys_v6 = prefix_keys<RedirectPrefix6>(list.v6);
  if (!keys_v6) return keys_v6.error();
  const auto& v4 = keys_v4.value();
  const auto& v6 = keys_v6.value();
  if (auto room = check_room(kDenyV4, v4.size()); !room) return room;
  if (auto room = check_room(kDenyV6, v6.size()); !room) return room;
  const auto before = contents_->keys[kDenyV4];
  if (auto added = add_missing(kDenyV4, v4); !added) return added;
  if (auto added = add_missing(kDenyV6, v6); !added) {
    remove_others(kDenyV4, before);
    return added;
  }
  __atomic_store_n(&settings_->deny_v4, static_cast<std::uint32_t>(v4.size()), __ATOMIC_RELEASE);
  __atomic_store_n(&settings_->deny_v6, static_cast<std::uint32_t>(v6.size()), __ATOMIC_RELEASE);
  remove_others(kDenyV4, v4);
  remove_others(kDenyV6, v6);
  return {};
}

Result<void> RedirectState::replace_failsafe_ports(std::span<const RedirectPort> ports) {
  std::unordered_set<std::string> wanted;
  for (const auto& port : ports) {
    if (port.protocol != 6 && port.protocol != 17 && port.protocol != 132) {
      return Error{"failsafe: protocol " + std::to_string(port.protocol) + " has no ports", 0, "tcp, udp or sctp"};
    }
    wanted.insert(key_of(port));
  }
  if (auto room = check_room(kFailsafe, wanted.size()); !room) return room;
  if (auto added = add_missing(kFailsafe, wanted); !added) return added;
  remove_others(kFailsafe, wanted);
  return {};
}

}  // namespace culvert
