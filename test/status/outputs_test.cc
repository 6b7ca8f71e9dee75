// SPDX-License-Identifier: Apache-2.0
// One fixture through every output: they must say the same.
#include "test/status/outputs.h"

#include <array>
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <sstream>

#include "status/buffers.h"
#include "status/events.h"
#include "status/json.h"
#include "status/prometheus.h"
#include "status/resource.h"
#include "status/text.h"
#include "test/status/fixture.h"
#include "test/support/catch.h"

namespace culvert {
namespace {

using test::every_member_is_documented;
using test::file_text;
using test::has;
using test::line_with;

const BufferAggregate& aggregate(const BufferReport& report, const std::string& resource) {
  for (const BufferAggregate& row : report.resources) {
    if (row.resource == resource) return row;
  }
  FAIL("no row of " << resource);
  return report.resources.front();
}

TEST_CASE("the status of an aggregate is that of its worst member, by name") {
  const BufferReport report = buffer_report(test::fixture());
  const BufferAggregate& tx = aggregate(report, "tx_ring");
  CHECK(tx.max == 4096u);
  CHECK(tx.used == 2021u);
  CHECK(tx.peak == 2108u);
  CHECK(percent_text(tx.usage_percent) == "49.3");
  CHECK(tx.status == "CRITICAL");
  CHECK(tx.worst_scope == "wan0/0");
  CHECK(percent_text(tx.worst_usage_percent) == "97.7");
  CHECK(tx.members == 3);
  CHECK(tx.unknown_members == 1);
  const std::string line = line_with(buffers_text(report, {}), "tx_ring ");
  CHECK(has(line, "2 of 3 known"));
  CHECK(has(line, "CRITICAL (wan0/0 97.7%)"));
}

TEST_CASE("used <= peak <= max in every row, in that of several members as well") {
  StatusSnapshot status;
  // Full at different moments, all quiet now; and all in use at once, none of them ever fuller.
  for (const char* scope : {"lan0/0", "wan0/0"})
    status.resources.push_back(test::resource("tx_ring", scope, 10, 1, 9, 0));
  for (const char* scope : {"lan0/0", "wan0/0"})
    status.resources.push_back(test::resource("rx_ring", scope, 10, 6, 6, 0));
  const BufferReport report = buffer_report(status);
  CHECK(aggregate(report, "tx_ring").peak == 18u);
  CHECK(aggregate(report, "rx_ring").peak == 12u);
  for (const StatusSnapshot& any : {status, test::fixture()}) {
    for (const BufferAggregate& row : buffer_report(any).resources) {
      INFO(row.resource);
      CHECK(row.used.has_value() == row.peak.has_value());
      CHECK(row.used <= row.peak);
      CHECK(row.peak <= row.max);
    }
  }
}

TEST_CASE("thresholds are of the exact numbers") {
  CHECK(buffer_state(799, 1000) == BufferState::kOk);
  CHECK(buffer_state(800, 1000) == BufferState::kWarning);
  CHECK(buffer_state(899, 1000) == BufferState::kWarning);
  CHECK(buffer_state(900, 1000) == BufferState::kCritical);
  CHECK(buffer_state(79'999'999, 100'000'000) == BufferState::kOk);
  CHECK(buffer_state(89'999'999, 100'000'000) == BufferState::kWarning);
  CHECK(buffer_state(0, 1) == BufferState::kOk);
  CHECK(percent_text(89.999999) == "89.9");
  CHECK(percent_text(97.7) == "97.7");
  CHECK(percent_text(100.0) == "100.0");
}

TEST_CASE("a warning is counted once, in the aggregate's screen and in the detail's") {
  const BufferReport report = buffer_report(test::fixture());
  REQUIRE(report.warnings.size() == 3);
  CHECK(report.warnings[0].text == "tx_ring wan0/0 is 97.7% full: 2001 of 2048");
  CHECK(report.warnings[1].text == "punt_queue worker 0 is 89.9% full: 899 of 1000");
  CHECK(report.warnings[2].text == "worker 1 is stuck for 3.2 s: its figures are as old");
  for (const bool detail : {false, true}) {
    const std::string text = buffers_text(report, {false, detail});
    CHECK(has(text, "3 warnings:"));
    CHECK(has(text, "tx_busy"));
    CHECK_FALSE(has(text, "tx_again"));
    CHECK(has(text, "Active sessions: - "));
  }
}

TEST_CASE("--check has one line a warning and the exit code of the worst") {
  StatusSnapshot status = test::fixture();
  CHECK(check_exit_code(buffer_report(status)) == 2);
  CHECK(check_text(buffer_report(status)) ==
        "CRITICAL: tx_ring wan0/0 is 97.7% full: 2001 of 2048\n"
        "WARNING: punt_queue worker 0 is 89.9% full: 899 of 1000\n"
        "CRITICAL: worker 1 is stuck for 3.2 s: its figures are as old\n");
  status.workers[1].stuck_for_ms.reset();
  status.resources[3].used = 0;
  CHECK(check_exit_code(buffer_report(status)) == 1);
  status.resources[5].used = 799;
  CHECK(check_exit_code(buffer_report(status)) == 0);
  CHECK(check_text(buffer_report(status)) == "OK: no resource is 80 % full\n");
}

TEST_CASE("unknown is a dash with a reason and JSON's null, never zero") {
  const StatusSnapshot status = test::fixture();
  const BufferReport report = buffer_report(status);
  const std::string line = line_with(buffers_text(report, {false, true}), "wan0/1");
  CHECK(has(line, "link down"));
  CHECK_FALSE(has(line, " 0"));
  CHECK(has(line_with(buffers_text(report, {}), "ipv6_routes"), "- (not in use)"));
  const auto json = boost::json::parse(to_json(report).text);
  const auto& row = json.at("detail").at(4);
  CHECK(row.at("scope").as_string() == "wan0/1");
  for (const char* key : {"max", "used", "peak", "failures", "usage_percent", "status"}) CHECK(row.at(key).is_null());
  CHECK(row.at("unknown").as_string() == "link down");
  CHECK_FALSE(has(prometheus_text(status), "scope=\"wan0/1\""));
}

TEST_CASE("a history that is meant to be full does not warn") {
  const BufferReport report = buffer_report(test::fixture());
  CHECK(aggregate(report, "event_history").status == "OK");
}

TEST_CASE("JSON comes back as the same snapshot") {
  const StatusSnapshot status = test::fixture();
  const std::string text = to_json(status).text;
  const auto back = status_from_json(boost::json::parse(text));
  REQUIRE(back.has_value());
  CHECK(to_json(*back).text == text);
  CHECK(status_text(*back, {}) == status_text(status, {}));
  const auto report = buffers_from_json(boost::json::parse(to_json(buffer_report(status)).text));
  REQUIRE(report.has_value());
  CHECK(buffers_text(*report, {false, true}) == buffers_text(buffer_report(status), {false, true}));
}

TEST_CASE("JSON text is what a reader takes back: any byte of a string, any number, nothing for what is not one") {
  StatusSnapshot status;
  for (int c = 1; c < 256; ++c) {
    // Valid UTF-8: two bytes for the upper half.
    if (c < 0x80) status.version += static_cast<char>(c);
    if (c >= 0x80) (status.version += static_cast<char>(0xc0 | (c >> 6))) += static_cast<char>(0x80 | (c & 0x3f));
  }
  status.version += status.version + status.version;  // longer than what is escaped at once
  status.uptime_ms = std::numeric_limits<std::uint64_t>::max();
  status.frames.unaccounted = std::numeric_limits<std::int64_t>::min();
  status.workers.resize(1);
  status.workers[0].busy_percent = std::numeric_limits<double>::quiet_NaN();
  status.workers[0].mean_burst = 1e-300;
  status.workers[0].turns_per_second = 1234567.5;
  const auto json = boost::json::parse(to_json(status).text);
  CHECK(json.at("version").as_string() == status.version);
  CHECK(json.at("uptime_ms").to_number<std::uint64_t>() == status.uptime_ms);
  CHECK(json.at("frames").at("unaccounted").as_int64() == *status.frames.unaccounted);
  CHECK(json.at("workers").at(0).at("busy_percent").is_null());
  CHECK(json.at("workers").at(0).at("mean_burst").as_double() == *status.workers[0].mean_burst);
  CHECK(json.at("workers").at(0).at("turns_per_second").as_double() == 1234567.5);
  CHECK(json.at("lanes").as_array().empty());
  const auto part = boost::json::parse(to_json(status, {"workers", "interval_ms"}).text).as_object();
  CHECK(part.size() == 2);
  CHECK(part.at("interval_ms").is_null());
  CHECK(part.at("workers").as_array().size() == 1);
  CHECK(to_json(status, {}).text == "{}");
}

TEST_CASE("JSON of another version is read as far as it goes; a wrong type is named") {
  auto json = boost::json::parse(to_json(test::fixture()).text).as_object();
  json["something_new"] = 1;
  json.erase("fail_mode");
  const auto back = status_from_json(json);
  REQUIRE(back.has_value());
  CHECK(back->fail_mode.empty());
  json["workers"].at(0).as_object()["cpu"] = "one";
  const auto wrong = status_from_json(json);
  REQUIRE(wrong.has_error());
  CHECK(has(wrong.error().what, "workers[].cpu"));
  CHECK(status_from_json(boost::json::value("text")).has_error());
  CHECK(status_from_json(boost::json::parse(R"({"uptime_ms":-1})")).has_error());
  CHECK(status_from_json(boost::json::parse(R"({"uptime_ms":1.5})")).has_error());
}

TEST_CASE("the screens say the fixture's figures") {
  const StatusSnapshot status = test::fixture();
  const std::string text = status_text(status, {});
  CHECK(has(text, "up 1 d 2:03:04"));
  CHECK(has(text, "configuration generation 7, snapshot generation 41\n"));
  CHECK(has(text, "stuck for 3.2 s"));
  CHECK(has(text, "lan0/0: zero-copy not supported by veth"));
  CHECK(has(text, "Frames: 8192 = pool 6000 + receive 2048 + transmit 140 + in flight 4"));
  CHECK(has(text, "link \"went\" away"));
  CHECK(has(text, "20/2048"));
  CHECK(has(interfaces_text(status, {}), "250.0 k"));
  CHECK(has(drops_text(status, {}), "No route leads to the destination"));
  CHECK(has(drops_text(status, {false, true}), "lan0"));
  CHECK_FALSE(has(text, "\033"));
  CHECK(has(status_text(status, {true, false}), "\033[31m"));
}

TEST_CASE("watched counters show how fast drops and pressure grow, and a dash while that is not known") {
  const StatusSnapshot first = test::fixture();
  StatusSnapshot second = first;
  second.time_unix_ms += 2000;
  second.drops[0].packets += 500;
  second.drops.push_back({"none", "no_frames", 4});
  second.pressure[0].value += 10;
  CHECK(has(line_with(counters_text(nullptr, first, {}), "no_route"), "3            -"));
  const std::string text = counters_text(&first, second, {});
  CHECK(has(line_with(text, "no_route"), "503        250.0"));
  CHECK(has(line_with(text, "ttl_expired"), "2          0.0"));
  CHECK(has(line_with(text, "no_frames"), "4          2.0"));
  CHECK(has(line_with(text, "tx_busy"), "27          5.0"));
  CHECK_FALSE(has(text, "tx_again"));
  CHECK(has(text, "250.0 k"));
}

TEST_CASE("metrics carry the same figures") {
  const std::string text = prometheus_text(test::fixture());
  CHECK(has(text, "culvert_resource_used{resource=\"tx_ring\",scope=\"wan0/0\"} 2001\n"));
  CHECK(has(text, "culvert_resource_failures_total{resource=\"tx_ring\",scope=\"wan0/0\"} 17\n"));
  CHECK(has(text, "culvert_drops_total{reason=\"no_route\",interface=\"lan0\"} 3\n"));
  CHECK(has(text, "culvert_drops_total{reason=\"no_route\",interface=\"wan0\"} 0\n"));
  CHECK(has(text, "culvert_worker_stuck{worker=\"1\"} 1\n"));
  CHECK(has(text, "culvert_interface_packets_total{interface=\"lan0\",direction=\"rx\"} 1000\n"));
  CHECK_FALSE(has(text, "culvert_worker_busy_ratio{worker=\"1\"}"));
  CHECK(has(text, "culvert_configuration_generation 7\n"));
  StatusSnapshot early = test::fixture();
  early.configuration_generation.reset();
  CHECK_FALSE(has(prometheus_text(early), "culvert_configuration_generation"));
  PrometheusOptions few;
  few.max_series = 5;
  const std::string bounded = prometheus_text(test::fixture(), few);
  std::size_t series = 0;
  std::istringstream lines(bounded);
  for (std::string line; std::getline(lines, line);) series += line.front() == '#' ? 0u : 1u;
  CHECK(series == 6);
  CHECK_FALSE(has(bounded, "left_out 0\n"));
}

TEST_CASE("metrics have every digit that there is: a time of today to the millisecond, a small fraction") {
  StatusSnapshot status = test::fixture();
  status.workers[0].busy_percent = 0.1;
  const std::string text = prometheus_text(status);
  CHECK(has(text, "culvert_status_time_seconds 1790000000.123\n"));
  CHECK(has(text, "culvert_uptime_seconds 93784\n"));
  CHECK(has(text, "culvert_worker_longest_turn_seconds{worker=\"0\"} 0.00083\n"));
  CHECK(has(text, "culvert_worker_busy_ratio{worker=\"0\"} 0.001\n"));
}

TEST_CASE("a counter that steps back stands still in the metrics until it has caught up") {
  SteadyCounters steady;
  const std::uint64_t forwarded = test::fixture().workers[0].forwarded, sent = test::fixture().interfaces[0].tx_packets;
  const auto after = [&](std::int64_t change) {
    StatusSnapshot status = test::fixture();
    status.workers[0].forwarded += static_cast<std::uint64_t>(change);
    status.interfaces[0].tx_packets += static_cast<std::uint64_t>(change);
    steady.hold(status);
    CHECK(status.workers[1].forwarded == test::fixture().workers[1].forwarded);
    CHECK(status.interfaces[0].tx_packets - sent == status.workers[0].forwarded - forwarded);
    return status.workers[0].forwarded;
  };
  CHECK(after(0) == forwarded);
  CHECK(after(-5) == forwarded);
  CHECK(after(-1) == forwarded);
  CHECK(after(7) == forwarded + 7);
  CHECK(after(6) == forwarded + 7);
}

TEST_CASE("promtool finds nothing to say about the metrics") {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    WARN("promtool is not installed: its check was not made");
    return;
  }
  FILE* promtool = ::popen("promtool check metrics 2>&1 1>&2", "w");
  REQUIRE(promtool != nullptr);
  std::fputs(prometheus_text(test::fixture()).c_str(), promtool);
  CHECK(::pclose(promtool) == 0);
}

TEST_CASE("docs/resources.md is what the table of resources says") {
  CHECK(file_text("docs/resources.md") == resources_document());
}

/// The enumerators of `type` in a header, without its kCount.
std::vector<std::string> enumerators(const std::string& header, const std::string& type) {
  const std::string text = file_text(header);
  std::istringstream body(text.substr(text.find("enum class " + type)));
  std::vector<std::string> names;
  std::string line;
  std::getline(body, line);
  while (std::getline(body, line) && !has(line, "kCount")) {
    const std::size_t begin = line.find('k');
    if (begin != std::string::npos) names.push_back(line.substr(begin, line.find(',') - begin));
  }
  return names;
}

/// All of control's sources that are compiled into culvertd.
std::string control_sources() {
  std::string text;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(CULVERT_SOURCE) + "/control")) {
    if (entry.path().extension() == ".cc") text += file_text("control/" + entry.path().filename().string());
  }
  return text;
}

