// SPDX-License-Identifier: Apache-2.0
#include "kernel_redirect/program.h"

#include <array>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <memory>
#include <net/if.h>
#include <numeric>
#include <utility>
#include <vector>

#include "kernel_redirect/bpf_log.h"
#include "kernel_redirect/pins.h"
#include "kernel_redirect/redirect.skel.h"

namespace culvert {
namespace {

namespace fs = std::filesystem;

int interface_index(const std::string& interface) {
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index == 0) throw SetupError(errno_error("finding the interface " + interface, "ip link shows what there is"));
  return static_cast<int>(index);
}

Fd keep(int fd) {
  Fd kept(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!kept) throw SetupError(errno_error("keeping a BPF descriptor"));
  return kept;
}

bpf_link_info link_info(int fd) {
  bpf_link_info info{};
  std::uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return {};
  return info;
}

/// The folder for pins. Looks only (and may find nothing: empty) unless pins are wanted.
fs::path folder_for(const RedirectOptions& options, int ifindex) {
  if (!options.bpffs.empty()) return pin_folder(options.bpffs, ifindex);
  const auto root = bpffs_root(options.outlive_process ? BpffsMount::kMount : BpffsMount::kFindOnly);
  if (root) return pin_folder(*root, ifindex);
  if (options.outlive_process) throw SetupError(root.error());
  return {};
}

}  // namespace

RedirectProgram::RedirectProgram(const RedirectState& state, const RedirectOptions& options)
    : options_(options), ifindex_(interface_index(options.interface)) {
  load(state);
  if (auto done = set_stations(options_.stations); !done) throw SetupError(done.error());
  if (options_.left_link >= 0) {
    attachment_.link = keep(options_.left_link);
    attachment_.report.asked = options_.mode;
    attachment_.report.mode = options_.left_mode;
    attachment_.report.taken_over = true;
    return;
  }
  const auto folder = folder_for(options_, ifindex_);
  if (folder.empty() || !take_over(folder)) {
    attachment_ = attach_xdp(options_.interface, ifindex_, program_.get(), options_.mode, options_.patient);
  }
  if (auto done = options_.outlive_process ? pin(folder) : outlive_process(false); !done) {
    throw SetupError(done.error());
  }
}

void RedirectProgram::take_over() {
  if (bpf_link_update(attachment_.link.get(), program_.get(), nullptr) != 0) {
    throw SetupError(errno_error(options_.interface + ": taking over the XDP link"));
  }
  const auto folder = folder_for(options_, ifindex_);
  // Pinned it is found by others; the maps are this program's from now on.
  if (!folder.empty() && fs::exists(folder / "link")) pinned_at_ = folder;
  if (auto done = options_.outlive_process ? pin(folder) : outlive_process(false); !done) {
    throw SetupError(done.error());
  }
}

RedirectProgram::~RedirectProgram() {
  // Pins of an interface that is gone are of use to nobody.
  if (!pinned_at_.empty() && !attached()) (void)remove_pins(pinned_at_);
}

void RedirectProgram::load(const RedirectState& state) {
  const BpfLog log;
  const std::unique_ptr<redirect_bpf, void (*)(redirect_bpf*)> skeleton(redirect_bpf__open(), redirect_bpf__destroy);
  if (!skeleton) throw SetupError(errno_error("opening the XDP program", log.text()));
  auto* wanted = options_.multi_buffer ? skeleton->progs.culvert_xdp_sg : skeleton->progs.culvert_xdp;
  auto* other = options_.multi_buffer ? skeleton->progs.culvert_xdp : skeleton->progs.culvert_xdp_sg;
  bpf_program__set_autoload(other, false);
  for (const auto& [name, fd] : state.maps()) {
    bpf_map* map = bpf_object__find_map_by_name(skeleton->obj, name.c_str());
    if (bpf_map__reuse_fd(map, fd.get()) != 0) throw SetupError(errno_error("sharing the XDP program's map " + name));
  }
  if (redirect_bpf__load(skeleton.get()) != 0) {
    throw SetupError(
        errno_error(options_.interface + ": loading the XDP program",
                    "it needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; libbpf says: " + log.text()));
  }
  program_ = keep(bpf_program__fd(wanted));
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton->obj) maps_.emplace(bpf_map__name(map), keep(bpf_map__fd(map)));
}

