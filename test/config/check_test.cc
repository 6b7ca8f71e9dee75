// SPDX-License-Identifier: Apache-2.0
// Texts in, diagnostics out: each row is a mistake that a person makes, and the whole line that they read.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/time.h"
#include "config/config.h"
#include "config/yaml.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

constexpr std::uint64_t kS = kNanosecondsPerSecond;
constexpr SessionTimeoutsConfig kTimeouts{5 * kS, 7200 * kS, 6 * kS, 7 * kS, 8 * kS, 9 * kS, 90 * kS};
constexpr const char* kInterfaces = "interfaces: {lan0: {}, wan0: {}}\n";

struct Row {
  std::string yaml;
  std::string said;  ///< every diagnostic, without the file's name
};

std::string said_of(const std::string& yaml) {
  const CheckResult result = check_text(yaml, "f");
  std::string lines;
  for (const Diagnostic& diagnostic : result.diagnostics) {
    if (!lines.empty()) lines += "\n";
    lines += to_text(diagnostic, "f");
  }
  return lines;
}

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    INFO(row.yaml);
    CHECK(said_of(row.yaml) == row.said);
  }
}

}  // namespace

TEST_CASE("the smallest configuration names its interfaces and gets every default") {
  const CheckResult result = check_text("interfaces:\n  lan0: {}\n  wan0:\n", "f");
  REQUIRE(result.ok());
  CHECK(result.diagnostics.empty());
  Config expected;
  expected.interfaces = {{"lan0", {}}, {"wan0", {}}};
  CHECK(*result.config == expected);
  CHECK_FALSE(fails_closed(*result.config));
}

