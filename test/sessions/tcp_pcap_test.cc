// SPDX-License-Identifier: Apache-2.0
// The whole way from bytes: captures that are built here, read by libpcap, parsed and tracked.
#include <cstdlib>
#include <filesystem>

#include "packet/tcp.h"
#include "test/sessions/tcp_replay.h"
#include "test/support/catch.h"
#include "test/support/packet_builder.h"

namespace culvert::test {
namespace {

/// A capture that is written, replayed and removed.
class Capture {
 public:
  Capture() {
    std::string name = (std::filesystem::temp_directory_path() / "culvert-tcp-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() { std::filesystem::remove_all(folder_); }

  void client(const TcpFields& fields, std::size_t payload = 0) { add(true, fields, payload); }
  void server(const TcpFields& fields, std::size_t payload = 0) { add(false, fields, payload); }
  void add(const Bytes& frame) { frames_.push_back(frame); }
  void use_ipv6() { ipv6_ = true; }

  TcpReplay replay(TcpPickUp pick_up = TcpPickUp::kOnlySyn) const {
    const std::string path = folder_ + "/capture.pcap";
    write_pcap(path, frames_);
    return replay_pcap(path, pick_up);
  }

 private:
  void add(bool from_client, const TcpFields& fields, std::size_t payload) {
    PacketBuilder builder;
    builder.ethernet();
    if (ipv6_) {
      builder.ipv6(from_client ? "2001:db8::7" : "2001:db8:1::80", from_client ? "2001:db8:1::80" : "2001:db8::7");
    } else {
      builder.ipv4(from_client ? "198.18.0.7" : "192.0.2.80", from_client ? "192.0.2.80" : "198.18.0.7");
    }
    const std::uint16_t source = from_client ? 1024 : 80;
    const std::uint16_t destination = from_client ? 80 : 1024;
    builder.tcp(source, destination, fields);
    if (payload != 0) builder.payload(payload);
    // A short Ethernet frame is padded: that is no data.
    builder.padding(payload == 0 ? 6 : 0);
    frames_.push_back(builder.build());
  }

  std::string folder_;
  std::vector<Bytes> frames_;
  bool ipv6_ = false;
};

const Bytes kSynOptions = hex("020405b4 0402 080a 00000001 00000000 01 030307");
const Bytes kTimestamps = hex("0101 080a 00000002 00000001");

void add_connection(Capture& capture) {
  capture.client({.flags = kTcpSyn, .sequence = 0xffffff00, .window = 64240, .options = kSynOptions});
  capture.server({.flags = kTcpSyn | kTcpAck,
                  .sequence = 5000,
                  .acknowledgment = 0xffffff01,
                  .window = 65160,
                  .options = kSynOptions});
  capture.client({.sequence = 0xffffff01, .acknowledgment = 5001, .window = 502, .options = kTimestamps});
  capture.client({.flags = kTcpPsh | kTcpAck,
                  .sequence = 0xffffff01,
                  .acknowledgment = 5001,
                  .window = 502,
                  .options = kTimestamps},
                 1000);
  capture.server({.sequence = 5001, .acknowledgment = 745, .window = 509, .options = kTimestamps});
}

TEST_CASE("a connection in a capture is followed from its bytes, with padding, options and the wrap") {
  for (const bool ipv6 : {false, true}) {
    Capture capture;
    if (ipv6) capture.use_ipv6();
    add_connection(capture);
    CHECK(capture.replay().in_state(TcpState::kEstablished) == 1);
    capture.server({.flags = kTcpFin | kTcpAck, .sequence = 5001, .acknowledgment = 745, .options = kTimestamps}, 1400);
    capture.client({.flags = kTcpFin | kTcpAck, .sequence = 745, .acknowledgment = 6402, .options = kTimestamps});
    capture.server({.sequence = 6402, .acknowledgment = 746, .options = kTimestamps});
    const TcpReplay replay = capture.replay();
    CHECK(replay.drops().empty());
    CHECK(replay.counts().packets == 8);
    CHECK(replay.counts().passed == 8);
    CHECK(replay.counts().sessions == 1);
    CHECK(replay.in_state(TcpState::kTimeWait) == 1);
  }
}

TEST_CASE("selective acknowledgments are read from a capture") {
  Capture capture;
  add_connection(capture);
  capture.client({.sequence = 1745, .acknowledgment = 5001, .options = kTimestamps}, 1000);
  const Bytes seen = hex("0101 080a 00000002 00000001 0101 050a 000006d1 00000ab9");  // 1745..2745
  capture.server({.sequence = 5001, .acknowledgment = 745, .options = seen});
  const Bytes unseen = hex("0101 080a 00000002 00000001 0101 050a 000006d1 00000aba");
  capture.server({.sequence = 5001, .acknowledgment = 745, .options = unseen});
  const TcpReplay replay = capture.replay();
  REQUIRE(replay.drops().size() == 1);
  CHECK(replay.drops()[0] == "packet 8: drop ack_unsent");
}

TEST_CASE("forged packets in a capture are told from genuine ones") {
  Capture capture;
  add_connection(capture);
  capture.client({.flags = kTcpRst, .sequence = 0x40000000, .window = 0});
  capture.server({.flags = kTcpPsh | kTcpAck, .sequence = 0x40000000, .acknowledgment = 745}, 100);
  capture.client({.flags = kTcpSyn | kTcpFin, .sequence = 745});
  capture.client({.flags = kTcpSyn, .sequence = 0x50000000});
  capture.client({.flags = kTcpPsh | kTcpAck, .sequence = 745, .acknowledgment = 5001}, 100);
  const TcpReplay replay = capture.replay();
  CHECK(replay.drops() == std::vector<std::string>{"packet 6: drop reset_wrong", "packet 7: drop out_of_window",
                                                   "packet 8: drop bad_flags"});
  CHECK(replay.counts().unbelieved == 1);
  CHECK(replay.in_state(TcpState::kEstablished) == 1);
}

TEST_CASE("the same ports are used again, and other packets are no sessions") {
  Capture capture;
  add_connection(capture);
  capture.client({.flags = kTcpRst, .sequence = 745, .window = 0});
  add_connection(capture);
  capture.add(PacketBuilder().ethernet().ipv4().udp(53, 53).payload(20).build());
  const TcpReplay replay = capture.replay();
  CHECK(replay.drops().empty());
  CHECK(replay.counts().renewed == 1);
  CHECK(replay.counts().sessions == 2);
  CHECK(replay.counts().others == 1);
}

TEST_CASE("a capture that begins in mid-stream is dropped or picked up, as the policy says") {
  Capture capture;
  capture.client({.flags = kTcpPsh | kTcpAck, .sequence = 1000, .acknowledgment = 5000}, 100);
  capture.server({.sequence = 5000, .acknowledgment = 1100});
  CHECK(capture.replay().counts().dropped == 2);
  const TcpReplay replay = capture.replay(TcpPickUp::kMidStream);
  CHECK(replay.drops().empty());
  CHECK(replay.in_state(TcpState::kEstablished) == 1);
}

TEST_CASE("both ends open a connection at once, with their SYNs crossing each other") {
  for (const bool ipv6 : {false, true}) {
    Capture capture;
    if (ipv6) capture.use_ipv6();
    capture.client({.flags = kTcpSyn, .sequence = 1000, .acknowledgment = 0, .options = kSynOptions});
    capture.server({.flags = kTcpSyn, .sequence = 5000, .acknowledgment = 0, .options = kSynOptions});
    CHECK(capture.replay().in_state(TcpState::kSynReceived) == 1);
    capture.server({.flags = kTcpSyn | kTcpAck, .sequence = 5000, .acknowledgment = 1001, .options = kSynOptions});
    capture.client({.flags = kTcpSyn | kTcpAck, .sequence = 1000, .acknowledgment = 5001, .options = kSynOptions});
    CHECK(capture.replay().in_state(TcpState::kEstablished) == 1);
    // Each says something, and what nobody has sent is not acknowledged.
    capture.client({.sequence = 1001, .acknowledgment = 5001, .options = kTimestamps}, 100);
    capture.server({.sequence = 5001, .acknowledgment = 1101, .options = kTimestamps}, 50);
    capture.client({.sequence = 1101, .acknowledgment = 5052, .options = kTimestamps});
    const TcpReplay replay = capture.replay();
    CHECK(replay.drops() == std::vector<std::string>{"packet 7: drop ack_unsent"});
    CHECK(replay.counts().sessions == 1);
    CHECK(replay.counts().passed == 6);
    CHECK(replay.in_state(TcpState::kEstablished) == 1);
  }
}

TEST_CASE("one end closes its half, and the other goes on sending until it closes its own") {
  for (const bool client_closes : {true, false}) {
    Capture capture;
    add_connection(capture);
    const auto closing = [&](const TcpFields& fields, std::size_t data = 0) {
      client_closes ? capture.client(fields, data) : capture.server(fields, data);
    };
    const auto going_on = [&](const TcpFields& fields, std::size_t data = 0) {
      client_closes ? capture.server(fields, data) : capture.client(fields, data);
    };
    const std::uint32_t closed = client_closes ? 745 : 5001;
    const std::uint32_t open = client_closes ? 5001 : 745;
    closing({.flags = kTcpFin | kTcpAck, .sequence = closed, .acknowledgment = open, .options = kTimestamps});
    for (std::uint32_t sent = 0; sent < 3000; sent += 1000) {
      going_on({.sequence = open + sent, .acknowledgment = closed + 1, .options = kTimestamps}, 1000);
      closing({.sequence = closed + 1, .acknowledgment = open + sent + 1000, .options = kTimestamps});
    }
    CHECK(capture.replay().in_state(TcpState::kFinWait) == 1);
    going_on({.flags = kTcpFin | kTcpAck, .sequence = open + 3000, .acknowledgment = closed + 1}, 500);
    CHECK(capture.replay().in_state(TcpState::kClosing) == 1);
    closing({.sequence = closed + 1, .acknowledgment = open + 3501, .options = kTimestamps});
    const TcpReplay replay = capture.replay();
    CHECK(replay.drops().empty());
    CHECK(replay.counts().passed == 14);
    CHECK(replay.in_state(TcpState::kTimeWait) == 1);
  }
}

TEST_CASE("how much may be sent ahead is what window and scale say together, if both SYNs offer a scale") {
  const Bytes scale = hex("020405b4 01 030307");
  const Bytes no_scale = hex("020405b4");
  for (const bool client_offers : {true, false}) {
    for (const bool server_offers : {true, false}) {
      INFO("client " << client_offers << ", server " << server_offers);
      Capture capture;
      capture.client(
          {.flags = kTcpSyn, .sequence = 1000, .window = 64240, .options = client_offers ? scale : no_scale});
      capture.server({.flags = kTcpSyn | kTcpAck,
                      .sequence = 5000,
                      .acknowledgment = 1001,
                      .window = 65160,
                      .options = server_offers ? scale : no_scale});
      capture.client({.sequence = 1001, .acknowledgment = 5001, .window = 2000});
      // Without a scale 65160 bytes, which its SYN has said; with it 2000 times 128. A probe may go one byte further.
      capture.server({.sequence = 5001, .acknowledgment = 1001, .window = 2000});
      capture.client({.sequence = 1001 + 200'000, .acknowledgment = 5001}, 1000);
      capture.client({.sequence = 1001 + 255'000, .acknowledgment = 5001}, 1000);
      capture.client({.sequence = 1001 + 255'003, .acknowledgment = 5001}, 1000);
      const TcpReplay replay = capture.replay();
      if (client_offers && server_offers) {
        CHECK(replay.drops() == std::vector<std::string>{"packet 7: drop out_of_window"});
      } else {
        CHECK(replay.drops() == std::vector<std::string>{"packet 5: drop out_of_window", "packet 6: drop out_of_window",
                                                         "packet 7: drop out_of_window"});
      }
    }
  }
}

}  // namespace
}  // namespace culvert::test