/// True when a pinned link now runs our program.
bool RedirectProgram::take_over(const fs::path& folder) {
  const BpfLog log;
  Fd link(bpf_obj_get((folder / "link").c_str()));
  if (!link) return false;
  if (const auto process = process_holding("link_id", link_info(link.get()).id, link.get())) {
    throw SetupError(Error{options_.interface + ": " + process->name + " (pid " + std::to_string(process->pid) +
                               ") holds it by the pinned link " + (folder / "link").string(),
                           EBUSY, "stop that process first"});
  }
  const auto holder = xdp_holder(ifindex_);
  const bool generic = holder && holder->generic;
  if (options_.mode == AttachWish::kNative && generic) {
    throw SetupError(Error{options_.interface + ": native XDP wanted, and a pinned link in generic mode is there",
                           EBUSY, "type: culvert detach, and start again (in between the kernel forwards)"});
  }
  if (bpf_link_update(link.get(), program_.get(), nullptr) != 0) {
    // ENOLINK: its interface was deleted, and this one has got the same index.
    if (errno != ENOLINK) {
      throw SetupError(errno_error(options_.interface + ": taking over the pinned link " + (folder / "link").string(),
                                   "type: culvert detach, and start again (in between the kernel forwards)"));
    }
    if (auto removed = remove_pins(folder); !removed) throw SetupError(removed.error());
    return false;
  }
  attachment_.link = std::move(link);
  auto& report = attachment_.report;
  report.asked = options_.mode;
  report.mode = generic ? AttachMode::kGeneric : AttachMode::kNative;
  report.taken_over = true;
  pinned_at_ = folder;
  if (generic && options_.mode == AttachWish::kAuto) {
    report.reason = options_.interface + ": the pinned link that was taken over is generic";
    report.hint = "type: culvert detach, and start again to try native (in between the kernel forwards)";
  }
  return true;
}

Result<void> RedirectProgram::pin(const fs::path& folder) {
  std::map<std::string, int> fds;
  for (const auto& [name, fd] : maps_) fds.emplace(name, fd.get());
  if (auto pinned = pin_all(folder, attachment_.link.get(), fds); !pinned) return pinned;
  pinned_at_ = folder;
  return {};
}

Result<void> RedirectProgram::outlive_process(bool outlive) {
  options_.outlive_process = outlive;
  if (outlive == !pinned_at_.empty()) return {};
  if (!outlive) {
    const auto folder = std::exchange(pinned_at_, {});
    return remove_pins(folder);
  }
  if (!options_.bpffs.empty()) return pin(pin_folder(options_.bpffs, ifindex_));
  const auto root = bpffs_root(BpffsMount::kMount);
  if (!root) return root.error();
  return pin(pin_folder(*root, ifindex_));
}

bool RedirectProgram::attached() const {
  return link_info(attachment_.link.get()).xdp.ifindex != 0;
}

Result<void> RedirectProgram::set_socket(std::uint32_t queue, int xsk_fd) {
  const std::string what = options_.interface + " queue " + std::to_string(queue) + ": giving its packets to a socket";
  if (queue >= kRedirectMaxQueues) {
    return Error{what, ERANGE, "type: ethtool -L " + options_.interface + " combined 64 (or rx 64)"};
  }
  if (bpf_map_update_elem(maps_.at("sockets").get(), &queue, &xsk_fd, BPF_ANY) != 0) return errno_error(what);
  return {};
}

Result<void> RedirectProgram::clear_socket(std::uint32_t queue) {
  if (bpf_map_delete_elem(maps_.at("sockets").get(), &queue) == 0 || errno == ENOENT) return {};
  return errno_error(options_.interface + " queue " + std::to_string(queue) + ": taking its packets from a socket");
}

Result<void> RedirectProgram::set_stations(std::span<const MacAddress> stations) {
  const std::string what = options_.interface + ": changing the Ethernet addresses whose packets Culvert takes";
  if (stations.size() > kRedirectMaxStations) return Error{what, ERANGE, "16 at most"};
  RedirectStations value{};
  for (const MacAddress& station : stations) value.address[value.count++] = station.bits();
  const std::uint32_t zero = 0;
  if (bpf_map_update_elem(maps_.at("stations").get(), &zero, &value, BPF_ANY) != 0) return errno_error(what);
  return {};
}

Result<void> RedirectProgram::claim_vlan(std::uint16_t id, bool claimed) {
  if (id == 0 || id > 4094) return Error{"VLAN " + std::to_string(id) + " is out of range", ERANGE, "1..4094"};
  const int fd = maps_.at("vlans").get();
  const std::uint32_t word = id / 64u;
  const std::uint64_t bit = std::uint64_t{1} << (id % 64u);
  std::uint64_t bits = 0;
  if (bpf_map_lookup_elem(fd, &word, &bits) != 0) return errno_error("reading the claimed VLANs");
  bits = claimed ? bits | bit : bits & ~bit;
  if (bpf_map_update_elem(fd, &word, &bits, BPF_ANY) != 0) return errno_error("changing the claimed VLANs");
  return {};
}

Result<RedirectCounters> RedirectProgram::counters() const {
  // One system call for all: monitors ask often.
  const auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
  std::vector<std::uint64_t> values(kRedirectActions * cpus);
  std::array<std::uint32_t, kRedirectActions> actions{};
  std::uint32_t next = 0, count = kRedirectActions;
  const int failed =
      bpf_map_lookup_batch(maps_.at("counters").get(), nullptr, &next, actions.data(), values.data(), &count, nullptr);
  // The kernel says ENOENT when it has come to the end.
  if ((failed != 0 && errno != ENOENT) || count != kRedirectActions) {
    return errno_error(options_.interface + ": reading the XDP program's counters");
  }
  RedirectCounters counters{};
  for (std::size_t i = 0; i < kRedirectActions; i++) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(i * cpus);
    counters[actions[i]] = std::accumulate(first, first + static_cast<std::ptrdiff_t>(cpus), std::uint64_t{0});
  }
  return counters;
}

}  // namespace culvert
