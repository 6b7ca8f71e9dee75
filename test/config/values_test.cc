// SPDX-License-Identifier: Apache-2.0
// Every kind of value at both ends of its bounds, and the keys' bounds by way of the schema itself.
#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <limits>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/schema.h"
#include "config/suggest.h"
#include "config/yaml.h"
#include "test/support/catch.h"

using namespace culvert;

namespace {

template <typename T>
std::string text_of(const Result<T>& result) {
  return result ? std::to_string(*result) : "error: " + result.error().what;
}

/// A configuration with one key set: "system.idle.spin" becomes {system: {idle: {spin: VALUE}}}.
CheckResult with_value(const std::string& path, const std::string& value) {
  const bool of_interface = path.starts_with("interfaces.");
  std::string text = of_interface ? "" : "interfaces: {lan0: {}}\n";
  std::string rest = path;
  std::string closing;
  for (std::size_t dot = rest.find('.'); dot != std::string::npos; dot = rest.find('.')) {
    text += rest.substr(0, dot) + ": {";
    closing += "}";
    rest = rest.substr(dot + 1);
  }
  return check_text(text + rest + ": " + value + closing + "\n", "f");
}

struct Bounds {
  std::string path;
  std::vector<std::string> good;
  std::vector<std::string> bad;
};

std::string repeated(const std::string& text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

std::string numbered_list(const std::string& before, int count) {
  std::string result = "[";
  for (int i = 0; i < count; ++i) result += (i == 0 ? "" : ", ") + before + std::to_string(i + 1);
  return result + "]";
}

std::string prefix_list(int count) {
  std::string result = "[";
  for (int i = 0; i < count; ++i) {
    result += (i == 0 ? "10." : ",10.") + std::to_string(i / 65536) + "." + std::to_string(i / 256 % 256) + "." +
              std::to_string(i % 256);
  }
  return result + "]";
}

std::string station_list(int count) {
  std::string result = "[";
  for (int i = 0; i < count; ++i) result += fmt::format("{}02:00:00:00:00:{:02x}", i == 0 ? "" : ", ", i);
  return result + "]";
}

std::vector<Bounds> system_bounds() {
  const std::vector<std::string> ring_good = {"64", "8192", "2048"};
  const std::vector<std::string> ring_bad = {"32", "63", "16384", "100", "auto", "-64", "0"};
  return {
      {"system.workers",
       {"auto", "1", "16", "[0]", "[1023]", numbered_list("", 16)},
       {"0", "17", "[1024]", "many", "[-1]", numbered_list("", 17), "[auto]"}},
      {"system.frames", {"auto", "1024", "4194304"}, {"1023", "4194305", "none"}},
      {"system.frame_size", {"2048", "4096"}, {"1024", "8192", "auto"}},
      {"system.huge_pages", {"try", "never"}, {"always", "true"}},
      {"system.rings.rx", ring_good, ring_bad},
      {"system.rings.tx", ring_good, ring_bad},
      {"system.rings.fill", ring_good, ring_bad},
      {"system.rings.completion", ring_good, ring_bad},
      {"system.idle.spin", {"0", "0us", "10ms"}, {"10001us", "1", "-1us"}},
      {"system.idle.sleep_max", {"1ms", "10ms"}, {"999us", "10.001ms", "0"}},
      {"system.fail", {"auto", "open", "closed"}, {"close", "true"}},
      {"system.failsafe_ports",
       {"[]", "[tcp/1]", "[tcp/65535]", numbered_list("udp/", 64)},
       {"[tcp/0]", "[tcp/65536]", numbered_list("udp/", 65), "tcp/22"}},
      {"system.claim_local_addresses", {"true", "false"}, {"1", "on"}},
      {"system.deny",
       {"[]", "[128.0.0.0/1]", prefix_list(32768)},
       {"[0.0.0.0/0]", "[::/0]", prefix_list(32769), "none"}},
      {"system.control_socket",
       {"/s", "/" + repeated("x", 106)},
       {"s", "/" + repeated("x", 107), "\"\"", "\"/a\\nb\""}},
      {"system.state_directory", {"/s", "/" + repeated("x", 3999)}, {"./s", "/" + repeated("x", 4000)}},
      {"system.user", {"a", "_x-1", repeated("a", 32)}, {"1a", "-a", repeated("a", 33), "a b", "\"\""}},
      {"system.punt.device",
       {"c", repeated("c", 15)},
       {repeated("c", 16), "a/b", "\"a b\"", "\".\"", "\"..\"", "\"\""}},
      {"system.punt.address",
       {"10.1.2.3", "10.1.2.3/32", "192.0.2.1/32"},
       {"10.1.2.3/33", "10.1.2.3/24", "2001:db8::1/128", "127.0.0.1", "0.0.0.0", "224.0.0.1", "x"}},
  };
}

std::vector<Bounds> other_bounds() {
  const std::vector<std::string> timeout_good = {"1s", "168h", "90m"};
  const std::vector<std::string> timeout_bad = {"999ms", "169h", "60", "never"};
  return {
      {"system.limits.routes_ipv4", {"1k", "1000", "4M"}, {"999", "4000001"}},
      {"system.limits.routes_ipv6", {"1000", "2M"}, {"999", "2000001"}},
      {"system.limits.next_hops", {"16", "32768"}, {"15", "32769"}},
      {"system.limits.neighbors", {"16", "32768"}, {"15", "32769"}},
      {"system.limits.pending_packets", {"16", "8192"}, {"15", "8193"}},
      {"system.limits.icmp_errors_per_second", {"0", "1M"}, {"1000001", "-1"}},
      {"system.limits.fragments", {"16", "8192"}, {"15", "8193"}},
      {"system.limits.fragment_timeout", {"100ms", "60s"}, {"99ms", "60001ms", "0"}},
      {"interfaces.lan0.mode", {"auto", "zero-copy", "copy", "generic"}, {"native", "xdp"}},
      {"interfaces.lan0.queues", {"auto", "1", "64"}, {"0", "65"}},
      {"interfaces.lan0.further_stations",
       {"[]", "[fe:ff:ff:ff:ff:ff]", station_list(15)},
       {"[01:00:5e:00:00:01]", "[00:00:00:00:00:00]", station_list(16), "02:00:00:00:00:01"}},
      {"interfaces.lan0.zone", {"none"}, {"any", "always", "1a", "a.b", "\"\"", "[none]"}},
      {"interfaces.lan0.reverse_path", {"auto", "strict", "loose", "off"}, {"feasible", "true", "none"}},
      {"sessions.max", {"1024", "67108864"}, {"1023", "67108865", "auto"}},
      {"sessions.directory", {"auto", "/s", "/" + repeated("x", 3999)}, {"./s", "/" + repeated("x", 4000)}},
      {"sessions.shared_by", {"keyed-hash", "rss"}, {"toeplitz", "true"}},
      {"sessions.timeouts.tcp_syn", timeout_good, timeout_bad},
      {"sessions.timeouts.tcp_established", timeout_good, timeout_bad},
      {"sessions.timeouts.tcp_fin", timeout_good, timeout_bad},
      {"sessions.timeouts.tcp_reset", timeout_good, timeout_bad},
      {"sessions.timeouts.udp", timeout_good, timeout_bad},
      {"sessions.timeouts.icmp", timeout_good, timeout_bad},
      {"sessions.timeouts.other", timeout_good, timeout_bad},
      {"metrics.enabled", {"true", "false"}, {"auto"}},
      {"metrics.listen", {"0.0.0.0:1", "\"[::]:65535\""}, {"0.0.0.0:0", "0.0.0.0:65536", "9642"}},
      {"events.queue", {"64", "65536"}, {"63", "65537"}},
      {"events.rate_limit", {"1/s", "10000/s", "10k/s"}, {"0/s", "10001/s"}},
  };
}

}  // namespace

TEST_CASE("durations, sizes, counts and rates are exact") {
  struct Row {
    Result<std::uint64_t> (*parse)(std::string_view);
    std::string text;
    std::string expected;
  };
  const std::vector<Row> rows = {
      {parse_duration_ns, "0", "0"},
      {parse_duration_ns, "0s", "0"},
      {parse_duration_ns, "1ns", "1"},
      {parse_duration_ns, "50us", "50000"},
      {parse_duration_ns, "500ms", "500000000"},
      {parse_duration_ns, "1.5s", "1500000000"},
      {parse_duration_ns, "2m", "120000000000"},
      {parse_duration_ns, "1h", "3600000000000"},
      {parse_duration_ns, "0.5ns", "error: '0.5ns' is not a whole number of the smallest unit"},
      {parse_duration_ns, "10", "error: '10' has no unit"},
      {parse_duration_ns, "10 ms", "error: '10 ms' is not a duration"},
      {parse_duration_ns, "-1s", "error: '-1s' is not a duration"},
      {parse_duration_ns, "1.s", "error: '1.s' is not a duration"},
      {parse_duration_ns, ".5s", "error: '.5s' is not a duration"},
      {parse_duration_ns, "1.2.3s", "error: '1.2.3s' is not a duration"},
      {parse_duration_ns, "s", "error: 's' is not a duration"},
      {parse_duration_ns, "", "error: '' is not a duration"},
      {parse_duration_ns, "5124095h", "18446742000000000000"},
      {parse_duration_ns, "5124096h", "error: '5124096h' is too large"},
      {parse_duration_ns, "1.5\x1b[0m", "error: '1.5\\x1b[0m' is not a duration"},
      {parse_size_bytes, "4096", "4096"},
      {parse_size_bytes, "64k", "65536"},
      {parse_size_bytes, "64KiB", "65536"},
      {parse_size_bytes, "1GiB", "1073741824"},
      {parse_size_bytes, "0.5MiB", "524288"},
      {parse_size_bytes, "1kB", "error: '1kB' is not a size"},
      {parse_count, "0", "0"},
      {parse_count, "64k", "64000"},
      {parse_count, "1.2M", "1200000"},
      {parse_count, "1.5", "error: '1.5' is not a whole number of the smallest unit"},
      {parse_count, "0x10", "error: '0x10' is not a number"},
      {parse_count, "18446744073709551615", "18446744073709551615"},
      {parse_count, "18446744073709551616", "error: '18446744073709551616' is too large"},
      {parse_count, "18446744073709551.615999999k",
       "error: '18446744073709551.615999999k' is not a whole number of "
       "the smallest unit"},
      {parse_rate_per_second, "10/s", "10"},
      {parse_rate_per_second, "1.5k/s", "1500"},
      {parse_rate_per_second, "10/m", "error: '10/m' is not a rate"},
      {parse_rate_per_second, "/s", "error: '/s' is not a rate"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    CHECK(text_of(row.parse(row.text)) == row.expected);
  }
}

TEST_CASE("what is printed reads back") {
  for (std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{999}, std::uint64_t{1'000}, std::uint64_t{60'000'000'000},
        std::uint64_t{1} << 20, std::uint64_t{3} << 30, std::numeric_limits<std::uint64_t>::max()}) {
    CHECK(parse_duration_ns(duration_text(value)).value() == value);
    CHECK(parse_size_bytes(size_text(value)).value() == value);
    CHECK(parse_count(count_text(value)).value() == value);
    CHECK(parse_rate_per_second(rate_text(value)).value() == value);
  }
  CHECK(duration_text(50'000) == "50us");
  CHECK(duration_text(90'000'000'000) == "90s");
  CHECK(size_text(65'536) == "64KiB");
  CHECK(size_text(1'000) == "1000");
}

TEST_CASE("addresses, prefixes and ports") {
  CHECK(to_text(parse_prefix("2001:DB8:0:0::/32").value()) == "2001:db8::/32");
  CHECK(to_text(parse_prefix("192.0.2.1").value()) == "192.0.2.1/32");
  CHECK(to_text(parse_prefix("::").value()) == "::/128");
  CHECK(to_text(network_of(parse_prefix("192.0.2.255/25").value())) == "192.0.2.128/25");
  CHECK(to_text(network_of(parse_prefix("2001:db8:ffff::/33").value())) == "2001:db8:8000::/33");
  CHECK(to_text(network_of(parse_prefix("255.255.255.255/0").value())) == "0.0.0.0/0");
  CHECK(to_text(network_of(parse_prefix("::1/128").value())) == "::1/128");
  for (const char* bad : {"", "/8", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0/8", "::1/129", "10.0.0.0/8 ",
                          "fe80::1%eth0", "010.0.0.1"}) {
    INFO(bad);
    CHECK_FALSE(parse_prefix(bad).has_value());
  }
  CHECK(to_text(parse_socket_address("[2001:db8::1]:1").value()) == "[2001:db8::1]:1");
  for (const char* bad : {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "::1:80",
                          "[127.0.0.1]:80", "[::1]", "[]:80"}) {
    INFO(bad);
    CHECK_FALSE(parse_socket_address(bad).has_value());
  }
  // What a refusal quotes goes to a terminal.
  for (const std::string_view bad : {"\x1b[2J", "10.0.0.0/\x1b[2J", "127.0.0.1:\x1b[2J"}) {
    CHECK(parse_address(bad).error().what.find('\x1b') == std::string::npos);
    CHECK(parse_prefix(bad).error().what.find('\x1b') == std::string::npos);
    CHECK(parse_socket_address(bad).error().what.find('\x1b') == std::string::npos);
  }
  for (const char* bad : {"tcp", "tcp/", "tcp/0", "tcp/65536", "TCP/22", "icmp/1", "/22", "tcp/22/23", "tcp/ 22"}) {
    INFO(bad);
    CHECK_FALSE(parse_protocol_port(bad).has_value());
  }
}

TEST_CASE("Ethernet addresses are six bytes in hexadecimal") {
  const MacAddress virtual_router{{0x00, 0x00, 0x5e, 0x00, 0x01, 0xf7}};
  CHECK(parse_mac_address("00:00:5e:00:01:f7").value() == virtual_router);
  CHECK(parse_mac_address("00:00:5E:00:01:F7").value() == virtual_router);
  CHECK(to_text(virtual_router) == "00:00:5e:00:01:f7");
  for (const char* bad :
       {"", "00:00:5e:00:01", "00:00:5e:00:01:7", "00:00:5e:00:01:07:", "00-00-5e-00-01-07", "0:00:5e:00:01:007",
        "00:00:5e:00:01:0g", "00:00:5e:00:01:-7", "00:00:5e:00:01:+7", "00:00:5e:00:01: 7", "00005e000107"}) {
    INFO(bad);
    CHECK_FALSE(parse_mac_address(bad).has_value());
  }
}

TEST_CASE("yaml_scalar quotes what YAML would read as something else") {
  CHECK(yaml_scalar("/run/x.sock") == "/run/x.sock");
  CHECK(yaml_scalar("127.0.0.1:80") == "127.0.0.1:80");
  for (const char* text : {"", "null", "[::1]:80", "a: b", "a#b", "-", "say \"x\" \\", "a\tb", "*x", "&x", "a:"}) {
    INFO(text);
    Diagnostics diagnostics;
    const std::optional<YamlNode> node = read_yaml("key: " + yaml_scalar(text), diagnostics);
    REQUIRE(node.has_value());
    REQUIRE(node->values.size() == 1);
    CHECK(node->values[0].is_scalar());
    CHECK(node->values[0].text == text);
  }
}

TEST_CASE("suggestions are near, and only then") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "acb") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(nearest("Zero-Copy", {"copy", "zero-copy"}) == "zero-copy");
  CHECK(nearest("interface", {"system", "interfaces"}) == "interfaces");
  CHECK_FALSE(nearest("x", {"rx", "tx"}));
  CHECK_FALSE(nearest("", {"rx"}));
  CHECK_FALSE(nearest("bananas", {"system", "events"}));
  CHECK_FALSE(nearest(std::string(10'000, 'a'), {"aaaa"}));
}

TEST_CASE("every key takes both ends of its bounds and nothing beyond") {
  std::vector<Bounds> table = system_bounds();
  for (const Bounds& row : other_bounds()) table.push_back(row);
  for (const Bounds& row : table) {
    for (const std::string& value : row.good) {
      INFO(row.path << ": " << value.substr(0, 200));
      CHECK(with_value(row.path, value).ok());
    }
    for (const std::string& value : row.bad) {
      INFO(row.path << ": " << value.substr(0, 200));
      const CheckResult result = with_value(row.path, value);
      CHECK_FALSE(result.ok());
      REQUIRE_FALSE(result.diagnostics.empty());
      CHECK(result.diagnostics.front().key.starts_with(row.path));
      CHECK_FALSE(result.diagnostics.front().what.empty());
    }
  }
  SECTION("the table above has every key of the schema") {
    for (const KeyInfo& info : schema_keys()) {
      if (info.kind != KeyInfo::Kind::kValue) continue;
      // policy_bounds_test.cc has those.
      if (info.path.starts_with("zones.") || info.path.starts_with("policy.")) continue;
      if (info.path.starts_with("screens.")) continue;
      if (info.path.starts_with("nat.")) continue;  // nat_test.cc
      std::string path = info.path;
      if (const std::size_t name = path.find("NAME"); name != std::string::npos) path.replace(name, 4, "lan0");
      INFO(path);
      CHECK(std::any_of(table.begin(), table.end(), [&](const Bounds& row) { return row.path == path; }));
    }
  }
}

TEST_CASE("the number of interfaces is bounded") {
  const auto with_interfaces = [](int count) {
    std::string text = "interfaces:\n";
    for (int i = 0; i < count; ++i) text += "  eth" + std::to_string(i) + ": {}\n";
    return check_text(text, "f");
  };
  CHECK(with_interfaces(32).ok());
  CHECK(with_interfaces(33).to_text() == "f:2:3: interfaces: there are 33 interfaces; use at most 32\n");
}

TEST_CASE("every row of the schema has its sentence, and every default its reason") {
  for (const KeyInfo& info : schema_keys()) {
    INFO(info.path);
    CHECK(info.sentence.size() > 10);
    CHECK(info.sentence.back() == '.');
    if (info.kind == KeyInfo::Kind::kValue) {
      CHECK_FALSE(info.accepts.empty());
      if (!info.required) {
        CHECK(info.reason.back() == '.');
        CHECK_FALSE(info.default_text.empty());
      }
    }
    if (info.kind == KeyInfo::Kind::kNotBuilt) CHECK_FALSE(info.part.empty());
  }
}
