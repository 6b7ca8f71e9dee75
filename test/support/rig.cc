// SPDX-License-Identifier: Apache-2.0
#include "test/support/rig.h"

#include <arpa/inet.h>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "test/support/rig_slots.h"

namespace culvert {
namespace {

constexpr std::size_t kNextHops = 4096;
constexpr std::size_t kGroups = 64;

Lpm4Limits ipv4_limits(const RigConfig& config) {
  return config.full_table ? Lpm4Limits{1'200'000, 32768} : Lpm4Limits{10'000, 1024};
}
Lpm6Limits ipv6_limits(const RigConfig& config) {
  return config.full_table ? Lpm6Limits{400'000, 800'000} : Lpm6Limits{10'000, 20'000};
}

struct TextPrefix {
  NetworkKind network;
  Ipv4Address ipv4;
  Ipv6Address ipv6;
  unsigned length;
};

TextPrefix parse_prefix_text(std::string_view text) {
  const auto slash = text.find('/');
  CULVERT_CHECK(slash != std::string_view::npos);
  const std::string address(text.substr(0, slash));
  TextPrefix prefix{};
  prefix.length = static_cast<unsigned>(std::atoi(std::string(text.substr(slash + 1)).c_str()));
  prefix.network = address.find(':') == std::string::npos ? NetworkKind::kIpv4 : NetworkKind::kIpv6;
  const bool good = prefix.network == NetworkKind::kIpv4 ? ::inet_pton(AF_INET, address.c_str(), &prefix.ipv4) == 1
                                                         : ::inet_pton(AF_INET6, address.c_str(), &prefix.ipv6) == 1;
  CULVERT_CHECK(good);
  return prefix;
}

std::unique_ptr<Snapshot> make_snapshot(InterfaceIndex interfaces) {
  auto made = std::make_unique<Snapshot>();
  Snapshot& snapshot = *made;
  snapshot.generation = 1;
  for (InterfaceIndex i = 0; i < interfaces; ++i) {
    InterfaceSnapshot& interface = snapshot.interfaces[i];
    const auto number = static_cast<std::uint8_t>(i);
    interface.present = interface.up = true;
    interface.ifindex = i + 10U;
    interface.mtu = 1500;
    interface.mac = {{2, 0, 0, 0, 1, number}};
    interface.ipv4 = Ipv4Address{Be32(0xc6120001U + (std::uint32_t{number} << 8))};
    interface.ipv6 = Ipv6Address{{0x20, 0x01, 0x0d, 0xb8, 0, number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  }
  return made;
}

}  // namespace

MacAddress test_mac(std::uint8_t last) noexcept {
  return {{2, 0, 0, 0, 0, last}};
}

Rig::Rig(const RigConfig& config)
    : config_(config),
      snapshot_(make_snapshot(config.interfaces)),
      region_({2048, config.frames_per_worker * config.workers, config.workers, config.pages()}),
      ipv4_memory_(Mapping::anonymous(Lpm4::memory_size(ipv4_limits(config)), config.pages(), "rig")),
      ipv6_memory_(Mapping::anonymous(Lpm6::memory_size(ipv6_limits(config)), config.pages(), "rig")),
      next_hop_memory_(Mapping::anonymous(kNextHops * sizeof(NextHopTable::Entry), HugePages::kNever, "rig")),
      group_memory_(Mapping::anonymous(kGroups * sizeof(NextHopTable::Group), HugePages::kNever, "rig")),
      ipv4_(ipv4_memory_.bytes(), ipv4_limits(config)),
      ipv6_(ipv6_memory_.bytes(), ipv6_limits(config)),
      next_hops_(array_over<NextHopTable::Entry>(next_hop_memory_.bytes()).first(kNextHops),
                 array_over<NextHopTable::Group>(group_memory_.bytes()).first(kGroups)),
      ipv4_writer_(ipv4_, ipv4_limits(config)),
      ipv6_writer_(ipv6_, ipv6_limits(config)),
      allocator_(next_hops_),
      mesh_(config.workers),
      meters_(config.sessions * config.workers) {
  if (config_.queues == 0) config_.queues = config_.workers;
  for (InterfaceIndex i = 0; i < config_.interfaces; ++i) settings.zone[i] = static_cast<Zone>(i + 1);
  for (WorkerIndex index = 0; index < config_.workers; ++index) {
    auto slot = std::make_unique<WorkerSlot>(index, config_, region_, meters_.meters(), now_);
    WorkerParts parts;
    parts.index = index;
    parts.pipeline.routes = {&ipv4_, &ipv6_, &next_hops_, &generation_};
    parts.pipeline.snapshot = snapshot_.get();
    parts.pipeline.multipath_key = HashKey::from_seed(1);
    parts.pipeline.owner_key = owner_key();
    parts.pipeline.region = region_.view().base;
    parts.pipeline.requests = &slot->requests;
    parts.pipeline.pending = slot->pending;
    if (slot->sessions.has_value()) slot->sessions->give(parts.pipeline);
    parts.pool = &slot->pool;
    parts.mesh = &mesh_;
    parts.punt = &slot->punt;
    parts.punter = &punter_;
    parts.beat = &slot->beat;
    slot->worker = std::make_unique<Worker>(parts);
    workers_.push_back(std::move(slot));
  }
  owners_.worker.fill(kNoWorker);
  for (InterfaceIndex interface = 0; interface < config_.interfaces; ++interface) {
    owners_.worker[interface] = 0;
    for (std::uint16_t queue = 0; queue < config_.queues; ++queue) add_lane(interface, queue);
  }
  for (WorkerIndex index = 0; index < config_.workers; ++index) {
    Command command;
    command.kind = CommandKind::kUseEgressOwners;
    command.owners = &owners_;
    tell(index, command);
  }
}

Rig::~Rig() {
  for (auto& slot : lanes_) {
    if (!slot->removed) slot->lane->close();
  }
}

void Rig::add_lane(InterfaceIndex interface, std::uint16_t queue) {
  auto slot = std::make_unique<LaneSlot>();
  slot->worker = static_cast<WorkerIndex>(queue % config_.workers);
  MemoryLaneConfig lane;
  lane.interface = interface;
  lane.queue = queue;
  lane.rings = config_.rings;
  if (interface == 0) {
    lane.traffic = queue < config_.traffic_by_queue.size() ? config_.traffic_by_queue[queue] : config_.traffic;
  }
  lane.sink = config_.capture ? &slot->capture : nullptr;
  lane.partial_checksums = config_.partial_checksums;
  lane.transmits = queue < config_.tx_queues;
  slot->lane = std::make_unique<MemoryLane>(lane, region_.view(), workers_[slot->worker]->pool);
  Command command;
  command.kind = CommandKind::kAddLane;
  command.lane = slot->lane.get();
  tell(slot->worker, command);
  lanes_.push_back(std::move(slot));
}

void Rig::remove_lane(InterfaceIndex interface, std::uint16_t queue) {
  LaneSlot& slot = *lanes_[lane_number(interface, queue)];
  Command command;
  command.kind = CommandKind::kRemoveLane;
  command.lane = slot.lane.get();
  tell(slot.worker, command);
  slot.removed = true;
}

std::size_t Rig::lane_number(InterfaceIndex interface, std::uint16_t queue) const noexcept {
  return std::size_t{interface} * config_.queues + queue;
}

Worker& Rig::worker(WorkerIndex index) noexcept {
  return *workers_[index]->worker;
}

MemoryLane& Rig::lane(InterfaceIndex interface, std::uint16_t queue) noexcept {
  return *lanes_[lane_number(interface, queue)]->lane;
}

PacketCapture& Rig::sent(InterfaceIndex interface, std::uint16_t queue) noexcept {
  return lanes_[lane_number(interface, queue)]->capture;
}

void Rig::tell(WorkerIndex worker, const Command& command) {
  CULVERT_CHECK(workers_[worker]->worker->commands().push(command));
  workers_[worker]->worker->turn(now_);
}

void Rig::set(std::string_view prefix, NextHopIndex next_hop) {
  const TextPrefix parsed = parse_prefix_text(prefix);
  if (parsed.network == NetworkKind::kIpv4) {
    ipv4_writer_.insert(Prefix4(parsed.ipv4, parsed.length), next_hop).value();
  } else {
    ipv6_writer_.insert(Prefix6(parsed.ipv6, parsed.length), next_hop, epochs_.open()).value();
  }
  generation_.fetch_add(1);
}

void Rig::remove(std::string_view prefix) {
  const TextPrefix parsed = parse_prefix_text(prefix);
  if (parsed.network == NetworkKind::kIpv4) {
    ipv4_writer_.remove(Prefix4(parsed.ipv4, parsed.length), epochs_.open());
  } else {
    ipv6_writer_.remove(Prefix6(parsed.ipv6, parsed.length), epochs_.open());
  }
  generation_.fetch_add(1);
}

void Rig::reclaim() {
  for (std::size_t i = 0; i < turns_at_announcement_.size(); ++i) {
    if (workers_[i]->worker->turns_ended() < turns_at_announcement_[i] + 2) return;
  }
  ipv4_writer_.reclaim(announced_);
  ipv6_writer_.reclaim(announced_);
  announced_ = epochs_.announce();
  turns_at_announcement_.clear();
  for (const auto& slot : workers_) turns_at_announcement_.push_back(slot->worker->turns_ended());
}

NextHopIndex Rig::unresolved(std::string_view prefix, InterfaceIndex interface) {
  NextHopKey key;
  key.interface = interface;
  key.gateway = mapped_address(Ipv4Address{Be32(0xc0000200U + next_gateway_++)});
  key.mtu = 1500;
  key.kind = NextHopKind::kForward;
  const NextHopIndex index = allocator_.acquire(key).value();
  set(prefix, index);
  return index;
}

NextHopIndex Rig::forward(std::string_view prefix, InterfaceIndex interface, const MacAddress& neighbor,
                          std::uint16_t mtu) {
  NextHopKey key;
  key.interface = interface;
  key.gateway = mapped_address(Ipv4Address{Be32(0xc0000200U + next_gateway_++)});
  key.mtu = mtu;
  key.kind = NextHopKind::kForward;
  const NextHopIndex index = allocator_.acquire(key).value();
  next_hops_.set_neighbor(index, neighbor);
  set(prefix, index);
  return index;
}

NextHopIndex Rig::special(std::string_view prefix, NextHopKind kind, InterfaceIndex interface) {
  NextHopKey key;
  key.interface = interface;
  key.mtu = 1500;
  key.kind = kind;
  const NextHopIndex index = allocator_.acquire(key).value();
  set(prefix, index);
  return index;
}

NextHopIndex Rig::multipath(std::string_view prefix, std::span<const MultipathMember> members) {
  const NextHopIndex index = allocator_.acquire_multipath(members).value();
  set(prefix, index);
  return index;
}

void Rig::resolve(NextHopIndex next_hop, const MacAddress& neighbor) {
  next_hops_.set_neighbor(next_hop, neighbor);
  generation_.fetch_add(1);
}

void Rig::turn(std::uint64_t step_ns) {
  now_ += step_ns;
  for (auto& slot : workers_) slot->worker->turn(now_);
  for (auto& slot : workers_) serve_punts(*slot, true);
}

void Rig::turns(int count, std::uint64_t step_ns) {
  for (int i = 0; i < count; ++i) turn(step_ns);
}

void Rig::uneven_turns(std::span<const std::uint32_t> turns, WorkerIndex first, std::uint64_t step_ns) {
  now_ += step_ns;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const std::size_t index = (first + i) % workers_.size();
    for (std::uint32_t turn = 0; turn < turns[index]; ++turn) workers_[index]->worker->turn(now_);
  }
  for (auto& slot : workers_) serve_punts(*slot, true);
}

void Rig::serve_punts() {
  for (auto& slot : workers_) serve_punts(*slot, false);
}

void Rig::serve_punts(WorkerSlot& slot, bool keep) {
  if (!punter_runs) return;
  PuntItem item;
  while (slot.punt.items.pop(item)) {
    if (keep && punts_delivered) punted_.emplace_back(item.packet, item.packet + item.length);
    slot.punt.returns.push({item.frame, item.ingress, punts_delivered});
  }
}

std::vector<NeighborRequest> Rig::take_requests() {
  std::vector<NeighborRequest> requests;
  NeighborRequest request;
  for (auto& slot : workers_) {
    while (slot->requests.pop(request)) requests.push_back(request);
  }
  return requests;
}

}  // namespace culvert
