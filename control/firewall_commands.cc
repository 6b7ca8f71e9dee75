// SPDX-License-Identifier: Apache-2.0
#include "control/firewall_commands.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "control/nat/nat_explain.h"
#include "control/nat_mapping_rows.h"
#include "control/nat_rule_rows.h"
#include "control/session_census.h"
#include "status/json.h"

namespace culvert {
namespace {

const Error kNoPolicy{"this culvertd is a router: it keeps no sessions", ENOTSUP,
                      "a `policy` section in its configuration makes it a firewall"};

const Error kNoNat{"this culvertd translates no addresses", ENOTSUP, "its configuration has no `nat`"};

}  // namespace

FirewallCommands::FirewallCommands(boost::asio::io_context& io, WorkerGroup& workers, const Firewall& firewall,
                                   const Configurations& configurations, const Interfaces& interfaces,
                                   std::function<const Translation*()> translation)
    : workers_(workers),
      firewall_(firewall),
      configurations_(configurations),
      interfaces_(interfaces),
      translation_(std::move(translation)),
      work_(io) {
  rules_gauge_.max.set(kMaxRules);
}

FirewallHooks FirewallCommands::hooks() {
  FirewallHooks hooks;
  hooks.sessions = [this](const SessionPageQuery& query) { return page(query); };
  hooks.session_summary = [this](const SessionQuery& query, const Reply& reply) {
    collect(query, std::make_shared<SessionCensus>(), reply,
            [names = names()](const SessionCensus& census) { return to_json(census.summary(names)); });
  };
  hooks.session_top = [this](const SessionTopQuery& query, const Reply& reply) {
    collect(query.which, std::make_shared<SessionRanking>(query.destinations, query.by_bytes), reply,
            [rows = query.limit](const SessionRanking& ranking) { return to_json(ranking.top(rows)); });
  };
  hooks.clear_sessions = [this](const SessionQuery& query, const Reply& reply) { clear(query, reply); };
  hooks.nat_mappings = [this](const SessionPageQuery& query) { return mappings(query); };
  hooks.nat_rules = [this](const TablePage& table_page) -> Result<NatRulePage> {
    const NatConfig* nat = nat_config();
    if (nat == nullptr) return kNoNat;
    return nat_rule_page(
        *nat, [this](const std::string& name) { return nat_hits(name); }, table_page);
  };
  hooks.policies = [this](const TablePage& table_page) -> Result<PolicyPage> {
    const Config& config = configurations_.running();
    if (firewall_.policy() == nullptr || !config.policy) return kNoPolicy;
    return policy_page(
        *config.policy, firewall_.policy()->rules.rules, [this](RuleIndex rule) { return hits(rule); }, table_page);
  };
  hooks.policy_test = [this](const PolicyTestQuery& query) -> Result<PolicyTest> {
    if (firewall_.policy() == nullptr) return kNoPolicy;
    return test(query);
  };
  return hooks;
}

std::optional<PolicyStatus> FirewallCommands::policy_status() {
  if (firewall_.policy() == nullptr) return std::nullopt;
  PolicyStatus status =
      culvert::policy_status(firewall_.policy()->rules.rules, [this](RuleIndex rule) { return hits(rule); });
  rules_gauge_.observe(status.rules);
  return status;
}

std::optional<NatStatus> FirewallCommands::nat_status() const {
  const NatConfig* nat = nat_config();
  if (nat == nullptr) return std::nullopt;
  return culvert::nat_status(*nat, [this](const std::string& name) { return nat_hits(name); });
}

const NatConfig* FirewallCommands::nat_config() const {
  const Config& config = configurations_.running();
  const bool translates = firewall_.policy() != nullptr && firewall_.policy()->nat != nullptr && config.nat.has_value();
  return translates ? &*config.nat : nullptr;
}

void FirewallCommands::clear_peaks() noexcept {
  rules_gauge_.clear_peak();
  work_.clear_peak();
}

Result<PolicyTest> FirewallCommands::test(const PolicyTestQuery& query) const {
  const ZoneNumbers& zones = firewall_.policy()->zones;
  const RuleSet& rules = firewall_.policy()->rules.rules;
  const Translation* translation = translation_();
  if (translation == nullptr) return policy_test(rules, zones, query);
  const MeantQuery meant = meant_query(*translation, query, zones.of(query.from));
  auto test = policy_test(rules, zones, meant.query);
  if (test.has_error()) return test;
  explain_translation(*translation, query, meant, zones.of(query.from), zones.of(query.to), test.value());
  return test;
}

Result<SessionPage> FirewallCommands::page(const SessionPageQuery& query) const {
  if (firewall_.policy() == nullptr) return kNoPolicy;
  auto page = session_page(tables(), query, names(), clock());
  if (page.has_error()) return page.error();
  SessionPage shown = std::move(page).value();
  shown.total = sessions();
  return shown;
}

template <typename Collector, typename Answer>
void FirewallCommands::collect(const SessionQuery& query, std::shared_ptr<Collector> collector, const Reply& reply,
                               Answer answer) {
  if (firewall_.policy() == nullptr) return reply(kNoPolicy);
  const auto filter = SessionFilter::of(query, names());
  if (filter.has_error()) return reply(filter.error());
  const auto walk = std::make_shared<SessionWalk>(tables());
  const auto started = work_.start([walk, collector, reply, answer, which = *filter, now_s = clock().seconds()] {
    walk->go_on(kSlotsAtOnce, [&](WorkerIndex, const auto& session) {
      if (which.fits(session, now_s)) collector->add(session);
      return true;
    });
    if (!walk->ended()) return false;
    reply(answer(*collector));
    return true;
  });
  if (started.has_error()) reply(started.error());
}

void FirewallCommands::clear(const SessionQuery& query, const Reply& reply) {
  if (firewall_.policy() == nullptr) return reply(kNoPolicy);
  const auto filter = SessionFilter::of(query, names());
  if (filter.has_error()) return reply(filter.error());
  const auto end = [this](WorkerIndex worker, std::span<const SessionHandle> batch) {
    return end_sessions(worker, batch);
  };
  const auto clearing =
      std::make_shared<SessionClearing>(tables(), *filter, clock().seconds(), kMostEndedAtOnce, end, owed_);
  const auto started = work_.start([clearing, reply] {
    const auto through = clearing->step();
    if (through.has_error()) {
      reply(through.error());
      return true;
    }
    if (*through) reply(to_json(clearing->outcome()));
    return *through;
  });
  if (started.has_error()) reply(started.error());
}

Result<std::uint64_t> FirewallCommands::end_sessions(WorkerIndex worker, std::span<const SessionHandle> sessions) {
  const Cell& cleared = workers_.sessions(worker)->cells().cleared;
  const std::uint64_t before = cleared.read();
  Command command;
  command.kind = CommandKind::kEndSessions;
  command.sessions = sessions;
  if (auto told = workers_.tell(worker, command); told.has_error()) return told.error();
  // A changed policy may have closed others meanwhile.
  return std::min<std::uint64_t>(cleared.read() - before, sessions.size());
}

SessionNames FirewallCommands::names() const {
  SessionNames names;
  for (const Interfaces::Interface& interface : interfaces_.all()) {
    if (names.interfaces.size() <= interface.number) names.interfaces.resize(std::size_t{interface.number} + 1);
    names.interfaces[interface.number] = interface.name;
  }
  if (firewall_.policy() == nullptr) return names;
  names.zones.resize(kMaxZones);
  for (const auto& [name, number] : firewall_.policy()->zones.all()) names.zones[number] = name;
  names.rules = &firewall_.policy()->rules.rules;
  names.generation = firewall_.policy()->generation;
  return names;
}

SessionClock FirewallCommands::clock() const {
  const auto stateful = firewall_.stateful(configurations_.running());
  return {monotonic_ns(), stateful.has_value() ? stateful->timeouts : SessionTimeouts{}};
}

Result<NatMappingPage> FirewallCommands::mappings(const SessionPageQuery& query) const {
  std::vector<const SessionTables*> tables;
  std::uint64_t total = 0;
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker) {
    const SessionSlot* slot = workers_.sessions(worker);
    if (slot == nullptr || slot->nat().tables().most == 0) return kNoNat;
    tables.push_back(&slot->nat().tables().tables);
    total += slot->nat().mappings().used.read();
  }
  auto page = nat_mapping_page(tables, query, clock().seconds());
  if (page.has_error()) return page.error();
  NatMappingPage shown = std::move(page).value();
  shown.total = total;
  return shown;
}

