// SPDX-License-Identifier: Apache-2.0
// Real worker threads of a firewall leave the heap alone: sessions that begin, are translated, share mappings, come
// from outside, turn back inside, are forwarded, end by time, by a changed configuration, by command and to make room;
// fragments, ICMP errors, rejects, a flood of SYNs with cookies, and the log of all that. Each of these is counted from
// when the heap is watched.
#include <deque>

#include "status/collect.h"
#include "test/hot/answering_lane.h"
#include "test/hot/threads.h"
#include "test/pipeline/redirecting.h"
#include "test/support/allocation_guard.h"

namespace culvert::test {
namespace {

using namespace std::chrono_literals;

constexpr WorkerIndex kWorkers = 3;

/// Not under TSan: a worker writes FlowInfo::tcp_again, a word of what readers look at, as if nobody did.
bool may_read_sessions() {
  const char* sanitizer = std::getenv("CULVERT_SANITIZED");
  return sanitizer == nullptr || std::string_view(sanitizer) != "thread";
}

/// Three workers: 0 has both interfaces, 1 that of the clients, 2 has no lane and nevertheless sessions. Room for few
/// of them, so that some have to make way.
RigConfig three_workers() {
  RigConfig config;
  config.workers = kWorkers;
  config.queues = 2;
  config.frames_per_worker = 8192;
  config.sessions = 512;
  config.capture = false;  // it keeps what it sees, on the heap
  return config;
}

std::vector<Bytes> in_pieces(const Family& family, std::uint16_t port) {
  const Bytes whole = slice(from_client(family).udp(port, 53).payload(2000).build(), family.transport());
  std::vector<Bytes> pieces;
  for (std::uint32_t at = 0; at < whole.size(); at += 800) {
    const std::size_t size = std::min<std::size_t>(800, whole.size() - at);
    const bool more = at + size < whole.size();
    PacketBuilder builder;
    builder.ethernet();
    if (family.ipv4) {
      builder.ipv4(family.client, family.server,
                   {.id = port, .more_fragments = more, .offset = at, .protocol = kProtocolUdp});
    } else {
      builder.ipv6(family.client, family.server).fragment(at, more, port, kProtocolUdp);
    }
    pieces.push_back(builder.payload(slice(whole, at, size)).build());
  }
  return pieces;
}

/// What clients begin.
std::vector<Bytes> of_clients(std::uint16_t first_port) {
  std::vector<Bytes> list;
  for (const Family& family : kFamilies) {
    for (std::uint16_t i = 0; i < 16; ++i) {
      const auto port = static_cast<std::uint16_t>(first_port + 16 * i);
      list.push_back(ip_packet(family, neighbor(family), family.server).udp(port, 53).payload(64).build());
      list.push_back(from_client(family).tcp(port, 443, syn(1000U * i)).build());
      list.push_back(echo(from_client(family), family, true, port).payload(16).build());
    }
    list.push_back(from_client(family).sctp(first_port, 7).payload(20).build());
    list.push_back(from_client(family).gre(0x0800).payload(30).build());
    // To a forwarded port: it turns back.
    list.push_back(ip_packet(family, neighbor(family), external(family)).udp(first_port, kOutsidePort).build());
    list.push_back(ip_packet(family, family.client, family.server, 1).udp(first_port, 53).build());
    list.push_back(slice(from_client(family).udp(1, 2).build(), 0, 30));
    for (const Bytes& piece : in_pieces(family, first_port)) list.push_back(piece);
  }
  return list;
}

/// What strangers begin.
std::vector<Bytes> of_strangers() {
  std::vector<Bytes> list;
  for (const Family& family : kFamilies) {
    for (std::uint16_t port = 4000; port < 4008; ++port) {
      list.push_back(ip_packet(family, stranger(family), external(family)).udp(port, kOutsidePort).payload(9).build());
      list.push_back(ip_packet(family, stranger(family), external(family)).tcp(port, kOutsidePort, syn(7)).build());
    }
    for (std::uint16_t port = 20'000; port < 20'032; ++port) {
      list.push_back(ip_packet(family, stranger(family), external(family)).udp(9, port).build());
    }
    list.push_back(ip_packet(family, stranger(family), family.client).tcp(9, 22, syn(7)).build());
    list.push_back(ip_packet(family, stranger(family), family.client).udp(9, 9).build());
  }
  return list;
}

RuleSet policy() {
  RuleSet set = to_port_80();
  set.rules.push_back(rule(kZoneInternet, kZoneTrust, RuleAction::kReject, {service(kProtocolTcp, 22)}));
  for (Rule& rule : set.rules) rule.log_open = rule.log_close = true;
  set.log_default = true;
  return set;
}

struct Translated : EndpointNat {
  Translated() : EndpointNat(NatFiltering::kEndpointIndependent, {20'000, 22'047}, three_workers()) {
    for (ExternalAddress& address : addresses) {
      address.home = kInternet;
      address.excluded = taken;
    }
    std::vector<DestinationRule> list;
    for (const Family& family : kFamilies) {
      for (const std::uint8_t protocol : {kProtocolTcp, kProtocolUdp}) list.push_back(forwarded(family, protocol));
    }
    table = std::make_unique<DestinationTable>(std::move(list));
    settings.destination_nat = &table->nat();
    for (SourceRule& nat_rule : nat_rules) nat_rule.log = NatLog::kSessions;
    ZoneScreens& screens = settings.screens[kZoneTrust];
    screens.on = kPacketScreens | kCountingScreens | mask_of(Screen::kSynFlood);
    screens.scan_bits = screens.sweep_bits = ScanMeters::kBits;  // looked for, and never found
    screens.icmp_to = screens.udp_to = MeterRate::per_second(1'000'000);
    screens.syn = MeterRate::per_second(200);
    const auto short_time = flow_date_span(200 * kNanosecondsPerMillisecond);
    settings.timeouts.nat_udp = settings.timeouts.nat_icmp = settings.timeouts.nat_tcp_transitory = short_time;
    apply();
    use(policy());
  }

