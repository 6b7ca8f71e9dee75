// SPDX-License-Identifier: Apache-2.0
// How sessions begin, and what may not come before they have.
#include "test/sessions/tcp_trace.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

TEST_CASE("a connection is opened, used in both directions and closed") {
  play(kHandshake + R"(
    c PA 1001 ack 5001 len 100 : pass established
    s A 5001 ack 1101 : pass established
    s PA 5001 ack 1101 len 1400 : pass established
    s PA 6401 ack 1101 len 1400 : pass established
    c A 1101 ack 7801 : pass established
    c FA 1101 ack 7801 : pass fin_wait
    s A 7801 ack 1102 : pass fin_wait
    s FA 7801 ack 1102 : pass closing
    c A 1102 ack 7802 : pass time_wait)");
}

TEST_CASE("the last ACK of the handshake may carry data, and must acknowledge the server's SYN") {
  const std::string half = R"(
    c S 1000 win 64000 scale 7 sackok : pass syn_sent
    s SA 5000 ack 1001 win 64000 scale 7 sackok : pass syn_received
    )";
  play(half + "c PA 1001 ack 5001 len 500 : pass established");
  play(half + "c A 1001 ack 5000 : drop ack_old syn_received");
  play(half + "c A 1001 ack 5002 : drop ack_unsent syn_received");
  play(half + "c A 1001 ack 4294000000 : drop ack_old syn_received");
  play(half + "c PA 70000 ack 5001 len 500 : drop out_of_window syn_received");
}

TEST_CASE("flags that exclude each other, and none, are dropped in every state") {
  const std::string nonsense = R"(
    c - 1001 : drop bad_flags
    c P 1001 len 10 : drop bad_flags
    c U 1001 len 10 : drop bad_flags
    c F 1001 : drop bad_flags
    c FPU 1001 : drop bad_flags
    c SF 1001 : drop bad_flags
    c SFA 1001 ack 5001 : drop bad_flags
    c SR 1001 : drop bad_flags
    c SRA 1001 ack 5001 : drop bad_flags
    c RF 1001 : drop bad_flags
    c RFA 1001 ack 5001 : drop bad_flags
    c SFRPAU 1001 ack 5001 : drop bad_flags)";
  play(kHandshake + nonsense + " established");
  play("c S 1000 : pass syn_sent" + nonsense + " syn_sent");
  play(kHandshake + "s R 5001 : pass reset" + nonsense + " reset");
  for (const char* first : {"c - 1", "c F 1", "c P 1 len 1", "c SF 1", "c SR 1", "c RFA 1 ack 1"}) {
    play(std::string(first) + " : drop bad_flags", TcpPickUp::kMidStream);
  }
}

TEST_CASE("only a SYN opens a session, unless the policy picks up connections in mid-stream") {
  for (const char* first : {"c A 1 ack 1", "c PA 1 ack 1 len 10", "c FA 1 ack 1", "c SA 1 ack 1"}) {
    play(std::string(first) + " : drop no_syn");
    play(std::string(first) + " : pass", TcpPickUp::kMidStream);
  }
  for (const char* first : {"c R 1", "c RA 1 ack 1"}) {
    play(std::string(first) + " : drop no_syn");
    play(std::string(first) + " : drop no_syn", TcpPickUp::kMidStream);
  }
}

TEST_CASE("a SYN is repeated until it is answered, and so is the SYN-ACK") {
  play(R"(
    c S 1000 win 64000 scale 7 sackok : pass syn_sent
    c S 1000 win 64000 scale 7 sackok : pass syn_sent
    s SA 5000 ack 1001 win 64000 scale 7 sackok : pass syn_received
    c S 1000 win 64000 scale 7 sackok : pass syn_received
    s SA 5000 ack 1001 win 64000 scale 7 sackok : pass syn_received
    s SA 5000 ack 1001 win 64000 scale 7 sackok : pass syn_received
    c A 1001 ack 5001 : pass established
    s SA 5000 ack 1001 win 64000 scale 7 sackok : unbelieved established
    c A 1001 ack 5001 : pass established
    c A 1001 ack 5001 len 64000 : pass established
    c A 65001 ack 5001 len 3 : drop out_of_window)");
}

