// SPDX-License-Identifier: Apache-2.0
// What a rig tells of its workers: the books, and their sessions; and the policy that it gives them.
#include "base/check.h"
#include "test/support/rig_slots.h"

namespace culvert {

void Rig::adopt(std::unique_ptr<Policy> policy) {
  auto snapshot = std::make_unique<Snapshot>(*snapshot_);
  snapshot->generation = snapshot_->generation + 1;
  snapshot->stateful.reset();
  if (policy != nullptr) snapshot->stateful = settings;
  for (WorkerIndex index = 0; index < config_.workers; ++index) {
    Command command;
    command.kind = CommandKind::kUseSnapshot;
    command.snapshot = snapshot.get();
    tell(index, command);
  }
  snapshot_ = std::move(snapshot);
  policy_ = std::move(policy);
}

void Rig::use(const RuleSet& rules) {
  CULVERT_CHECK(config_.sessions > 0);
  auto policy = std::make_unique<Policy>(rules);
  ++settings.policy_generation;
  settings.rules = &policy->compiled.table();
  settings.rule_counters = policy->counters;
  settings.default_counter = static_cast<std::uint16_t>(policy->counters.size());
  adopt(std::move(policy));
}

void Rig::use_no_policy() {
  adopt(nullptr);
}

SessionShard& Rig::shard(WorkerIndex worker) noexcept {
  return workers_[worker]->sessions->shard();
}

ExternalPorts& Rig::external_ports(WorkerIndex worker) noexcept {
  return workers_[worker]->sessions->ports();
}

NatBindings& Rig::bindings(WorkerIndex worker) noexcept {
  return workers_[worker]->sessions->bindings();
}

std::span<const Gauge> Rig::port_gauges(WorkerIndex worker) const noexcept {
  return workers_[worker]->sessions->port_gauges();
}

const SessionCells& Rig::session_cells(WorkerIndex worker) const noexcept {
  return workers_[worker]->sessions->cells();
}

std::uint64_t Rig::rule_hits(std::size_t counter, WorkerIndex worker) const noexcept {
  return workers_[worker]->sessions->rule_hits()[counter].read();
}

template <typename Tuple>
std::vector<SessionView<Tuple>> Rig::sessions(WorkerIndex worker) const {
  const SessionShard::Memory& tables = workers_[worker]->sessions->tables();
  std::vector<SessionView<Tuple>> views;
  const auto collect = [&views](const auto& table) {
    const SessionReader<Tuple> reader(table);
    for (std::size_t slot = 1; slot < reader.slots(); ++slot) {
      if (const auto session = reader.read(static_cast<FlowSlot>(slot))) views.push_back(*session);
    }
  };
  if constexpr (std::is_same_v<Tuple, FiveTuple4>) {
    collect(tables.ipv4);
  } else {
    collect(tables.ipv6);
  }
  return views;
}

template std::vector<SessionView<FiveTuple4>> Rig::sessions<FiveTuple4>(WorkerIndex) const;
template std::vector<SessionView<FiveTuple6>> Rig::sessions<FiveTuple6>(WorkerIndex) const;

std::uint64_t Rig::drops(DropReason reason) const {
  std::uint64_t drops = 0;
  for (const auto& slot : workers_) {
    for (const auto& line : slot->worker->cells().pipeline.drops)
      drops += line[static_cast<std::size_t>(reason)].read();
  }
  return drops;
}

std::uint64_t Rig::drops() const {
  std::uint64_t all = 0;
  for (std::size_t reason = 0; reason < kDropReasons; ++reason) all += drops(static_cast<DropReason>(reason));
  return all;
}

std::uint64_t Rig::sum(Cell PipelineCells::*cell) const {
  std::uint64_t sum = 0;
  for (const auto& slot : workers_) sum += (slot->worker->cells().pipeline.*cell).read();
  return sum;
}

std::int64_t Rig::unaccounted_packets() const {
  std::uint64_t with_punter = 0;
  for (const auto& slot : workers_) with_punter += slot->punt.items.waiting() + slot->punt.returns.waiting();
  const auto into = sum(&PipelineCells::received) + sum(&PipelineCells::handed_in) + sum(&PipelineCells::generated);
  const auto out = sum(&PipelineCells::forwarded) + drops() + sum(&PipelineCells::punted) +
                   sum(&PipelineCells::handed_out) + sum(&PipelineCells::held) + with_punter;
  return static_cast<std::int64_t>(into) - static_cast<std::int64_t>(out);
}

std::int64_t Rig::unaccounted_frames() const {
  std::int64_t missing = 0;
  std::int64_t between = 0;
  for (const auto& slot : workers_) {
    const FrameBudgetCells& budget = slot->worker->cells().budget;
    missing += static_cast<std::int64_t>(budget.home.read());
    for (const Cell& holder : budget.holders) missing -= static_cast<std::int64_t>(holder.read());
    between += static_cast<std::int64_t>(budget.handed_out.read()) - static_cast<std::int64_t>(budget.handed_in.read());
  }
  return missing - between;
}

}  // namespace culvert
