// SPDX-License-Identifier: Apache-2.0
// NAT in the running culvertd: its translation follows addresses of interfaces and the host's own ports.
#include <cerrno>
#include <fmt/format.h>
#include <utility>

#include "control/daemon.h"
#include "control/nat/nat_rows.h"
#include "control/server/handlers.h"
#include "control/settings.h"

namespace culvert {
namespace {

/// Others can answer to it.
std::optional<IpAddress> usable(const std::optional<Ipv4Address>& address) {
  if (!address.has_value() || address->is_link_local()) return std::nullopt;
  return IpAddress::from(*address);
}
std::optional<IpAddress> usable(const std::optional<Ipv6Address>& address) {
  if (!address.has_value() || address->is_link_local()) return std::nullopt;
  return IpAddress::from(*address);
}

void add(NatPortUse& to, const NatPortUse& use) {
  to.max += use.max;
  to.used += use.used;
  to.refused += use.refused;
}

/// Counts what a number has grown by. It falls when what it is summed over is no more; counts don't.
template <typename Number>
void add_growth(Cell& count, Number& before, Number now) {
  if (now > before) count.add(now - before);
  before = now;
}

const Error kNoNat{"this culvertd translates no addresses", ENOTSUP, "its configuration has no `nat`"};

}  // namespace

std::optional<Translations> Daemon::started_translations() const {
  if (!plan_.sessions.has_value() || plan_.sessions->external_addresses == 0) return std::nullopt;
  Translations translations(plan_.sessions->external_addresses, workers_.sessions(0)->owner_key());
  if (auto read = translations.read_host(); read.has_error()) throw SetupError(read.error());
  return translations;
}

Translations::Facts Daemon::nat_facts() const {
  Translations::Facts facts;
  for (const Interfaces::Interface& interface : interfaces_.all()) {
    const InterfaceSnapshot link = mirror_.interface(interface.number);
    const Zone zone = firewall_.policy()->interface_zone[interface.number];
    facts.interfaces.push_back({interface.number, zone, {usable(link.ipv4), usable(link.ipv6)}});
  }
  facts.local = mirror_.local_addresses();
  return facts;
}

bool Daemon::may_have_ports(std::size_t slot) const {
  if (!unanswered_.empty()) return true;  // who does not answer may still give ports of it
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker) {
    for (const Gauge& gauge : workers_.sessions(worker)->port_gauges().subspan(slot * kPortKinds, kPortKinds)) {
      if (gauge.used.read() != 0) return true;
    }
  }
  return false;
}

void Daemon::follow_lost_addresses() {
  if (!translations_.has_value() || firewall_.policy()->nat == nullptr) return;
  if (published_->policy != firewall_.policy()) {  // another one than workers have judges them
    judge_again_ = false;
    return;
  }
  judge_again_ |= translations_->would_lose(*firewall_.policy()->nat, nat_facts());
  if (judge_again_ && renew_policy()) judge_again_ = false;
}

void Daemon::translate(Published& next) {
  if (!translations_.has_value() || next.policy->nat == nullptr) return;
  const auto before = translations_->without_slot();
  next.translation =
      translations_->make(next.policy->nat, nat_facts(), [this](std::size_t slot) { return may_have_ports(slot); });
  next.snapshot.stateful->source_nat = &next.translation->source_nat();
  next.snapshot.stateful->external_addresses = &next.translation->addresses();
  next.snapshot.stateful->destination_nat = &next.translation->destinations().nat();
  next.snapshot.stateful->translated_zones = translated_zones(next.translation->source_nat().rules);
  const auto& without = translations_->without_slot();
  if (without.empty() || without == before) return;
  report(Error{
      fmt::format("NAT: no room for {} and {} more of its addresses", without.front().to_string(), without.size() - 1),
      0, "raise nat.addresses_max and restart; or wait until sessions of addresses of before have ended"});
}

void Daemon::follow_host_ports() {
  if (!translations_.has_value()) return;
  if (auto read = translations_->read_host(); read.has_error()) return report(read.error());
  if (firewall_.policy()->nat == nullptr) return;
  links_changed_ |= judge_again_ || !translations_->is_up_to_date(*firewall_.policy()->nat, nat_facts());
}

NatPortUse Daemon::port_use(std::size_t slot, PortKind kind) const {
  NatPortUse use;
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker) {
    const Gauge& gauge = workers_.sessions(worker)->port_gauges()[slot * kPortKinds + static_cast<std::size_t>(kind)];
    use.used += gauge.used.read();
    use.peak += gauge.peak.read();
    use.refused += gauge.failures.read();
  }
  return use;
}

Result<NatPools> Daemon::nat_pools(const TablePage& page) const {
  if (published_->translation == nullptr) return kNoNat;
  std::map<IpAddress, std::string> names;
  for (const NatInterface& interface : nat_facts().interfaces) {
    for (const auto& address : interface.address) {
      if (address.has_value()) names.emplace(*address, interfaces_.all()[interface.number].name);
    }
  }
  return culvert::nat_pools(
      *translations_, published_->translation->rules(), names,
      [this](std::size_t slot, PortKind kind) { return port_use(slot, kind); }, page.after, page.limit);
}

void Daemon::observe_nat() {
  if (published_->translation == nullptr) return;
  const NatPools all = nat_pools({kMaxExternalAddresses, ""}).value();
  external_addresses_.max.set(all.max);
  external_addresses_.observe(all.total);
  add_growth(external_addresses_.failures, without_place_, all.without_place.size());
  board_.registry().add(ResourceKind::kExternalAddresses, "culvertd", &external_addresses_);
  std::map<std::string, NatPortUse> sums;
  for (const NatAddressRow& row : all.addresses) {
    if (row.state != "used") continue;
    add(sums[row.pool + "/tcp"], row.tcp);
    add(sums[row.pool + "/udp"], row.udp);
    add(sums[row.pool + "/icmp"], row.icmp);
    add(sums[row.pool + "/sctp"], row.sctp);
  }
  for (auto known = nat_ports_.begin(); known != nat_ports_.end();) {
    if (sums.contains(known->first)) {
      ++known;
      continue;
    }
    board_.registry().remove(known->first);
    known = nat_ports_.erase(known);
  }
  for (const auto& [scope, sum] : sums) {
    const auto [known, is_new] = nat_ports_.try_emplace(scope);
    NatPortsRow& row = known->second;
    row.gauge.max.set(sum.max);
    row.gauge.observe(sum.used);
    add_growth(row.gauge.failures, row.refused, sum.refused);
    if (is_new) board_.registry().add(ResourceKind::kNatPorts, scope, &row.gauge);
  }
}

AddressUse Daemon::use_of(const IpAddress& address) const {
  const bool wanted = configurations_.running().system.claim_local_addresses ||
                      (translations_.has_value() && translations_->is_external(address));
  return wanted ? AddressUse::kClaimed : AddressUse::kUnclaimed;
}

Result<void> Daemon::set_local_address(const IpAddress& address, bool present) {
  if (!present) {
    return address.is_ipv4() ? redirect_.remove_local_address(address.ipv4())
                             : redirect_.remove_local_address(address.ipv6());
  }
  return tell_local_address(address, use_of(address), redirect_);
}

Result<void> Daemon::claim_addresses() {
  return tell_local_addresses(
      mirror_.local_addresses(), [this](const IpAddress& address) { return use_of(address); }, redirect_);
}

}  // namespace culvert