TEST_CASE("a client that gives up and begins again from the same port is asked for anew") {
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    c S 900000 win 64000 scale 7 : renew syn_sent
    s SA 5000 ack 1001 win 64000 scale 7 : drop syn_ack_wrong syn_sent
    s SA 5000 ack 900001 win 64000 scale 7 : pass syn_received
    c A 900001 ack 5001 : pass established)");
}

TEST_CASE("a SYN with another number after the SYN-ACK changes nothing until the first attempt is reset") {
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    s SA 5000 ack 1001 win 64000 scale 7 : pass syn_received
    c S 900000 win 64000 scale 7 : unbelieved syn_received
    s SA 5000 ack 1001 win 64000 scale 7 : pass syn_received
    c R 1001 : pass reset
    c S 900000 win 64000 scale 7 : renew syn_sent
    s SA 8000 ack 900001 win 64000 scale 7 : pass syn_received)");
}

TEST_CASE("a SYN-ACK must answer the SYN exactly") {
  const std::string syn = "c S 1000 win 64000 scale 7 : pass syn_sent\n";
  play(syn + "s SA 5000 ack 1000 : drop syn_ack_wrong syn_sent");
  play(syn + "s SA 5000 ack 1002 : drop syn_ack_wrong syn_sent");
  play(syn + "s SA 5000 ack 0 : drop syn_ack_wrong syn_sent");
  play(syn + "s SA 5000 ack 2147484649 : drop syn_ack_wrong syn_sent");
  play(syn + "s SA 5000 ack 1001 : pass syn_received");
  play(syn + "c SA 1000 ack 5001 : drop syn_ack_wrong syn_sent");
}

TEST_CASE("a server without memory may answer a repeated SYN with another number, and the last one counts") {
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    s SA 5000 ack 1001 win 64000 scale 7 : pass syn_received
    c S 1000 win 64000 scale 7 : pass syn_received
    s SA 770000 ack 1001 win 64000 scale 7 : pass syn_received
    s SA 880000 ack 1002 win 64000 scale 7 : drop syn_ack_wrong syn_received
    c A 1001 ack 5001 : drop ack_old syn_received
    c A 1001 ack 770001 : pass established
    s A 770001 ack 1001 len 64000 : pass established
    s A 834001 ack 1001 len 3 : drop out_of_window)");
  play(R"(
    c S 1000 win 64000 : pass syn_sent
    s SA 5000 ack 1001 win 1000 : pass syn_received
    s SA 770000 ack 1001 win 1000 scale 9 : pass syn_received
    c A 1001 ack 770001 len 1003 : drop out_of_window
    c A 1001 ack 770001 len 1002 : pass established)");
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    s SA 5000 ack 1001 win 500 scale 7 : pass syn_received
    s SA 770000 ack 1001 win 1000 scale 7 : pass syn_received
    c A 1001 ack 770001 len 1027 : drop out_of_window
    c A 1001 ack 770001 len 1026 : pass established)");
}

TEST_CASE("both ends may open at once") {
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    s S 5000 win 64000 scale 7 : pass syn_received
    c S 1000 win 64000 scale 7 : pass syn_received
    s S 5000 win 64000 scale 7 : pass syn_received
    c SA 1000 ack 5001 win 64000 scale 7 : pass syn_received
    c SA 1000 ack 5002 win 64000 scale 7 : drop syn_ack_wrong syn_received
    s SA 5000 ack 1001 win 64000 scale 7 : pass established
    c PA 1001 ack 5001 len 100 : pass established
    s PA 5001 ack 1101 len 100 : pass established)");
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    s S 5000 win 64000 scale 7 : pass syn_received
    s A 5001 ack 1001 : pass syn_received
    s SA 5000 ack 1001 : pass syn_received
    c A 1001 ack 5001 : pass established)");
}