std::vector<const SessionShard::Memory*> FirewallCommands::tables() const {
  std::vector<const SessionShard::Memory*> tables;
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker) {
    if (const SessionSlot* slot = workers_.sessions(worker)) tables.push_back(&slot->memory());
  }
  return tables;
}

std::uint64_t FirewallCommands::sessions() const {
  std::uint64_t count = 0;
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker) {
    if (const SessionSlot* slot = workers_.sessions(worker)) count += slot->cells().sessions.used.read();
  }
  return count;
}

std::uint64_t FirewallCommands::hits(RuleIndex rule) const {
  const Firewall::Policy& policy = *firewall_.policy();
  if (rule >= policy.counters.size()) return hits(RuleCounter{Firewall::kDefaultCounter, 0});
  return hits(policy.rule_counters.at(policy.rules.rules.rules[rule].name));
}

std::uint64_t FirewallCommands::nat_hits(const std::string& name) const {
  const RuleCounters& counters = firewall_.policy()->nat_counters;
  const auto found = counters.find(name);
  return found != counters.end() ? hits(found->second) : 0;
}

std::uint64_t FirewallCommands::hits(const RuleCounter& counter) const {
  std::uint64_t count = 0;
  for (WorkerIndex worker = 0; worker < workers_.size(); ++worker) {
    if (const SessionSlot* slot = workers_.sessions(worker)) count += slot->rule_hits()[counter.number].read();
  }
  return count - counter.before;
}

}  // namespace culvert
