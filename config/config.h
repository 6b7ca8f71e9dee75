// SPDX-License-Identifier: Apache-2.0
// The configuration: text in, plain data out.
//
//   text --yaml--> nodes with places --schema--> Config with every default filled in --check--> is it sensible
//   together?
//
// Whatever is wrong is a Diagnostic with line, column and key; all of them come at once, and a text with any error
// gives no Config. Nothing here looks at the machine (interfaces, CPUs, memory): that is control's work at start, with
// the same kind of sentences. The one thing outside the text that is read are the files of prefixes that it names
// (prefix_file.h). The smallest configuration names the interfaces:
//
//   interfaces: {lan0: {}, wan0: {}}
//
// Who else lives in this folder: policy.h, what the firewall is told; nat.h, what becomes of addresses; schema.h, the
// one table of keys (type, default, bounds, sentence, reload, or "not built yet"), from which the reader, the
// differences and the manual are made; changes.h, what differs between two configurations and whether a running
// culvertd can take it; history.h, the texts that were applied, and rollback; confirm_timer.h, "go back unless somebody
// confirms"; documentation.h, the generated pages.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapping.h"
#include "config/address.h"
#include "config/diagnostics.h"
#include "config/nat.h"
#include "config/policy.h"
#include "config/values.h"
#include "packet/address.h"

namespace culvert {

/// How many workers, or on which CPUs.
struct WorkerChoice {
  enum class Kind { kAutomatic, kCount, kCpus };
  Kind kind = Kind::kAutomatic;
  std::uint32_t count = 0;          ///< with kCount
  std::vector<std::uint32_t> cpus;  ///< with kCpus: worker i runs on cpus[i]

  friend bool operator==(const WorkerChoice&, const WorkerChoice&) = default;
};

/// Sizes of each lane's rings, in descriptors; powers of two.
struct RingsConfig {
  std::uint32_t rx = 2048;
  std::uint32_t tx = 2048;
  std::uint32_t fill = 4096;
  std::uint32_t completion = 4096;

  friend bool operator==(const RingsConfig&, const RingsConfig&) = default;
};

struct IdleConfig {
  std::uint64_t spin_ns = 50'000;
  std::uint64_t sleep_max_ns = 10'000'000;

  friend bool operator==(const IdleConfig&, const IdleConfig&) = default;
};

/// What `fail` says; fails_closed() says what it means.
enum class FailChoice : std::uint8_t { kAutomatic, kOpen, kClosed };

struct PuntConfig {
  std::string device = "culvert0";
  ConfigPrefix address{{false, {169, 254, 77, 1}}, 32};

  friend bool operator==(const PuntConfig&, const PuntConfig&) = default;
};

struct LimitsConfig {
  std::uint32_t routes_ipv4 = 1'200'000;
  std::uint32_t routes_ipv6 = 300'000;
  std::uint32_t next_hops = 4096;
  std::uint32_t neighbors = 4096;
  std::uint32_t pending_packets = 1024;
  std::uint32_t icmp_errors_per_second = 1000;
  std::uint32_t fragments = 1024;
  std::uint64_t fragment_timeout_ns = 5'000'000'000;

  friend bool operator==(const LimitsConfig&, const LimitsConfig&) = default;
};

struct SystemConfig {
  WorkerChoice workers;
  std::optional<std::uint32_t> frames;  ///< nothing: as many as the lanes' rings need
  std::uint32_t frame_size = 2048;
  HugePages huge_pages = HugePages::kTry;
  RingsConfig rings;
  IdleConfig idle;
  FailChoice fail = FailChoice::kAutomatic;
  std::vector<ProtocolPort> failsafe_ports{{6, 22}};
  bool claim_local_addresses = false;
  std::vector<ConfigPrefix> deny;
  std::string control_socket = "/run/culvert/control.sock";
  std::string state_directory = "/var/lib/culvert";
  std::string user = "nobody";
  PuntConfig punt;
  LimitsConfig limits;

  friend bool operator==(const SystemConfig&, const SystemConfig&) = default;
};

/// What was asked of an interface; what it got is in the status.
enum class InterfaceMode : std::uint8_t { kAutomatic, kZeroCopy, kCopy, kGeneric };

/// Of one interface: kRedirectMaxStations less its own.
inline constexpr std::size_t kMostFurtherStations = 15;

struct InterfaceConfig {
  InterfaceMode mode = InterfaceMode::kAutomatic;
  std::optional<std::uint32_t> queues;       ///< nothing: every receive queue that the interface has
  std::vector<MacAddress> further_stations;  ///< besides the interface's own Ethernet address
  std::optional<std::string> zone;           ///< nothing: none
  ReversePath reverse_path = ReversePath::kAutomatic;

  friend bool operator==(const InterfaceConfig&, const InterfaceConfig&) = default;
};

struct MetricsConfig {
  bool enabled = true;
  SocketAddress listen{{false, {127, 0, 0, 1}}, 9642};

  friend bool operator==(const MetricsConfig&, const MetricsConfig&) = default;
};

struct EventsConfig {
  std::uint32_t queue = 4096;
  std::uint32_t rate_limit_per_second = 10;

  friend bool operator==(const EventsConfig&, const EventsConfig&) = default;
};

struct Config {
  SystemConfig system;
  std::map<std::string, InterfaceConfig> interfaces;
  std::map<std::string, ZoneConfig> zones;
  std::map<std::string, ScreenConfig> screens;
  std::optional<PolicyConfig> policy;  ///< nothing: a router, without sessions
  std::optional<NatConfig> nat;        ///< nothing: sources stay as they are
  SessionsConfig sessions;
  MetricsConfig metrics;
  EventsConfig events;

  friend bool operator==(const Config&, const Config&) = default;
};

/// Whether packets stop when Culvert does: what `fail` says. Automatic is open for a router, since the kernel forwards
/// by the same tables, and closed with a policy, which the kernel does not know.
bool fails_closed(const Config& config) noexcept;

/// What is checked of an interface's packets: never kAutomatic, which is strict with a policy, else off.
ReversePath reverse_path_of(const Config& config, const InterfaceConfig& interface) noexcept;

struct CheckResult {
  std::string file;                     ///< as diagnostics name it
  std::string text;                     ///< what was read
  std::optional<Config> config;         ///< there when nothing is wrong; warnings do not matter
  std::vector<Diagnostic> diagnostics;  ///< in the order of the text

  bool ok() const noexcept { return config.has_value(); }
  /// One line each, with line ends; empty when there is nothing to say.
  std::string to_text() const;
};

/// Checks a text. `file_name` is only what diagnostics call it. Never throws, whatever the bytes.
CheckResult check_text(std::string_view yaml, std::string file_name);

/// Reads and checks a file of at most kMostBytes (yaml.h); a file that cannot be read is a diagnostic too.
CheckResult check_file(const std::string& path);

}  // namespace culvert