TEST_CASE("in a simultaneous open the answers must answer, too") {
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    s S 5000 win 64000 scale 7 : pass syn_received
    c SA 1000 ack 5000 : drop syn_ack_wrong syn_received
    c SA 1000 ack 5002 : drop syn_ack_wrong syn_received
    c SA 1001 ack 5001 : drop syn_ack_wrong syn_received
    c A 1001 ack 5000 : drop ack_old syn_received
    s A 5001 ack 1002 : drop ack_unsent syn_received)");
}

TEST_CASE("nothing but a bare ACK comes before the handshake") {
  play(R"(
    c S 1000 win 64000 : pass syn_sent
    c PA 1001 ack 5001 len 10 : drop no_handshake syn_sent
    c A 1001 ack 5001 : drop no_handshake syn_sent
    c FA 1001 ack 5001 : drop no_handshake syn_sent
    s PA 5001 ack 1001 len 10 : drop no_handshake syn_sent
    s FA 5001 ack 1001 : drop no_handshake syn_sent)");
}

TEST_CASE("a server that still has an older connection says so, and the client resets it and goes on") {
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    s A 700000 ack 800000 : unbelieved syn_sent
    c R 800001 : drop reset_wrong syn_sent
    c R 800000 : unbelieved syn_sent
    c S 1000 win 64000 scale 7 : pass syn_sent
    s SA 5000 ack 1001 win 64000 scale 7 : pass syn_received
    c A 1001 ack 5001 : pass established)");
}

TEST_CASE("data on the SYN passes, taken or not (TCP Fast Open)") {
  const std::string syn = "c S 1000 len 500 win 64000 scale 7 : pass syn_sent\n";
  play(syn + R"(
    s SA 5000 ack 1501 win 64000 scale 7 : pass syn_received
    s PA 5001 ack 1501 len 1400 : pass syn_received
    s PA 6401 ack 1501 len 1400 : pass syn_received
    c S 1000 len 500 win 64000 scale 7 : pass syn_received
    s SA 5000 ack 1501 win 64000 scale 7 : pass syn_received
    c A 1501 ack 7801 : pass established)");
  play(syn + R"(
    s SA 5000 ack 1001 win 64000 scale 7 : pass syn_received
    c PA 1001 ack 5001 len 500 : pass established
    s A 5001 ack 1501 : pass established)");
  play(syn + "s SA 5000 ack 1300 : pass syn_received");
  play(syn + "s SA 5000 ack 1502 : drop syn_ack_wrong syn_sent");
  play(syn + R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    s SA 5000 ack 1001 win 64000 scale 7 : pass syn_received
    c S 1000 win 64000 scale 7 : pass syn_received
    c S 1000 len 500 win 64000 scale 7 : pass syn_received
    c A 1001 ack 5001 : pass established)");
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    c S 1000 len 500 win 64000 scale 7 : pass syn_sent
    s SA 5000 ack 1501 win 64000 scale 7 : pass syn_received)");
}

TEST_CASE("the data that a server sends before the handshake is over stays in the window of the SYN") {
  play(R"(
    c S 1000 len 10 win 3000 scale 7 : pass syn_sent
    s SA 5000 ack 1011 win 64000 scale 7 : pass syn_received
    s A 5001 ack 1011 len 3072 : pass syn_received
    s A 8073 ack 1011 len 3 : drop out_of_window
    c A 1011 ack 8073 : pass established)");
}

TEST_CASE("FIN with the last ACK of the handshake closes one direction") {
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    s SA 5000 ack 1001 win 64000 scale 7 : pass syn_received
    c FA 1001 ack 5001 len 20 : pass fin_wait
    s A 5001 ack 1022 : pass fin_wait)");
}

}  // namespace
}  // namespace culvert::test