TEST_CASE("values land where they belong") {
  const CheckResult result = check_text(
      "system:\n"
      "  workers: [2, 5]\n"
      "  frames: 64k\n"
      "  frame_size: 4096\n"
      "  huge_pages: never\n"
      "  rings: {rx: 512, tx: 1024, fill: 8192, completion: 2048}\n"
      "  idle: {spin: 1.5ms, sleep_max: 5ms}\n"
      "  fail: closed\n"
      "  failsafe_ports: [tcp/2222, udp/53, sctp/9]\n"
      "  claim_local_addresses: true\n"
      "  deny: [10.0.0.0/8, 2001:db8::/32, 192.0.2.1]\n"
      "  control_socket: /tmp/c.sock\n"
      "  state_directory: /tmp/state\n"
      "  user: culvert-agent\n"
      "  punt: {device: tun7, address: 192.0.2.9/32}\n"
      "  limits: {routes_ipv4: 1.5M, routes_ipv6: 2k, next_hops: 32768, neighbors: 100, pending_packets: 16,\n"
      "           icmp_errors_per_second: 0, fragments: 32, fragment_timeout: 2s}\n"
      "interfaces:\n"
      "  eth0.100: {mode: zero-copy, queues: 4, further_stations: [00:00:5E:00:01:07],\n"
      "             zone: inside, reverse_path: loose}\n"
      "zones: {inside: {description: Desks.}}\n"
      "policy:\n"
      "sessions: {max: 64k, timeouts: {tcp_syn: 5s, tcp_established: 2h, tcp_fin: 6s, tcp_reset: 7s, udp: 8s, icmp: "
      "9s,\n"
      "           other: 90s}}\n"
      "metrics: {enabled: false, listen: \"[::1]:80\"}\n"
      "events: {queue: 64, rate_limit: 1.5k/s}\n",
      "f");
  CHECK(result.to_text().empty());
  REQUIRE(result.ok());
  const Config& config = *result.config;
  CHECK(config.system.workers.kind == WorkerChoice::Kind::kCpus);
  CHECK(config.system.workers.cpus == std::vector<std::uint32_t>{2, 5});
  CHECK(config.system.frames == 64'000U);
  CHECK(config.system.frame_size == 4096);
  CHECK(config.system.huge_pages == HugePages::kNever);
  CHECK(config.system.rings == RingsConfig{512, 1024, 8192, 2048});
  CHECK(config.system.idle == IdleConfig{1'500'000, 5'000'000});
  CHECK(fails_closed(config));
  CHECK(config.system.failsafe_ports == std::vector<ProtocolPort>{{6, 2222}, {17, 53}, {132, 9}});
  CHECK(config.system.claim_local_addresses);
  CHECK(config.system.deny == std::vector<ConfigPrefix>{{{false, {10}}, 8},
                                                        {{true, {0x20, 0x01, 0x0d, 0xb8}}, 32},
                                                        {{false, {192, 0, 2, 1}}, 32}});
  CHECK(config.system.control_socket == "/tmp/c.sock");
  CHECK(config.system.state_directory == "/tmp/state");
  CHECK(config.system.user == "culvert-agent");
  CHECK(config.system.punt == PuntConfig{"tun7", {{false, {192, 0, 2, 9}}, 32}});
  CHECK(config.system.limits == LimitsConfig{1'500'000, 2'000, 32'768, 100, 16, 0, 32, 2'000'000'000});
  CHECK(config.interfaces.at("eth0.100") ==
        InterfaceConfig{
            InterfaceMode::kZeroCopy, 4U, {MacAddress{{0, 0, 0x5e, 0, 1, 7}}}, "inside", ReversePath::kLoose});
  CHECK(config.zones == std::map<std::string, ZoneConfig>{{"inside", {"Desks.", std::nullopt, {}}}});
  CHECK(config.policy == PolicyConfig{});
  CHECK(config.sessions == SessionsConfig{64'000, std::nullopt, SharedBy::kKeyedHash, kTimeouts});
  CHECK(config.metrics == MetricsConfig{false, {{true, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 80}});
  CHECK(config.events == EventsConfig{64, 1'500});
}

TEST_CASE("aliases stand for a copy of what they name") {
  const CheckResult result = check_text("interfaces:\n  lan0: &usual {mode: copy, queues: 2}\n  wan0: *usual\n", "f");
  REQUIRE(result.ok());
  CHECK(result.config->interfaces.at("wan0") ==
        InterfaceConfig{InterfaceMode::kCopy, 2U, {}, {}, ReversePath::kAutomatic});
}

TEST_CASE("unknown, misplaced and repeated keys are errors with what was probably meant") {
  check_rows({
      {"interface: {lan0: {}}\n",
       "f:1:1: interface: there is no such key; did you mean interfaces?\n"
       "f:1:1: interfaces: this key is missing; write 1 to 32 entries, each under an interface's name"},
      {std::string(kInterfaces) + "sytem: {}\n", "f:2:1: sytem: there is no such key; did you mean system?"},
      {std::string(kInterfaces) + "system:\n  idle:\n    spinn: 1us\n",
       "f:4:5: system.idle.spinn: there is no such key; did you mean spin?"},
      {std::string(kInterfaces) + "system: {huge-pages: try}\n",
       "f:2:10: system.huge-pages: there is no such key; did you mean huge_pages?"},
      {std::string(kInterfaces) + "workers: 2\n", "f:2:1: workers: there is no such key; did you mean system.workers?"},
      {std::string(kInterfaces) + "system: {limits: {sessions: 1M}}\n",
       "f:2:19: system.limits.sessions: there is no such key; did you mean sessions at the outermost level?"},
      {std::string(kInterfaces) + "bananas: 2\n",
       "f:2:1: bananas: there is no such key; the keys here are system, interfaces, zones, screens, policy, nat, "
       "sessions, metrics, events"},
      {"interfaces:\n  lan0: {}\n  lan0: {mode: copy}\n",
       "f:3:3: interfaces.lan0: this key comes twice; it is already in line 2; keep one of them"},
      {std::string(kInterfaces) + "system: {fail: open, fail: closed}\n",
       "f:2:22: system.fail: this key comes twice; it is already in line 2; keep one of them"},
      {"interfaces:\n  eth0.5: {mdoe: copy}\n",
       "f:2:12: interfaces.\"eth0.5\".mdoe: there is no such key; did you mean mode?"},
      {std::string(kInterfaces) + "[a, b]: 1\n",
       "f:2:1: a key is a list or has keys of its own; write one word as the key"},
      {std::string(kInterfaces) + ": 1\n", "f:2:1: a key is missing before ':'; write one word as the key"},
      {"a: &x {mode: copy}\ninterfaces:\n  lan0:\n    <<: *x\n",
       "f:1:1: a: there is no such key; the keys here are system, interfaces, zones, screens, policy, nat, "
       "sessions, metrics, events\n"
       "f:4:5: interfaces.lan0: merge keys ('<<') are not part of YAML 1.2; give the whole value with an alias, or "
       "write "
       "it out"},
      {std::string(kInterfaces) + "\"\\e[31m\": 1\n",
       "f:2:1: \"\\x1b[31m\": there is no such key; the keys here are system, interfaces, zones, screens, policy, nat, "
       "sessions, metrics, events"},
  });
}

TEST_CASE("keys of parts that are not built are refused by name") {
  const std::string tail = " is not built yet in this version; remove the key";
  check_rows({
      {std::string(kInterfaces) + "load_balancer:\n", "f:2:1: load_balancer: the load balancer" + tail},
      {std::string(kInterfaces) + "flows: {a: 1}\n", "f:2:1: flows: flow telemetry" + tail},
      {std::string(kInterfaces) + "qos: {}\n", "f:2:1: qos: shaping" + tail},
      {"interfaces: {lan0: {mtu: 1500}}\n",
       "f:1:21: interfaces.lan0.mtu: setting the MTU (it is the kernel's: ip link set NAME mtu N)" + tail},
      {std::string(kInterfaces) + "system: {limits: {flow_records: 1}}\n",
       "f:2:19: system.limits.flow_records: flow telemetry" + tail},
      {std::string(kInterfaces) + "system: {punt: {queue: 1}}\n",
       "f:2:17: system.punt.queue: a punt queue of another size than 1024 packets a worker" + tail},
  });
}

TEST_CASE("a wrong value says what it is, what is wrong and what would be right") {
  check_rows({
      {"interfaces:\n  lan0: {mode: zerocopy}\n",
       "f:2:16: interfaces.lan0.mode: 'zerocopy' is not a mode; use one of auto, zero-copy, copy, generic (did you "
       "mean "
       "zero-copy?)"},
      {"interfaces:\n  lan0: {mode: fast}\n",
       "f:2:16: interfaces.lan0.mode: 'fast' is not a mode; use one of auto, zero-copy, copy, generic"},
      {"interfaces:\n  lan0: {queues: atuo}\n",
       "f:2:18: interfaces.lan0.queues: 'atuo' is not auto, or a number from 1 to 64; did you mean auto?"},
      {"interfaces:\n  lan0: {queues: all}\n",
       "f:2:18: interfaces.lan0.queues: 'all' is not a number; use a number from 1 to 64"},
      {"interfaces:\n  lan0: {further_stations: [00:00:5e:00:01]}\n",
       "f:2:29: interfaces.lan0.further_stations[0]: '00:00:5e:00:01' is not an Ethernet address; write it like "
       "00:00:5e:00:01:07"},
      {"interfaces:\n  lan0: {further_stations: [33:33:00:00:00:01]}\n",
       "f:2:29: interfaces.lan0.further_stations[0]: 33:33:00:00:00:01 is the address of a group; use a station's, as "
       "00:00:5e:00:01:07"},
      {"interfaces:\n  lan0: {further_stations: [\"00:00:00:00:00:00\"]}\n",
       "f:2:29: interfaces.lan0.further_stations[0]: 00:00:00:00:00:00 is nobody's address; use a station's, as "
       "00:00:5e:00:01:07"},
      {"interfaces:\n  lan0: {mode: }\n",
       "f:2:10: interfaces.lan0.mode: has no value; write one of auto, zero-copy, copy, generic, or remove the key"},
      {"interfaces:\n  lan0:\n    mode:\n\n  wan0: {}\n",
       "f:3:5: interfaces.lan0.mode: has no value; write one of auto, zero-copy, copy, generic, or remove the key"},
      {"interfaces:\n  lan0: {mode: [copy]}\n",
       "f:2:16: interfaces.lan0.mode: is a list, but one value belongs here; write one of auto, zero-copy, copy, "
       "generic, "
       "or remove the key"},
      {"interfaces:\n  lan0: {mode: {a: b}}\n",
       "f:2:16: interfaces.lan0.mode: has keys of its own, but one value belongs here; write one of auto, zero-copy, "
       "copy, generic, or remove the key"},
      {"interfaces: [lan0, wan0]\n",
       "f:1:13: interfaces: is one value or a list, but names with keys below them belong here; write 'NAME: {}' "
       "lines"},
      {"interfaces: {}\n", "f:1:13: interfaces: there are 0 interfaces; write at least 1"},
      {"interfaces: {lan0: up}\n",
       "f:1:20: interfaces.lan0: is one value or a list, but keys belong here; write 'key: value' lines below it, with "
       "mode, queues, further_stations, zone, reverse_path"},
      {"interfaces: {a/b: {}}\n",
       "f:1:14: interfaces.\"a/b\": 'a/b' cannot be an interface's name; use 1 to 15 characters without spaces, '/' "
       "and "
       "':'"},
      {std::string(kInterfaces) + "system: {idle: {spin: 50}}\n",
       "f:2:23: system.idle.spin: '50' has no unit; use a duration from 0 to 10ms"},
      {std::string(kInterfaces) + "system: {rings: {rx: 1000}}\n",
       "f:2:22: system.rings.rx: 1000 is not a power of two; use 512 or 1024"},
      {std::string(kInterfaces) + "system: {frame_size: 3072}\n",
       "f:2:22: system.frame_size: '3072' is not a frame size; use one of 2048, 4096"},
      {std::string(kInterfaces) + "system: {claim_local_addresses: yes}\n",
       "f:2:33: system.claim_local_addresses: 'yes' is not true or false; use true or false"},
  });
}

TEST_CASE("wrong lists, paths and names") {
  check_rows({
      {std::string(kInterfaces) + "system: {failsafe_ports: tcp/22}\n",
       "f:2:26: system.failsafe_ports: is not a list; write [tcp/22]"},
      {std::string(kInterfaces) + "system: {failsafe_ports: [22]}\n",
       "f:2:27: system.failsafe_ports[0]: '22' is not a protocol and port; write tcp/, udp/ or sctp/ and a port of 1 "
       "to "
       "65535, as in tcp/22"},
      {std::string(kInterfaces) + "system: {failsafe_ports: [tcp/22, udp/1, tcp/22]}\n",
       "f:2:42: system.failsafe_ports[2]: tcp/22 is in the list twice; it is already in line 2; remove one"},
      {std::string(kInterfaces) + "system:\n  deny:\n    - 10.0.0.1/8\n    - 300.1.1.1\n    - 10.0.0.0/33\n",
       "f:4:7: system.deny[0]: 10.0.0.1/8 has bits behind its length; the network is 10.0.0.0/8\n"
       "f:5:7: system.deny[1]: '300.1.1.1' is not a prefix; write it like 192.0.2.0/24 or 2001:db8::/32\n"
       "f:6:7: system.deny[2]: '10.0.0.0/33' has no valid prefix length; write /0 to /32 behind the address"},
      {std::string(kInterfaces) + "system: {control_socket: run/x}\n",
       "f:2:26: system.control_socket: 'run/x' is not an absolute path; begin it with /"},
      {std::string(kInterfaces) + "system: {user: Root}\n",
       "f:2:16: system.user: 'Root' is not the name of an account; use at most 32 of a-z, 0-9, _ and -, a letter or _ "
       "first"},
      {std::string(kInterfaces) + "system: {workers: [1, 1]}\n",
       "f:2:23: system.workers[1]: 1 is in the list twice; it is already in line 2; remove one"},
      {std::string(kInterfaces) + "system: {workers: []}\n",
       "f:2:19: system.workers: the list has 0 items; use 1 to 16"},
      {std::string(kInterfaces) + "metrics: {listen: localhost:9642}\n",
       "f:2:19: metrics.listen: 'localhost:9642' is not an address with a port; write it like 127.0.0.1:9642 or "
       "[::1]:9642"},
      {std::string(kInterfaces) + "events: {rate_limit: 10}\n",
       "f:2:22: events.rate_limit: '10' is not a rate; use a rate from 1/s to 10000/s"},
  });
}

TEST_CASE("values that do not go together") {
  check_rows({
      {std::string(kInterfaces) + "system: {punt: {device: lan0}}\n",
       "f:2:25: system.punt.device: lan0 is also one of the interfaces; give the device a name of its own"},
      {"interfaces: {culvert0: {}}\n",
       "f:1:1: system.punt.device: culvert0 is also one of the interfaces; give the device a name of its own"},
      {std::string(kInterfaces) + "system: {deny: [192.0.2.0/24, ::/0]}\n",
       "f:2:31: system.deny[1]: ::/0 drops everything, you included; name the prefixes to deny"},
      {std::string(kInterfaces) + "system: {rings: {fill: 1024, completion: 64}}\n",
       "f:2:24: warning: system.rings.fill: 1024 empty frames never fill rx, which has 2048; use at least 2048, or a "
       "smaller rx\n"
       "f:2:42: warning: system.rings.completion: the kernel sends no more than 64 packets at a time, and tx has 2048; "
       "use at least 2048, or a smaller tx"},
      {"interfaces: {lan0: {queues: 2}, wan0: {}}\nsystem: {frames: 18431}\n",
       "f:2:18: warning: system.frames: 18431 frames are fewer than the fill and tx rings of 3 lanes hold (18432); use "
       "auto, more frames or smaller rings"},
      {"interfaces: {lan0: {queues: 2}, wan0: {}}\nsystem: {frames: 18432}\n", ""},
  });
  CHECK(check_text(std::string(kInterfaces) + "system: {rings: {fill: 64}}\n", "f").ok());
}

TEST_CASE("what is not one YAML document says where") {
  check_rows({
      {"", "f:1:1: interfaces: this key is missing; write 1 to 32 entries, each under an interface's name"},
      {"# nothing\n", "f:1:1: interfaces: this key is missing; write 1 to 32 entries, each under an interface's name"},
      {"interfaces:\n\tlan0: {}\n",
       "f:2:6: the text is not YAML: illegal map value; this line is indented with a tab: YAML "
       "wants spaces"},
      {"interfaces: {lan0: {}\n",
       "f:2:1: the text is not YAML: end of map flow not found; look at the indentation, the ':' and the quotes of "
       "this "
       "line and the one before"},
      {"interfaces: {lan0: *nobody}\n",
       "f:1:20: the text is not YAML: the referenced anchor is not defined; look at the indentation, the ':' "
       "and "
       "the quotes of this line and the one before"},
      {"interfaces: &all {lan0: *all}\n", "f:1:25: this alias stands for the value it is in; write the value out"},
      {"interfaces: {lan0: {}}\n---\ninterfaces: {wan0: {}}\n",
       "f:3:1: a second document begins here; one file holds one configuration; remove '---'"},
      {"interfaces: {lan0: !secret {}}\n", "f:1:20: the tag '!secret' means nothing here; remove it"},
      {"just text\n",
       "f:1:1: is one value or a list, but keys belong here; write 'key: value' lines below it, with system, "
       "interfaces, "
       "zones, screens, policy, nat, sessions, metrics, events"},
      {std::string("a: 1\nb\0c\n", 9), "f:2:1: the text holds a zero byte; this is not a text file; save it as UTF-8"},
  });
}

TEST_CASE("all errors come at once, in the order of the text") {
  const CheckResult result =
      check_text("system: {fail: opne, idle: {spin: 1s}}\ninterfaces: {lan0: {mode: x}, a:b: {}}\nqos: {}\n", "f");
  CHECK_FALSE(result.ok());
  REQUIRE(result.diagnostics.size() == 5);
  CHECK(result.diagnostics[0].key == "system.fail");
  CHECK(result.diagnostics[1].key == "system.idle.spin");
  CHECK(result.diagnostics[2].key == "interfaces.lan0.mode");
  CHECK(result.diagnostics[3].key == "interfaces.\"a:b\"");
  CHECK(result.diagnostics[4].key == "qos");
}

TEST_CASE("more mistakes than anyone reads are counted") {
  std::string text(kInterfaces);
  for (int i = 0; i < 5'000; ++i) text += "bananas" + std::to_string(i) + ": 1\n";
  const CheckResult result = check_text(text, "f");
  REQUIRE(result.diagnostics.size() == Diagnostics::kMost + 1);
  CHECK(result.diagnostics.back().what == "at least 1 more are not shown");
}

TEST_CASE("bombs are refused before they go off") {
  SECTION("billions of aliases") {
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 10; ++i) {
      const std::string alias = "*a" + std::to_string(i - 1);
      bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
      for (int j = 0; j < 10; ++j) bomb += (j == 0 ? "" : ", ") + alias;
      bomb += "]\n";
    }
    CHECK(said_of(bomb).find("the text holds more than 500000 values") != std::string::npos);
  }
  SECTION("depth, by flow and by blocks and by aliases") {
    CHECK(said_of(std::string(kMostBytes, '[')).find("nested more than 16 deep") != std::string::npos);
    CHECK(said_of(std::string(100'000, '{')).find("nested more than 16 deep") != std::string::npos);
    std::string dashes;
    for (int i = 0; i < 1'000; ++i) dashes += "- ";
    CHECK(said_of(dashes).find("nested more than 16 deep") != std::string::npos);
    std::string chain = "a: &a0 [x]\n";
    for (int i = 1; i < 20; ++i) {
      chain += "b" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
    }
    CHECK(said_of(chain).find("nested more than 16 deep") != std::string::npos);
  }
  SECTION("size") {
    std::string garbage(10 * 1024 * 1024, 'x');
    for (std::size_t i = 0; i < garbage.size(); ++i) garbage[i] = static_cast<char>(33 + i * 7919 % 90);
    const std::uint64_t begin_ns = thread_cpu_ns();
    CHECK(said_of(garbage) ==
          "f: the text is larger than 4194304 bytes; this is not a configuration of Culvert, or much too much of one");
    CHECK(thread_cpu_ns() - begin_ns < kNanosecondsPerSecond / 10);
  }
}

TEST_CASE("files: what cannot be read says so, what is too large is not read") {
  const auto folder = std::filesystem::temp_directory_path() / ("culvert-config-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::string path = folder / "c.yaml";
  std::ofstream(path) << kInterfaces;
  CHECK(check_file(path).ok());
  CHECK(check_file(folder).to_text() ==
        folder.string() + ": this is not a regular file; give the path of a YAML file\n");
  CHECK(check_file(folder / "none").to_text() == (folder / "none").string() +
                                                     ": the file cannot be opened: No such file or directory; give the "
                                                     "path of a readable YAML file\n");
  std::ofstream(path) << std::string(kMostBytes + 1, '#');
  CHECK(check_file(path).to_text().find("larger than 4194304 bytes") != std::string::npos);
  std::ofstream(path) << std::string(kMostBytes - std::string(kInterfaces).size() - 1, '#') << "\n" << kInterfaces;
  CHECK(check_file(path).ok());
  std::filesystem::remove_all(folder);
}
