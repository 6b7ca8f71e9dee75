// SPDX-License-Identifier: Apache-2.0
#include "config/schema.h"

#include "base/time.h"
#include "config/named_list.h"
#include "config/nat_schema.h"
#include "config/policy_schema.h"
#include "config/screen_schema.h"
#include "config/worker_rule.h"
#include "packet/packet.h"
#include "routes/next_hop.h"
#include "umem/frame.h"

namespace culvert {
namespace {

constexpr std::uint64_t kMs = kNanosecondsPerMillisecond;
constexpr std::uint64_t kSecond = kNanosecondsPerSecond;
constexpr std::uint32_t kMostQueues = 64;  // kRedirectMaxQueues: sockets that the XDP program knows of one interface
constexpr std::size_t kMostFailsafePorts = 64;    // the XDP program's table
constexpr std::size_t kMostDenyPrefixes = 32768;  // half of each of the XDP program's tables
constexpr std::size_t kSocketPathBytes = 107;     // sun_path without its zero byte, unix(7)

Section<RingsConfig> rings_section() {
  const ValueRule<std::uint32_t> size = power_of_two_rule(64, 8192);
  return Section<RingsConfig>()
      .key("rx", &RingsConfig::rx, size, Reload::kRestart, "Received packets that may wait for the worker.",
           "2048 is 1.4 ms at 1.5 million packets a second: longer than a worker is away from a lane.")
      .key("tx", &RingsConfig::tx, size, Reload::kRestart, "Packets that may wait for the kernel to send them.",
           "As rx, so that a full receive ring fits when it leaves by one lane.")
      .key("fill", &RingsConfig::fill, size, Reload::kRestart, "Empty frames that the kernel may receive into.",
           "Twice rx: frames for the NIC's own ring while rx is full.")
      .key("completion", &RingsConfig::completion, size, Reload::kRestart,
           "Sent frames that wait to be taken back; when full the kernel sends no more.",
           "Twice tx, so that sending never waits for it.");
}

Section<IdleConfig> idle_section() {
  return Section<IdleConfig>()
      .key("spin", &IdleConfig::spin_ns, duration_rule(0, 10 * kMs), Reload::kLive,
           "How long a worker that finds nothing goes on looking before it sleeps.",
           "50us bridges the gaps of a busy stream, and an idle worker is soon asleep.")
      .key("sleep_max", &IdleConfig::sleep_max_ns, duration_rule(1 * kMs, 10 * kMs), Reload::kRestart,
           "The longest sleep of a worker that nobody wakes.",
           "10ms is the beat of the heartbeat, which a sleeping worker must not miss; packets wake it at once.");
}

Section<PuntConfig> punt_section() {
  return Section<PuntConfig>()
      .key("device", &PuntConfig::device, interface_name_rule(), Reload::kRestart,
           "Name of the tun device by which packets go to this host's kernel after all.",
           "A name that nothing else uses; it exists as long as culvertd runs.")
      .key("address", &PuntConfig::address, interface_address_rule(), Reload::kRestart,
           "Address of that device, which the kernel needs to accept packets from it.",
           "A link-local /32 (RFC 3927), which no network routes and nobody reaches from outside.")
      .not_built("queue", "a punt queue of another size than 1024 packets a worker",
                 "Packets that wait for the device.");
}

Section<LimitsConfig> limits_section() {
  const auto count = [](std::uint32_t least, std::uint32_t most) { return count_rule<std::uint32_t>(least, most); };
  return Section<LimitsConfig>()
      .key("routes_ipv4", &LimitsConfig::routes_ipv4, count(1'000, 4'000'000), Reload::kRestart,
           "IPv4 routes that are mirrored from the kernel.", "A full Internet table of 2025 (1.0 million) and a fifth.")
      .key("routes_ipv6", &LimitsConfig::routes_ipv6, count(1'000, 2'000'000), Reload::kRestart,
           "IPv6 routes that are mirrored from the kernel.",
           "A full Internet table of 2025 (0.23 million) and a third.")
      .key("next_hops", &LimitsConfig::next_hops, count(16, kMaxNextHops), Reload::kRestart,
           "Different ends of routes: neighbours, ECMP groups, on-link networks, local addresses.",
           "One for each neighbour; more than 32768 do not fit the 15 bits of a route's entry.")
      .key("neighbors", &LimitsConfig::neighbors, count(16, 32'768), Reload::kRestart,
           "Neighbours that are mirrored from the kernel, IPv4 and IPv6 together.",
           "Four times the 1024 that the kernel itself keeps by default (gc_thresh3).")
      .key("pending_packets", &LimitsConfig::pending_packets, count(16, 8'192), Reload::kRestart,
           "Packets of one worker that may wait for neighbours, at most 64 for the same one; when full the oldest is "
           "dropped.",
           "Sixteen silent neighbours with their full share; each packet holds a frame.")
      .key("icmp_errors_per_second", &LimitsConfig::icmp_errors_per_second, count(0, 1'000'000), Reload::kLive,
           "ICMP errors (time exceeded, unreachable, too big) that one worker generates, all kinds together.",
           "Enough for every traceroute and too few to harm anybody; RFC 1812 4.3.2.8 and RFC 4443 2.4 (f) ask for a "
           "limit.")
      .key("fragments", &LimitsConfig::fragments, count(16, 8'192), Reload::kRestart,
           "Fragments of one worker that may wait for the first one of their datagram, which says which session they "
           "belong to; when full the oldest datagram is dropped.",
           "Twenty datagrams of the largest size; each fragment holds a frame.")
      .key("fragment_timeout", &LimitsConfig::fragment_timeout_ns, duration_rule(100 * kMs, 60 * kSecond),
           Reload::kLive, "How long they wait.",
           "Fragments leave their sender together. A host waits 60 s (RFC 8200, 4.5); a firewall does not, since "
           "strangers could fill its memory.")
      .not_built("flow_records", "flow telemetry", "Flow records that are held.");
}

Section<SystemConfig> system_section() {
  const auto huge_pages = word_rule<HugePages>("a choice", {{"try", HugePages::kTry}, {"never", HugePages::kNever}});
  const auto fail = word_rule<FailChoice>(
      "a way to fail",
      {{"auto", FailChoice::kAutomatic}, {"open", FailChoice::kOpen}, {"closed", FailChoice::kClosed}});
  const auto frame_size = word_rule<std::uint32_t>("a frame size", {{"2048", 2048}, {"4096", 4096}});
  return Section<SystemConfig>()
      .key("workers", &SystemConfig::workers, worker_rule(kMaxWorkers), Reload::kRestart,
           "Threads that move packets, as a number or as the list of CPUs that get one each.",
           "auto fits them to the CPUs that culvertd may use and the queues that the interfaces have.")
      .key("frames", &SystemConfig::frames, automatic_or(count_rule<std::uint32_t>(1024, kMaxFrames)), Reload::kRestart,
           "Frames of packet memory, of all lanes together.",
           "auto is what fills every lane's rings, and a reserve; 1048576 at most, shared by the rings then.")
      .key("frame_size", &SystemConfig::frame_size, frame_size, Reload::kRestart,
           "Bytes of a frame; a packet has 256 less, for the kernel's headroom.",
           "2048 holds the usual MTU of 1500 in half the memory; 4096 is for larger ones.")
      .key("huge_pages", &SystemConfig::huge_pages, huge_pages, Reload::kRestart,
           "Whether packet memory and tables are asked for in 2 MB pages.",
           "try takes what there is: random look-ups are 3 to 4 times faster with them, and start says what it got.")
      .object("rings", &SystemConfig::rings, rings_section(), "Sizes of each lane's rings, in packets.")
      .object("idle", &SystemConfig::idle, idle_section(), "What a worker does when there are no packets.")
      .key("fail", &SystemConfig::fail, fail, Reload::kRestart,
           "What happens to packets when culvertd is stopped, dead or stuck: open lets the kernel have them, closed "
           "drops them until it is back.",
           "auto is open for a router, because the kernel forwards with the same tables, and closed with a policy, "
           "which "
           "the kernel does not know.")
      .key("failsafe_ports", &SystemConfig::failsafe_ports,
           list_of("ports", protocol_port_rule(), 0, kMostFailsafePorts), Reload::kLive,
           "Ports of this host that are reachable whatever state Culvert is in.",
           "ssh, so that a mistake does not lock you out.")
      .key(
          "claim_local_addresses", &SystemConfig::claim_local_addresses, flag_rule(), Reload::kLive,
          "Whether packets to this host's own addresses go through the workers (and are punted) instead of straight to "
          "the kernel.",
          "false: the kernel's own path is faster, and needs no worker.")
      .key("deny", &SystemConfig::deny, list_of("prefixes", network_rule(), 0, kMostDenyPrefixes), Reload::kLive,
           "Sources whose packets are dropped by the XDP program, before anything else looks at them.",
           "Nobody is denied unless you say so.")
      .key("control_socket", &SystemConfig::control_socket, path_rule(kSocketPathBytes), Reload::kRestart,
           "Unix socket on which culvertd answers the culvert command.", "The place of sockets of system daemons.")
      .key("state_directory", &SystemConfig::state_directory, path_rule(kPathBytes), Reload::kRestart,
           "Folder of what outlives the process: applied configurations.", "The place of state of system daemons.")
      .key("user", &SystemConfig::user, account_rule(), Reload::kRestart,
           "Account of the unprivileged agent process, which serves metrics.", "nobody owns nothing, on every system.")
      .object("punt", &SystemConfig::punt, punt_section(), "The way of packets from a worker to this host's kernel.")
      .object("limits", &SystemConfig::limits, limits_section(),
              "Sizes of tables; what happens when each is full is in "
              "the status.");
}

Section<InterfaceConfig> interface_section() {
  const auto mode = word_rule<InterfaceMode>("a mode", {{"auto", InterfaceMode::kAutomatic},
                                                        {"zero-copy", InterfaceMode::kZeroCopy},
                                                        {"copy", InterfaceMode::kCopy},
                                                        {"generic", InterfaceMode::kGeneric}});
  return Section<InterfaceConfig>()
      .key("mode", &InterfaceConfig::mode, mode, Reload::kRestart,
           "How packets come and go: zero-copy and copy are by the driver's XDP, generic works with any driver and is "
           "slow.",
           "auto takes the first of zero-copy, copy, generic that the driver can, and the status says which and why.")
      .key("queues", &InterfaceConfig::queues, automatic_or(count_rule<std::uint32_t>(1, kMostQueues)),
           Reload::kRestart,
           "Receive queues that Culvert takes, from queue 0 on. Packets of further queues go by `system.fail`: open "
           "leaves them "
           "to the kernel, closed drops them.",
           "auto is all of them, so that no packet misses Culvert.")
      .key("further_stations", &InterfaceConfig::further_stations,
           list_of("addresses", station_rule(), 0, kMostFurtherStations), Reload::kLive,
           "Ethernet addresses whose packets Culvert takes besides those to the interface's own: virtual ones of VRRP, "
           "or of a macvlan. Packets to other stations go by `system.fail`: open leaves them to the kernel, closed "
           "drops them.",
           "None: most interfaces answer to their own address only.")
      .key("zone", &InterfaceConfig::zone, word_or<std::string>("none", name_rule("a zone")), Reload::kLive,
           "Zone that the interface is in, one of `zones`.", "none: only rules from or to any zone match its packets.")
      .key(
          "reverse_path", &InterfaceConfig::reverse_path, reverse_path_rule(), Reload::kLive,
          "Whether the source of a packet that comes in here must be routed back (RFC 3704): strict, by this "
          "interface (or, with several paths, also by it); loose, by any; off, not at all. Of a session only the first "
          "packet is looked at.",
          "auto is off without a policy, and strict with one: a rule that trusts a source address means whoever has "
          "it, and loose lets everybody have it who sits behind a default route. Use loose where answers take another "
          "way than questions.")
      .not_built("mtu", "setting the MTU (it is the kernel's: ip link set NAME mtu N)", "MTU of the interface.");
}

Section<MetricsConfig> metrics_section() {
  return Section<MetricsConfig>()
      .key("enabled", &MetricsConfig::enabled, flag_rule(), Reload::kRestart, "Whether the agent serves /metrics.",
           "true: it costs the packet path nothing.")
      .key("listen", &MetricsConfig::listen, socket_address_rule(), Reload::kRestart,
           "Address and port of the agent's HTTP server.",
           "This host only, because nothing is asked of who reads; give an address of a management network to share "
           "it.");
}

Section<EventsConfig> events_section() {
  return Section<EventsConfig>()
      .key("queue", &EventsConfig::queue, count_rule<std::uint32_t>(64, 65'536), Reload::kRestart,
           "Events that are kept for 'show events' and late watchers; when full the oldest is forgotten.",
           "Some minutes of a bad day.")
      .key("rate_limit", &EventsConfig::rate_limit_per_second, rate_rule(1, 10'000), Reload::kLive,
           "Events of one kind that are reported; further ones are only counted.",
           "10 a second can still be read while something is on fire.");
}

Section<Config> whole_schema() {
  return Section<Config>()
      .object("system", &Config::system, system_section(), "The process: its threads, memory, files and limits.")
      .map("interfaces", &Config::interfaces, interface_section(), interface_name_rule(), 1, kMaxInterfaces,
           Reload::kRestart, "The network interfaces whose packets Culvert takes, by name.")
      .map("zones", &Config::zones, zone_section(), name_rule("a zone"), 0, kMostZones, Reload::kLive,
           "Groups of interfaces, by name, between which the policy decides.")
      .map("screens", &Config::screens, screen_section(), name_rule("a screen"), 0, kMostScreens, Reload::kLive,
           "Attacks that are refused whatever the policy says, by name; zones name the one that they have.")
      .optional_object("policy", &Config::policy, policy_section(), Reload::kRestart,
                       "What may pass. With this key, even with nothing below it, Culvert is a stateful firewall.",
                       "Without it Culvert is a router without state: whatever has a route passes. A restart, because "
                       "the memory of sessions, and what happens to packets when culvertd ends, are made at start.")
      .optional_object(
          "nat", &Config::nat, nat_section(), Reload::kRestart,
          "Which sessions get another source or destination (NAT). It needs `policy`: what is translated are "
          "sessions.",
          "Without it all addresses stay as they are. A restart, because the memory of ports is made at "
          "start.")
      .object("sessions", &Config::sessions, sessions_section(), "Connections that the policy has let in.")
      .object("metrics", &Config::metrics, metrics_section(), "Figures for Prometheus, served by the agent.")
      .object("events", &Config::events, events_section(), "What happened: links, neighbours, full tables, errors.")
      .not_built("load_balancer", "the load balancer", "Services and their backends.")
      .not_built("flows", "flow telemetry", "Flow records and their export.")
      .not_built("qos", "shaping", "Rates and priorities.");
}

}  // namespace

const Section<Config>& schema() {
  static const Section<Config> whole = whole_schema();
  return whole;
}

const std::vector<KeyInfo>& schema_keys() {
  static const std::vector<KeyInfo> keys = schema().describe();
  return keys;
}

std::vector<KeyValue> key_values(const Config& config) {
  std::vector<KeyValue> values;
  schema().print(config, "", values);
  return values;
}

}  // namespace culvert