TEST_CASE("every kind of event is produced, every kind of resource is entered: nobody waits for what never comes") {
  const std::string sources = control_sources();
  const auto events = enumerators("status/events.h", "EventKind");
  REQUIRE(events.size() == kEventKinds);
  for (const std::string& kind : events) {
    INFO(kind);
    CHECK(has(sources, "EventKind::" + kind));
  }
  const auto resources = enumerators("status/resource.h", "ResourceKind");
  REQUIRE(resources.size() == kResourceKinds);
  for (const std::string& kind : resources) {
    INFO(kind);
    CHECK(has(sources, "ResourceKind::" + kind));
  }
}

TEST_CASE("the kinds of events in docs/operating.md are those that there are") {
  const std::string document = file_text("docs/operating.md");
  for (std::size_t kind = 0; kind < kEventKinds; ++kind) {
    const EventText& text = event_text(static_cast<EventKind>(kind));
    CHECK(has(document, "| " + std::string(text.name) + " | " + std::string(text.sentence) + " |\n"));
  }
}

TEST_CASE("docs/json.md names every field") {
  const std::string document = file_text("docs/json.md");
  every_member_is_documented<StatusSnapshot>(document);
  every_member_is_documented<LaneStatus>(document);
  every_member_is_documented<WorkerStatus>(document);
  every_member_is_documented<WorkerFrames>(document);
  every_member_is_documented<FrameStatus>(document);
  every_member_is_documented<ResourceStatus>(document);
  every_member_is_documented<InterfaceStatus>(document);
  every_member_is_documented<DropStatus>(document);
  every_member_is_documented<AlarmStatus>(document);
  every_member_is_documented<PressureStatus>(document);
  every_member_is_documented<XdpActionStatus>(document);
  every_member_is_documented<EventStatus>(document);
  every_member_is_documented<ErrorStatus>(document);
  every_member_is_documented<AgentStatus>(document);
  every_member_is_documented<ProcessStatus>(document);
  every_member_is_documented<BufferReport>(document);
  every_member_is_documented<BufferAggregate>(document);
  every_member_is_documented<BufferRow>(document);
  every_member_is_documented<BufferWarning>(document);
}

}  // namespace
}  // namespace culvert