  std::vector<HostPort> taken{{PortKind::kTcp, kOutsidePort}, {PortKind::kUdp, kOutsidePort}};
  std::unique_ptr<DestinationTable> table;
};

class World {
 public:
  World() : other_rules_(rig_.nat_rules), other_nat_(rig_.nat) {
    add_lane(clients_, 0);
    add_lane(more_clients_, 1);
    add_lane(strangers_, 0);
    rig_.remove_lane(kInternet, 1);
    // The same policy and addresses; but IPv4 is not translated, and of IPv6 each session has a port of its own.
    other_rules_[0].to = NatZones{1} << kZoneTrust;
    other_rules_[1].mapping = NatMapping::kAddressAndPortDependent;
    other_nat_.rules = other_rules_;
    for (Snapshot& snapshot : snapshots_) snapshot = rig_.snapshot();
    StatefulSnapshot& other = *snapshots_[1].stateful;
    other.source_nat = &other_nat_;
    other.translated_zones = translated_zones(other_rules_);
    ++other.policy_generation;
    for (WorkerIndex i = 0; i < kWorkers; ++i) {
      sources_.workers.push_back(&rig_.worker(i).cells());
      sources_.sessions.push_back(&rig_.session_cells(i));
    }
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Rig& rig() { return rig_; }

  /// What control, the punter and an operator do, all on this thread.
  void step() {
    ++steps_;
    rig_.serve_punts();
    rig_.take_requests();
    for (WorkerIndex i = 0; i < kWorkers; ++i) read_log(rig_.shard(i).log());
    if (steps_ % 100 == 0) tell_all({.kind = CommandKind::kUseSnapshot, .snapshot = &snapshots_[steps_ / 100 % 2]});
    if (steps_ % 100 == 50 && may_read_sessions()) end_some(static_cast<WorkerIndex>(steps_ / 100 % kWorkers));
    if (steps_ % 64 == 0) tell_all({.kind = CommandKind::kClearPeaks});
    status_ = collector_.collect(sources_, monotonic_ns(), 0);
  }

  /// What is counted from now on.
  void begin() { before_ = counts(); }

  /// What has not happened yet; empty when the test has shown what it claims.
  std::string missing() const {
    std::string text;
    const auto now = counts();
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (now[i].second == before_[i].second) text += std::string(now[i].first) + ", ";
    }
    return text;
  }

 private:
  using Counts = std::vector<std::pair<const char*, std::uint64_t>>;

  Counts counts() const {
    return {{"forwarded", rig_.sum(&PipelineCells::forwarded)},
            {"handed out", rig_.sum(&PipelineCells::handed_out)},
            {"handed in", rig_.sum(&PipelineCells::handed_in)},
            {"sessions", sum(&SessionCells::created)},
            {"expired", sum(&SessionCells::expired)},
            {"made way", sum(&SessionCells::evicted)},
            {"cleared", sum(&SessionCells::cleared)},
            {"renewed", sum(&SessionCells::renewed)},
            {"records", sum(&SessionCells::log_records)},
            {"opened with another source", translated_},
            {"opened with another destination", redirected_},
            {"opened by a mapping", by_mapping_},
            {"turned back", turned_back_},
            {"ports taken by mappings", mapped_ports_},
            {"ports taken by one session", ports_taken_ - mapped_ports_},
            {"ports free", ports_free_},
            {"SYN cookies", rig_.sum(&PipelineCells::syn_cookies_sent)},
            {"acknowledged SYN cookies", rig_.sum(&PipelineCells::syn_cookies_accepted)},
            {"resets", rig_.sum(&PipelineCells::tcp_resets_sent)},
            {"ICMP errors", rig_.sum(&PipelineCells::icmp_errors_sent)},
            {"fragments to servers", strangers_.seen().fragments.read()},
            {"fragments to clients", clients_.seen().fragments.read() + more_clients_.seen().fragments.read()},
            {"errors to clients", clients_.seen().errors.read() + more_clients_.seen().errors.read()},
            {"answers to clients", clients_.seen().datagrams.read() + more_clients_.seen().datagrams.read()},
            {"denied", rig_.drops(DropReason::kPolicyDeny)},
            {"truncated", rig_.drops(DropReason::kIpv4Truncated)},
            {"no mapping", rig_.drops(DropReason::kNatNoMapping)},
            {"changed", rig_.drops(DropReason::kPolicyChanged)}};
  }
  std::uint64_t sum(Cell SessionCells::*cell) const {
    std::uint64_t sum = 0;
    for (WorkerIndex i = 0; i < kWorkers; ++i) sum += (rig_.session_cells(i).*cell).read();
    return sum;
  }

