// SPDX-License-Identifier: Apache-2.0
// A zone under a flood of SYNs: what is beyond its rate gets a cookie and no session; who acknowledges the cookie gets
// both, and nobody else does.
#include <map>

#include "test/pipeline/firewall.h"

using namespace culvert;
using namespace culvert::test;

namespace {

constexpr std::uint8_t kSynAck = kTcpSyn | kTcpAck;

struct Flooded : Firewall {
  explicit Flooded(std::uint32_t per_second, ScreenMask alarm = 0, const RigConfig& config = {})
      : Firewall(trust_goes_out(), config) {
    ZoneScreens& screens = settings.screens[kZoneTrust];
    screens.on = mask_of(Screen::kSynFlood);
    screens.alarm = alarm;
    screens.syn = MeterRate::per_second(per_second);
    use(trust_goes_out());
  }
  Bytes last(InterfaceIndex interface) {
    PacketCapture& packets = sent(interface);
    REQUIRE(packets.size() > 0);
    return slice(packets[packets.size() - 1], 0);
  }
};

struct Client {
  const Family& family;
  std::uint16_t port;

  Bytes segment(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgment = 0,
                std::size_t data = 0) const {
    return from_client(family).tcp(port, 443, {flags, sequence, acknowledgment}).payload(data).build();
  }
  Bytes answer(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgment, std::size_t data = 0) const {
    return from_server(family).tcp(443, port, {flags, sequence, acknowledgment}).payload(data).build();
  }
  std::uint8_t flags(const Bytes& packet) const { return get8(packet, family.transport() + 13); }
  std::uint32_t sequence(const Bytes& packet) const { return get32(packet, family.transport() + 4); }
  std::uint32_t acknowledgment(const Bytes& packet) const { return get32(packet, family.transport() + 8); }
};

/// Uses up the zone's rate.
void flood(Flooded& firewall, const Family& family, std::uint16_t count = 50) {
  for (std::uint16_t port = 0; port < count; ++port) {
    firewall.pass(Client{family, static_cast<std::uint16_t>(20'000 + port)}.segment(kTcpSyn, 1));
  }
}

}  // namespace

TEST_CASE("SYNs beyond the rate get a cookie and no session, each its own") {
  for (const Family& family : kFamilies) {
    Flooded firewall(10);
    std::map<std::uint32_t, int> cookies;
    for (std::uint16_t port = 1; port <= 200; ++port) {
      const Client client{family, port};
      firewall.pass(client.segment(kTcpSyn, 1000));
      if (firewall.sent(kTrust).size() == 0) continue;
      const Bytes answer = firewall.last(kTrust);
      CHECK(client.flags(answer) == kSynAck);
      CHECK(client.acknowledgment(answer) == 1001);
      CHECK(get16(answer, family.transport() + 14) == 0);
      ++cookies[client.sequence(answer)];
    }
    const std::uint64_t sessions = firewall.count();
    CHECK(sessions >= 10);
    CHECK(sessions <= 11);
    CHECK(firewall.sent(kTrust).size() == 200 - sessions);
    CHECK(firewall.sent(kInternet).size() == sessions);
    CHECK(cookies.size() == 200 - sessions);
    CHECK(firewall.drops(DropReason::kScreenSynFlood) == 200 - sessions);
    CHECK(firewall.sum(&PipelineCells::syn_cookies_sent) == 200 - sessions);
    // What is no beginning of TCP is no part of the flood.
    CHECK(firewall.fate(from_client(family).udp(1, 53)) == "passed");
  }
}

TEST_CASE("who acknowledges the cookie talks to the server, through the same session, both ways") {
  for (const Family& family : kFamilies) {
    Flooded firewall(5);
    flood(firewall, family);
    const std::uint64_t before = firewall.count();
    const Client client{family, 1024};
    firewall.pass(client.segment(kTcpSyn, 1000));
    const std::uint32_t cookie = client.sequence(firewall.last(kTrust));
    CHECK(firewall.count() == before);

    REQUIRE(firewall.fate(client.segment(kTcpAck, 1001, cookie + 1)) == "passed");
    const Bytes syn = firewall.last(kInternet);
    CHECK(client.flags(syn) == kTcpSyn);
    CHECK(client.sequence(syn) == 1000);
    CHECK(firewall.count() == before + 1);
    CHECK(firewall.sum(&PipelineCells::syn_cookies_accepted) == 1);

    const std::size_t to_server = firewall.sent(kInternet).size();
    firewall.pass(client.answer(kSynAck, 7000, 1001), kInternet);
    CHECK(client.flags(firewall.last(kTrust)) == kTcpAck);
    CHECK(client.sequence(firewall.last(kTrust)) == cookie + 1);
    REQUIRE(firewall.sent(kInternet).size() == to_server + 1);
    CHECK(client.acknowledgment(firewall.last(kInternet)) == 7001);

    CHECK(firewall.fate(client.segment(kTcpAck, 1001, cookie + 1, 100)) == "passed");
    CHECK(client.acknowledgment(firewall.last(kInternet)) == 7001);
    CHECK(firewall.fate(client.answer(kTcpAck, 7001, 1101, 50), kInternet) == "passed");
    CHECK(client.sequence(firewall.last(kTrust)) == cookie + 1);
    CHECK(firewall.evaluations() == before + 45 + 2);
  }
}

TEST_CASE("an ACK that no cookie is behind begins nothing, and neither does a cookie of another connection or time") {
  for (const Family& family : kFamilies) {
    Flooded firewall(5);
    flood(firewall, family);
    const std::uint64_t before = firewall.count();
    const Client client{family, 1024}, other{family, 1025};
    firewall.pass(client.segment(kTcpSyn, 1000));
    const std::uint32_t cookie = client.sequence(firewall.last(kTrust));
    CHECK(firewall.fate(client.segment(kTcpAck, 1001, cookie + 2)) == "tcp_no_session");
    CHECK(firewall.fate(client.segment(kTcpAck, 1003, cookie + 1)) == "tcp_no_session");
    CHECK(firewall.fate(other.segment(kTcpAck, 1001, cookie + 1)) == "tcp_no_session");
    CHECK(firewall.fate(client.segment(kTcpRst | kTcpAck, 1001, cookie + 1)) == "tcp_no_session");
    for (std::uint32_t guess = 1; guess <= 1000; ++guess) {
      const std::uint32_t wrong = guess * 0x9e3779b1U;
      CHECK(firewall.fate(client.segment(kTcpAck, 1001, wrong == cookie + 1 ? 0 : wrong)) == "tcp_no_session");
    }
    CHECK(firewall.count() == before);
    firewall.wait(150'000);
    CHECK(firewall.fate(client.segment(kTcpAck, 1001, cookie + 1)) == "tcp_no_session");
    CHECK(firewall.sum(&PipelineCells::syn_cookies_accepted) == 0);
  }
}

TEST_CASE("the policy is asked before a cookie is made, and again when it comes back") {
  for (const Family& family : kFamilies) {
    Flooded firewall(5);
    flood(firewall, family);
    const Client client{family, 1024};
    firewall.pass(client.segment(kTcpSyn, 1000));
    const std::uint32_t cookie = client.sequence(firewall.last(kTrust));
    firewall.use(rules({}));
    CHECK(firewall.fate(client.segment(kTcpSyn, 1000)) == "policy_deny");
    CHECK(firewall.fate(client.segment(kTcpAck, 1001, cookie + 1)) == "policy_deny");
    CHECK(firewall.sum(&PipelineCells::syn_cookies_sent) == 46);
  }
}

TEST_CASE("only an alarm: the flood is counted, and its SYNs begin sessions") {
  Flooded firewall(5, mask_of(Screen::kSynFlood));
  flood(firewall, kFamilies[0], 40);
  CHECK(firewall.count() == 40);
  constexpr auto kScreen = static_cast<std::size_t>(Screen::kSynFlood);
  CHECK(firewall.worker().cells().pipeline.screen_alarms[kScreen].read() >= 34);
  CHECK(firewall.sum(&PipelineCells::syn_cookies_sent) == 0);
}
