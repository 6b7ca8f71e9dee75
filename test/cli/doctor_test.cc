// SPDX-License-Identifier: Apache-2.0
#include "tools/culvert/doctor.h"

#include <algorithm>
#include <cerrno>

#include "test/support/catch.h"
#include "tools/culvert/commands.h"

namespace culvert {
namespace {

MachineFacts good_machine() {
  MachineFacts facts;
  facts.kernel_major = 6;
  facts.kernel_minor = 18;
  facts.has_btf = facts.has_bpffs = facts.is_root = true;
  facts.huge_pages_free = 256;
  facts.open_files = 4096;
  facts.settings.tun = "culvert0";
  facts.rp_filter_all = 0;
  facts.rp_filter_tun = 2;
  facts.ipv4_forwarding = facts.ipv6_forwarding = true;
  InterfaceFacts lan;
  lan.name = "lan0";
  lan.is_veth = true;
  lan.rx_queues = lan.tx_queues = 2;
  lan.peer_tx_queues = 2;
  lan.mtu_bytes = 1500;
  lan.qdisc = "pfifo";
  facts.interfaces.push_back(lan);
  return facts;
}

/// The one finding that is not "ok".
Finding only_finding(const MachineFacts& facts) {
  Finding found;
  int count = 0;
  for (const Finding& finding : judge(facts)) {
    if (finding.level == Finding::Level::kOk) continue;
    found = finding;
    ++count;
  }
  CHECK(count == 1);
  return found;
}

TEST_CASE("a good machine has nothing but ok") {
  for (const Finding& finding : judge(good_machine())) {
    INFO(finding.what);
    CHECK(finding.level == Finding::Level::kOk);
  }
}

TEST_CASE("each thing that is wrong has one finding, with what to type") {
  auto facts = good_machine();
  SECTION("old kernel") {
    facts.kernel_major = 5;
    facts.kernel_minor = 15;
    CHECK(only_finding(facts).level == Finding::Level::kError);
    CHECK(only_finding(facts).what.find("needs 5.16 or later") != std::string::npos);
  }
  SECTION("no AF_XDP") {
    facts.af_xdp_errno = EAFNOSUPPORT;
    CHECK(only_finding(facts).what == "this kernel has no AF_XDP (CONFIG_XDP_SOCKETS)");
  }
  SECTION("AF_XDP not allowed") {
    facts.af_xdp_errno = EPERM;
    CHECK(only_finding(facts).type == "sudo culvert doctor");
  }
  SECTION("no BTF") {
    facts.has_btf = false;
    CHECK(only_finding(facts).level == Finding::Level::kError);
  }
  SECTION("no bpffs") {
    facts.has_bpffs = false;
    CHECK(only_finding(facts).type == "mount -t bpf bpf /sys/fs/bpf");
  }
  SECTION("no huge pages") {
    facts.huge_pages_free = 0;
    CHECK(only_finding(facts).type == "sysctl vm.nr_hugepages=256");
  }
  SECTION("few open files") {
    facts.open_files = 256;
    CHECK(only_finding(facts).type == "ulimit -n 4096");
  }
}

TEST_CASE("each further thing that is wrong has one finding, too") {
  auto facts = good_machine();
  SECTION("locked memory matters to those who are not root") {
    facts.memlock_bytes = 65536;
    facts.is_root = false;
    CHECK(only_finding(facts).what == "locked memory is limited to 64 KiB");
  }
  SECTION("strict rp_filter of the tun") {
    facts.rp_filter_tun = 0;
    facts.rp_filter_all = 1;
    CHECK(only_finding(facts).type == "sysctl net.ipv4.conf.culvert0.rp_filter=2");
  }
  SECTION("the kernel does not forward") {
    facts.ipv4_forwarding = false;
    CHECK(only_finding(facts).type == "sysctl net.ipv4.ip_forward=1");
  }
  SECTION("MTU larger than a frame") {
    facts.interfaces[0].mtu_bytes = 9000;
    CHECK(only_finding(facts).what == "lan0: MTU 9000 does not fit into a frame of 2048 bytes (at most 1770)");
  }
  SECTION("fewer receive queues than the peer sends on") {
    facts.interfaces[0].rx_queues = 1;
    CHECK(only_finding(facts).level == Finding::Level::kError);
  }
  SECTION("noqueue on a veth") {
    facts.interfaces[0].qdisc = "noqueue";
    CHECK(only_finding(facts).type == "tc qdisc replace dev lan0 root pfifo");
  }
  SECTION("LRO") {
    facts.interfaces[0].lro = true;
    CHECK(only_finding(facts).type == "ethtool -K lan0 lro off");
  }
}

/// As `ethtool -X lan0 hkey 6d:5a:... equal 4` leaves it.
RssFacts agreeing_rss() {
  RssFacts rss;
  rss.is_toeplitz = true;
  for (int i = 0; i < 26; ++i) rss.key.insert(rss.key.end(), {0x6d, 0x5a});
  for (std::uint32_t i = 0; i < 512; ++i) rss.table.push_back(i % 4);
  rss.hashes_ports = {{"tcp4", true}, {"udp4", true}, {"tcp6", true}, {"udp6", true}};
  return rss;
}

TEST_CASE("sessions shared out by RSS want NICs that agree") {
  auto facts = good_machine();
  facts.settings.shared_by_rss = true;
  facts.settings.workers = 4;
  facts.interfaces[0].rss = agreeing_rss();
  RssFacts& rss = *facts.interfaces[0].rss;
  const auto type = [&] { return only_finding(facts).type; };
  SECTION("they do") {
    const auto findings = judge(facts);
    const auto is_said = [](const Finding& finding) {
      return finding.what == "lan0: RSS sends packets to their workers";
    };
    CHECK(std::any_of(findings.begin(), findings.end(), is_said));
    for (const Finding& finding : findings) CHECK(finding.level == Finding::Level::kOk);
  }
  SECTION("none") {
    facts.interfaces[0].rss.reset();
    CHECK(only_finding(facts).level == Finding::Level::kHint);
  }
  SECTION("another key, of the usual length") {
    rss.key.resize(40);
    rss.key[7] = 0;
    std::string key = "6d:5a";
    for (int i = 1; i < 20; ++i) key += ":6d:5a";
    CHECK(type() == "ethtool -X lan0 hfunc toeplitz hkey " + key + " equal 4");
  }
  SECTION("another function") {
    rss.is_toeplitz = false;
    CHECK(type().find("hfunc toeplitz") != std::string::npos);
  }
  SECTION("a table for another number of queues") {
    for (std::uint32_t i = 0; i < 512; ++i) rss.table[i] = i % 3;
    CHECK(type().find("equal 4") != std::string::npos);
  }
  SECTION("surplus queues go to the worker of their number") {
    for (std::uint32_t i = 0; i < 512; ++i) rss.table[i] = i % 8;
    for (const Finding& finding : judge(facts)) CHECK(finding.level != Finding::Level::kWarning);
  }
  SECTION("a larger table and three workers cannot agree") {
    facts.settings.workers = 3;
    for (std::uint32_t i = 0; i < 512; ++i) rss.table[i] = i % 3;
    CHECK(type() == "system.workers: 2, because its table has 512 places and only a power of two agrees with that");
    rss.table.resize(128);
    CHECK(judge(facts).back().level == Finding::Level::kOk);
  }
  SECTION("UDP by addresses only, as many NICs have it") {
    rss.hashes_ports["udp4"] = false;
    CHECK(type() == "ethtool -N lan0 rx-flow-hash udp4 sdfn");
  }
  SECTION("nobody asked") {
    facts.settings.shared_by_rss = false;
    rss.key[0] = 0;
    for (const Finding& finding : judge(facts)) CHECK(finding.level == Finding::Level::kOk);
  }
}

TEST_CASE("prefixes expand to the one command that they fit") {
  CommandLine line;
  add_commands(line);
  const auto expand = [&](std::vector<std::string> words) { return expand_prefixes(line.app, std::move(words)); };
  CHECK(*expand({"sh", "sys", "buf", "de"}) == std::vector<std::string>{"show", "system", "buffers", "detail"});
  CHECK(*expand({"sh", "--json", "v"}) == std::vector<std::string>{"show", "--json", "version"});
  CHECK(*expand({"w", "e", "started"}) == std::vector<std::string>{"watch", "events", "started"});
  CHECK(expand({"c"}).error().hint == "it may be clear, config");
  CHECK(*expand({"xyz"}) == std::vector<std::string>{"xyz"});
}

}  // namespace
}  // namespace culvert
