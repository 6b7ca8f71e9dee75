// SPDX-License-Identifier: Apache-2.0
// What a SYN proxy makes of the server's answer; and whole handshakes of random segments.
#include <cstdio>
#include <cstdlib>
#include <random>

#include "test/packet/syn_ends.h"

namespace culvert::test {
namespace {

struct ServerRow {
  const char* what;
  Bytes said;
  std::uint32_t clock;  ///< with time stamps: the server's, else 0
  std::int8_t to_client;
  std::uint8_t to_server;
};

TEST_CASE("the server's SYN-ACK opens the window to the client, and is acknowledged") {
  const std::vector<ServerRow> servers{
      {"as we offered", hex("020405b4 0402 080a 00001000 00000009 01 030307"), 0x1000, 0, 0},
      {"a larger scale", hex("020405b4 0402 080a 00001000 00000009 01 030309"), 0x1000, 2, 0},
      {"a smaller scale", hex("020405b4 0402 080a 00001000 00000009 01 030302"), 0x1000, -5, 0},
      {"no scale", hex("020405b4 0402 080a 00001000 00000009"), 0x1000, -7, 7},
      {"no time stamps", hex("020405b4 01 030307"), 0, 0, 0},
      {"nothing", {}, 0, -7, 7},
  };
  for (const Ends& ends : kEnds) {
    for (const ServerRow& row : servers) {
      INFO(row.what << " " << ends.version4());
      const Client client(ends, syn_rows()[0]);
      const SynHandshake handshake = client.handshake();
      const Packet syn_ack = placed(ends.server({kSyn | kAck, 5000, 301, 65160, row.said}).build());
      TcpShift shift{client.cookie - 5000, 0, row.to_client, row.to_server};
      if (row.clock != 0) shift.timestamp = cookies().timestamp(kNow) - row.clock;
      CHECK(shift_between(syn_ack, handshake) == shift);

      const auto stamps = [&row](std::uint32_t value, std::uint32_t echo) {
        return row.clock != 0 ? words({0x0101080a, value, echo}) : Bytes();
      };
      const Bytes acked = ends.ours_to_server({kAck, 301, 5001, 502, stamps(9, row.clock)});
      for (const std::size_t size : {acked.size() - 1, acked.size()}) {
        Packet ack;
        ack.data = memory().all().data();
        ack.frame = 64;
        ack.length = static_cast<std::uint16_t>(size);
        REQUIRE(acknowledge_syn(ack, syn_ack, 502) == (size == acked.size()));
        if (size < acked.size()) continue;
        CHECK(to_hex(bytes_in(ack)) == to_hex(acked));
        CHECK(ack.frame == 64);
        check_view(ack, true);
      }

      Packet update = syn_ack;
      open_window(update, handshake);
      const Bytes opened =
          ends.server({kAck, client.cookie + 1, 301, 65160 >> 7, stamps(cookies().timestamp(kNow), 9)}).build();
      CHECK(to_hex(bytes_in(update)) == to_hex(opened));
      check_view(update, false);
    }
  }
}

TEST_CASE("a client that scales no windows gets those of the server as they are") {
  const Client client(kEnds[0], syn_rows()[3]);
  Packet packet = placed(kEnds[0].server({kSyn | kAck, 5000, 301, 65160, hex("020405b4")}).build());
  CHECK(shift_between(packet, client.handshake()) == TcpShift{client.cookie - 5000, 0, 0, 0});
  open_window(packet, client.handshake());
  CHECK(to_hex(bytes_in(packet)) == to_hex(kEnds[0].server({kAck, client.cookie + 1, 301, 65160}).build()));
}

TEST_CASE("VLAN tags stay on what the server gets") {
  PacketBuilder builder;
  const Packet syn_ack =
      placed(builder.ethernet().vlan(5).vlan(6).ipv4().tcp(80, 1024, {kSyn | kAck, 5000, 301}).build());
  Packet ack;
  ack.data = memory().all().data();
  ack.length = 100;
  REQUIRE(acknowledge_syn(ack, syn_ack, 7));
  CHECK(to_hex(slice(bytes_in(ack), 0, 22)) == "0200 0000 0001 0200 0000 0002 8100 0005 8100 0006 0800");
  check_view(ack, true);
}

TEST_CASE("a refusal of the server has the number that the client expects") {
  for (const Ends& ends : kEnds) {
    const Client client(ends, syn_rows()[0]);
    Packet packet = placed(ends.server({kRst | kAck, 0, 301, 0}).build());
    shift_refusal(packet, client.handshake());
    CHECK(to_hex(bytes_in(packet)) == to_hex(ends.server({kRst | kAck, client.cookie + 1, 301, 0}).build()));
  }
}

TEST_CASE("random SYNs and ACKs are answered within their room, by packets that parse takes") {
  const char* given = std::getenv("CULVERT_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  INFO("CULVERT_SEED=" << seed);
  std::mt19937_64 random(seed);
  int completed = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Ends& ends = kEnds[random() % 2];
    const auto word = [&random] { return static_cast<std::uint32_t>(random()); };
    const auto options = [&random] {
      Bytes bytes(random() % 11 * 4);
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % (random() % 4 == 0 ? 256 : 11));
      return bytes;
    };
    const std::uint32_t isn = word();
    Packet syn = parsed(memory().at_end(ends.client({kSyn, isn, word(), 9, options()}).payload(random() % 50).build()));
    REQUIRE(may_answer_syn(syn));
    if (!answer_syn(syn, cookies(), kOffer, kNow, room())) continue;
    ReferenceFields fields = reference_parse(bytes_in(syn));
    REQUIRE(reference_checksum_right(bytes_in(syn), fields));
    const std::uint32_t cookie = get32(bytes_in(syn), ends.tcp() + 4);
    const Bytes ack_bytes = ends.client({kAck, isn + 1, cookie + 1, 9, options()}).payload(random() % 50).build();
    Packet ack = parsed(memory().at_end(ack_bytes));
    const auto handshake = read_cookie_ack(ack, cookies(), kOffer, kNow);
    REQUIRE(handshake.has_value());
    if (!rebuild_syn(ack, *handshake, room())) continue;
    fields = reference_parse(bytes_in(ack));
    REQUIRE(reference_checksum_right(bytes_in(ack), fields));
    // The server's SYN-ACK, of whatever options.
    const Bytes answer = ends.server({kSyn | kAck, word(), isn + 1, 9, options()}).payload(random() % 9).build();
    Packet syn_ack = parsed(memory().at_end(answer));
    Packet acknowledgment;
    acknowledgment.data = memory().all().data();
    acknowledgment.length = 100;
    REQUIRE(acknowledge_syn(acknowledgment, syn_ack, 9));
    REQUIRE(reference_checksum_right(bytes_in(acknowledgment), reference_parse(bytes_in(acknowledgment))));
    open_window(syn_ack, *handshake);
    REQUIRE(reference_checksum_right(bytes_in(syn_ack), reference_parse(bytes_in(syn_ack))));
    ++completed;
  }
  CHECK(completed > 5000);
}

}  // namespace
}  // namespace culvert::test