  /// In the place of the rig's own, which has nobody behind it.
  void add_lane(AnsweringLane& lane, std::uint16_t queue) {
    rig_.remove_lane(lane.interface(), queue);
    rig_.turns(2);
    rig_.lane(lane.interface(), queue).behavior() = {};
    rig_.tell(queue, {.kind = CommandKind::kAddLane, .lane = &lane});
  }

  void read_log(SessionLog& log) {
    SessionRecord record;
    while (log.take(record)) {
      ports_taken_ += record.kind == SessionRecordKind::kPortTaken ? 1 : 0;
      mapped_ports_ += record.kind == SessionRecordKind::kPortTaken && record.mapped ? 1U : 0U;
      ports_free_ += record.kind == SessionRecordKind::kPortFree ? 1 : 0;
      if (record.kind != SessionRecordKind::kOpened) continue;
      translated_ += record.translated ? 1 : 0;
      redirected_ += record.redirected ? 1 : 0;
      by_mapping_ += record.rule == kMappingRule ? 1 : 0;
      // It comes in outside, with an address that sessions leave with.
      turned_back_ += record.from_zone == kZoneInternet && is_external(record) ? 1U : 0U;
    }
  }

  static bool is_external(const SessionRecord& record) {
    if (record.ipv6) return record.source == external_address(kFamilies[1]);
    return mapped(load<Ipv4Address>(record.source.bytes.data())) == external_address(kFamilies[0]);
  }

  void tell(WorkerIndex worker, const Command& command) {
    // Full: that worker is slower than this test; it gets the next one.
    if (rig_.worker(worker).commands().push(command)) rig_.waker(worker).wake();
  }
  void tell_all(const Command& command) {
    for (WorkerIndex i = 0; i < kWorkers; ++i) tell(i, command);
  }
  void end_some(WorkerIndex worker) {
    std::vector<SessionHandle>& handles = ended_.emplace_back();
    for (const auto& view : rig_.sessions<FiveTuple4>(worker)) {
      if (handles.size() < 8) handles.push_back({view.original.slot, view.original.head.sequence, false});
    }
    tell(worker, {.kind = CommandKind::kEndSessions, .sessions = handles});
  }

  Translated rig_;
  AnsweringLane clients_{rig_.lane(kTrust, 0), of_clients(8192), false};
  AnsweringLane more_clients_{rig_.lane(kTrust, 1), of_clients(16'384), false};
  AnsweringLane strangers_{rig_.lane(kInternet, 0), of_strangers(), true};
  std::vector<SourceRule> other_rules_;
  SourceNat other_nat_;
  std::array<Snapshot, 2> snapshots_;
  std::deque<std::vector<SessionHandle>> ended_;  ///< a worker may still read them
  StatusSources sources_;
  StatusCollector collector_;
  StatusSnapshot status_;
  std::uint64_t steps_ = 0;
  std::uint64_t translated_ = 0, redirected_ = 0, by_mapping_ = 0, turned_back_ = 0;
  std::uint64_t ports_taken_ = 0, mapped_ports_ = 0, ports_free_ = 0;
  Counts before_;
};

TEST_CASE("worker threads of a firewall with NAT leave the heap alone, whatever happens to its sessions") {
  World world;
  Rig& rig = world.rig();
  std::uint64_t allocations = 0, frees = 0;
  std::string call, missing;
  {
    Threads threads(rig, kWorkers);
    const AllocationGuard guard(WatchedThreads::kOthers);
    world.begin();
    const auto end = Clock::now() + duration();
    while (Clock::now() < end || (!world.missing().empty() && Clock::now() < end + 20s)) {
      world.step();
      std::this_thread::sleep_for(1ms);
    }
    missing = world.missing();
    frees = guard.frees();  // a thread that ends frees what std::thread gave it
    threads.stop();
    allocations = guard.allocations();
    call = guard.first_call_stack();
  }
  INFO(call);
  CHECK(allocations == 0);
  CHECK(frees == 0);
  CHECK(missing == "");
  rig.serve_punts();
  CHECK(rig.unaccounted_frames() == 0);
  CHECK(rig.unaccounted_packets() == 0);
}

}  // namespace
}  // namespace culvert::test
