// SPDX-License-Identifier: Apache-2.0
// Requests about sessions and the policy over a real socket: what is understood, and what is refused with which words.
#include <boost/json.hpp>

#include "test/status/firewall_desk.h"
#include "test/status/service.h"
#include "test/status/socket_client.h"
#include "test/support/catch.h"

namespace culvert {
namespace {

using test::FirewallDesk;
using test::Service;
using test::SocketClient;

struct Office {
  FirewallDesk desk;
  Service service{{}, desk.hooks()};
  SocketClient client{service.path};

  boost::json::object ask(const std::string& command, const std::string& keys = "") {
    const std::string line = client.ask(R"({"command":")" + command + "\"" + (keys.empty() ? "" : "," + keys) + "}");
    INFO(command << " " << keys << ": " << line.substr(0, 300));
    boost::system::error_code error;
    const auto value = boost::json::parse(line, error);
    REQUIRE_FALSE(error);
    return value.as_object();
  }
  boost::json::value result(const std::string& command, const std::string& keys = "") {
    const auto answer = ask(command, keys);
    REQUIRE(answer.at("ok").as_bool());
    return answer.at("result");
  }
  std::string refusal(const std::string& command, const std::string& keys = "") {
    const auto answer = ask(command, keys);
    INFO(command << " " << keys);
    REQUIRE_FALSE(answer.at("ok").as_bool());
    return answer.at("error").at("what").as_string().c_str();
  }
};

TEST_CASE("every part of a filter reaches whoever looks at the sessions") {
  Office office;
  const auto page =
      office.result("show_sessions", R"("source":"198.18.0.7/24","destination":"192.0.2.1","protocol":"tcp",)"
                                     R"("port":443,"family":"ipv4","zone":"trust","interface":"lan0",)"
                                     R"("state":"established","policy":"web","min_age_s":60,"after":"0")");
  CHECK(page.at("sessions").as_array().size() == 300);
  CHECK(page.at("total").as_int64() == 2500);
  CHECK(page.at("next").as_string() == "300");
  office.service.run([&] {
    const SessionQuery& asked = office.desk.asked;
    CHECK(to_text(*asked.source) == "198.18.0.7/24");
    CHECK(asked.destination->length == 32);
    CHECK(asked.protocol == 6);
    CHECK(asked.port == 443);
    CHECK(asked.ipv6 == false);
    CHECK(asked.zone == "trust");
    CHECK(asked.interface == "lan0");
    CHECK(asked.state == "established");
    CHECK(asked.policy == "web");
    CHECK(asked.min_age_s == 60);
  });
  CHECK(office.result("show_sessions").at("sessions").as_array().empty());
  office.service.run([&] { CHECK(office.desk.asked.is_any()); });
  CHECK(office.result("show_sessions_summary", R"("protocol":"protocol/89")").at("sessions").as_int64() == 3);
  office.service.run([&] { CHECK(office.desk.asked.protocol == 89); });
  CHECK(office.result("show_sessions_top", R"("of":"destinations","by":"bytes","limit":7)").at("of").as_string() ==
        "destinations");
  office.service.run([&] {
    CHECK(office.desk.asked_top.by_bytes);
    CHECK(office.desk.asked_top.limit == 7);
  });
}

TEST_CASE("a request about sessions that is wrong is refused by name, before anybody looks at them") {
  Office office;
  const std::pair<const char*, const char*> wrong[] = {
      {R"("sorce":"198.18.0.1")", "\"sorce\" is not understood here"},
      {R"("source":7)", "\"source\" must be a string"},
      {R"("port":0)", "\"port\" must be a port, 1 to 65535"},
      {R"("port":65536)", "\"port\" must be a port, 1 to 65535"},
      {R"("port":"http")", "\"port\" must be a whole number, 0 or more"},
      {R"("protocol":"tcp/80")", "\"protocol\" is a protocol alone"},
      {R"("family":"ipx")", "\"family\" must be \"ipv4\" or \"ipv6\""},
      {R"("zone":"")", "\"zone\" must not be empty"},
      {R"("state":true)", "\"state\" must be a string"},
      {R"("min_age_s":-1)", "\"min_age_s\" must be a whole number, 0 or more"},
      {R"("source":"198.18.0.1","destination":"::1")", "IPv4 and IPv6 are asked for together: no session is both"},
      {R"("source":"198.18.0.1","family":"ipv6")", "IPv4 and IPv6 are asked for together: no session is both"},
  };
  for (const char* command : {"show_sessions", "show_sessions_summary", "show_sessions_top", "clear_sessions"}) {
    for (const auto& [keys, what] : wrong) CHECK(office.refusal(command, keys) == what);
    CHECK(office.refusal(command, R"("source":"198.18.0.0/33")").find("\"source\": ") == 0);
    CHECK(office.refusal(command, R"("protocol":"tpc")").find("\"protocol\": ") == 0);
    CHECK(office.refusal(command, "\"zone\":\"" + std::string(300, 'z') + "\"") == "\"zone\" is too long");
  }
  CHECK(office.refusal("show_sessions", R"("limit":0)") == "\"limit\" must be 1 or more");
  CHECK(office.refusal("show_sessions", R"("after":3)") == "\"after\" must be a string");
  CHECK(office.refusal("show_sessions_summary", R"("limit":3)") == "\"limit\" is not understood here");
  CHECK(office.refusal("show_sessions_top", R"("of":"ports")") == "\"of\" must be \"sources\" or \"destinations\"");
  CHECK(office.refusal("show_sessions_top", R"("by":"age")") == "\"by\" must be \"sessions\" or \"bytes\"");
  office.service.run([&] { CHECK(office.desk.looks == 0); });
  CHECK(office.refusal("show_sessions", R"("zone":"moon")") == "there is no zone 'moon'");
}

TEST_CASE("all sessions are cleared only when that is said, and not together with a filter") {
  Office office;
  CHECK(office.refusal("clear_sessions") == "nothing says which sessions: that would be all of them");
  CHECK(office.refusal("clear_sessions", R"("all":false)") == "nothing says which sessions: that would be all of them");
  CHECK(office.refusal("clear_sessions", R"("all":true,"zone":"trust")") ==
        "all sessions, and a filter: which of both?");
  CHECK(office.refusal("clear_sessions", R"("all":"yes")") == "\"all\" must be true or false");
  CHECK(office.result("clear_sessions", R"("all":true)").at("cleared").as_int64() == 2500);
  const auto some = office.result("clear_sessions", R"("zone":"trust")");
  CHECK(some.at("matched").as_int64() == 2500);
  CHECK(some.at("cleared").as_int64() == 2499);
}

TEST_CASE("a test of the policy wants zones, addresses of one family, a protocol, and ports where there are any") {
  Office office;
  const std::string places = R"("from":"internet","to":"trust","source":"198.18.0.1","destination":"192.0.2.1",)";
  CHECK(office.result("policy_test", places + R"("protocol":"tcp","destination_port":443)").at("rule").as_string() ==
        "web");
  office.service.run([&] {
    CHECK(office.desk.asked_test.protocol == 6);
    CHECK(office.desk.asked_test.source_port == kTestedSourcePort);
    CHECK(office.desk.asked_test.destination_port == 443);
    CHECK(office.desk.asked_test.limit == 10);
  });
  CHECK(office.ask("policy_test", places + R"("protocol":"icmp","limit":0)").at("ok").as_bool());
  const auto refused = [&](const std::string& keys) { return office.refusal("policy_test", keys); };
  CHECK(refused(places + R"("protocol":"tcp")") == "\"destination_port\" must be there: tcp, udp and sctp have ports");
  CHECK(refused(places + R"("protocol":"gre","destination_port":5)") == "this protocol has no ports");
  CHECK(refused(places + R"("protocol":"icmpv6")") == "IPv4 has icmp, IPv6 has icmpv6");
  CHECK(refused(places + R"("destination_port":5)") == "\"protocol\" must be there");
  CHECK(refused(places + R"("protocol":"tcp","destination_port":443,"port":1)") == "\"port\" is not understood here");
  CHECK(refused(R"("to":"trust")") == "\"from\" must be a zone");
  CHECK(refused(R"("from":"a","to":"b")") == "\"source\" must be a string");
  CHECK(refused(R"("from":"a","to":"b","source":"198.18.0.1/24")").find("\"source\": ") == 0);
  CHECK(refused(R"("from":"a","to":"b","source":"198.18.0.1","destination":"::1","protocol":"tcp")") ==
        "one address is IPv4, the other IPv6");
  CHECK(office.result("show_policies").at("policies").as_array().size() == 3);
  CHECK(office.refusal("show_policies", R"("limit":0)") == "\"limit\" must be 1 or more");
}

TEST_CASE("a culvertd without a firewall says so") {
  Service service;
  SocketClient client(service.path);
  for (const char* command : {"show_sessions", "show_sessions_summary", "show_sessions_top", "clear_sessions",
                              "show_policies", "policy_test"}) {
    const std::string line = client.ask(std::string(R"({"command":")") + command + "\"}");
    CHECK(line.find("this culvertd keeps no sessions") != std::string::npos);
  }
}

}  // namespace
}  // namespace culvert
