// SPDX-License-Identifier: Apache-2.0
// Resets, exact and blind, SYNs that come into a connection, and how a client that has rebooted comes back.
#include "test/sessions/tcp_trace.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

TEST_CASE("a reset with the number that its receiver expects ends the session") {
  play(kHandshake + "c R 1001 : pass reset");
  play(kHandshake + "s R 5001 : pass reset");
  play(kHandshake + "s RA 5001 ack 1001 : pass reset");
  play(kHandshake + "c RA 1001 ack 999999 len 30 : pass reset");
}

TEST_CASE("a reset in the window that is not exact is left to its receiver") {
  play(kHandshake + "c R 1000 : unbelieved established");
  play(kHandshake + "c R 1002 : unbelieved established");
  play(kHandshake + "c R 65003 : unbelieved established");
  play(kHandshake + "s RA 5002 ack 1001 : unbelieved established");
}

TEST_CASE("a reset outside the window is dropped") {
  play(kHandshake + "c R 65004 : drop reset_wrong established");
  play(kHandshake + "c R 2147484650 : drop reset_wrong established");
  play(kHandshake + "s RA 0 ack 1001 win 0 : unbelieved established");  // 0 is within 64 KB below 5001
  play(kHandshake + "s RA 4294000000 ack 1001 : drop reset_wrong established");
}

TEST_CASE("a reset behind data that is still on its way is exact too") {
  play(kHandshake + R"(
    c PA 1001 ack 5001 len 1000 : pass established
    c R 1501 : unbelieved established
    c R 2001 : pass reset)");
  play(kHandshake + R"(
    c PA 1001 ack 5001 len 1000 : pass established
    c R 1001 : pass reset)");
}

TEST_CASE("a receiver that missed the data before a reset asks, and gets an exact one") {
  play(kHandshake + R"(
    c PA 1001 ack 5001 len 1000 : pass established
    c R 2001 : pass reset
    s A 5001 ack 1001 : unbelieved reset
    c R 1001 : unbelieved reset)");
}

TEST_CASE("after a reset only a SYN begins anew; what the reset side still says may only bring it another reset") {
  play(kHandshake + R"(
    c R 1001 : pass reset
    c R 1001 : unbelieved reset
    s R 5001 : unbelieved reset
    c PA 1001 ack 5001 len 10 : drop closed reset
    c FA 1001 ack 5001 : drop closed reset
    s PA 5001 ack 1001 len 10 : unbelieved reset
    s PA 900000 ack 1001 len 10 : drop closed reset
    s A 5001 ack 900000 : drop closed reset
    s SA 5000 ack 1001 : drop closed reset
    c S 77 : renew syn_sent)");
}

TEST_CASE("in SYN-SENT a reset must acknowledge the SYN") {
  const std::string syn = "c S 1000 win 64000 : pass syn_sent\n";
  play(syn + "s RA 0 ack 1001 win 0 : pass reset");
  play(syn + "s R 0 : drop reset_wrong syn_sent");
  play(syn + "s R 1001 : drop reset_wrong syn_sent");
  play(syn + "s RA 0 ack 1000 : drop reset_wrong syn_sent");
  play(syn + "s RA 0 ack 1002 : drop reset_wrong syn_sent");
  play(syn + "c R 1001 : pass reset");
  play(syn + "c R 1002 : drop reset_wrong syn_sent");
  play(syn + "c R 0 : drop reset_wrong syn_sent");
  play("c S 1000 len 50 : pass\n s RA 0 ack 1051 : pass reset");
  play("c S 1000 len 50 : pass\n s RA 0 ack 1001 : pass reset");
}

TEST_CASE("a refused connection can be tried again at once") {
  play(R"(
    c S 1000 win 64000 : pass syn_sent
    s RA 0 ack 1001 win 0 : pass reset
    c S 2000 win 64000 : renew syn_sent
    s SA 5000 ack 2001 : pass syn_received)");
}

TEST_CASE("a client that has given up wants no answer any more") {
  play(R"(
    c S 1000 win 64000 : pass syn_sent
    c R 1001 : pass reset
    s SA 5000 ack 1001 : drop closed reset
    s A 500 ack 1001 : drop closed reset
    s RA 5001 ack 1001 : unbelieved reset)");
}

TEST_CASE("in SYN-RECEIVED both ends may still give up") {
  const std::string half = R"(
    c S 1000 win 64000 : pass syn_sent
    s SA 5000 ack 1001 win 64000 : pass syn_received
    )";
  play(half + "c R 1001 : pass reset");
  play(half + "s R 5001 : pass reset");
  // Its SYN-ACK was lost behind us, and the server has forgotten it since.
  play(half + "s RA 0 ack 1001 win 0 : pass reset");
  play(half + "s RA 0 ack 1002 win 0 : unbelieved syn_received");
  play(half + "c R 1002 : unbelieved syn_received");
  play(half + "c R 900000 : drop reset_wrong syn_received");
}

TEST_CASE("a SYN that comes into a connection changes nothing, whatever its number, and the answer to it passes") {
  play(kHandshake + R"(
    c S 1001 win 64000 scale 7 : unbelieved established
    s A 5001 ack 1001 : pass established
    c S 777777 win 64000 : unbelieved established
    s A 5001 ack 1001 : pass established
    s S 888888 : unbelieved established
    c A 1001 ack 5001 : pass established
    c PA 1001 ack 5001 len 100 : pass established
    s A 5001 ack 1101 : pass established)");
}

TEST_CASE("a SYN-ACK that comes into a connection changes nothing") {
  play(kHandshake + R"(
    s SA 5000 ack 1001 : unbelieved established
    s SA 5001 ack 1001 : drop syn_ack_wrong established
    s SA 777777 ack 1001 : drop syn_ack_wrong established
    s SA 5000 ack 1002 : drop syn_ack_wrong established
    c SA 1000 ack 5001 : unbelieved established
    c SA 777777 ack 5001 : drop syn_ack_wrong established
    c PA 1001 ack 5001 len 100 : pass established)");
}

TEST_CASE("nobody takes over a connection with a SYN and the SYN-ACK to it") {
  play(kHandshake + R"(
    c S 777777 win 64000 : unbelieved established
    s SA 888888 ack 777778 win 64000 : drop syn_ack_wrong established
    c A 777778 ack 888889 : drop out_of_window established
    c PA 1001 ack 5001 len 100 : pass established
    s A 5001 ack 1101 : pass established)");
}

TEST_CASE("a client that has rebooted comes back by challenge ACK and exact reset") {
  play(kHandshake + R"(
    c PA 1001 ack 5001 len 300 : pass established
    s PA 5001 ack 1301 len 300 : pass established
    c S 777777 win 64000 scale 7 : unbelieved established
    s A 5301 ack 1301 : pass established
    c R 1301 : pass reset
    c S 777777 win 64000 scale 7 : renew syn_sent
    s SA 999999 ack 777778 win 64000 scale 7 : pass syn_received
    c A 777778 ack 1000000 : pass established)");
}

TEST_CASE("a server without the connection may refuse the SYN, which does not end the connection") {
  play(kHandshake + R"(
    c S 777777 win 64000 : unbelieved established
    s RA 0 ack 777777 win 0 : unbelieved established
    s RA 0 ack 777778 win 0 : unbelieved established
    c PA 1001 ack 5001 len 100 : pass established)");
  play(R"(
    c S 1000 win 100 : pass
    s SA 900000 ack 1001 win 100 : pass
    c A 1001 ack 900001 : pass
    c S 777777 win 100 : unbelieved established
    s RA 0 ack 777777 win 0 : drop reset_wrong established
    s RA 0 ack 777778 win 0 : unbelieved established
    c RA 0 ack 777778 win 0 : unbelieved established)");
}

TEST_CASE("of two SYNs that come into a connection the answer to the last one passes") {
  play(kHandshake + R"(
    c S 777777 win 64000 : unbelieved established
    s S 888888 win 64000 : unbelieved established
    s RA 900000 ack 777778 : drop reset_wrong established
    s RA 900000 ack 888889 : drop reset_wrong established
    c RA 900000 ack 888889 : unbelieved established)");
}

TEST_CASE("a server that has rebooted resets what it does not know") {
  play(kHandshake + R"(
    c PA 1001 ack 5001 len 300 : pass established
    s R 5001 win 0 : pass reset
    c S 777777 win 64000 : renew syn_sent)");
}

TEST_CASE("a reset ends a connection that is closing, too") {
  play(kHandshake + R"(
    c FA 1001 ack 5001 : pass fin_wait
    c R 1002 : pass reset)");
  play(kHandshake + R"(
    c FA 1001 ack 5001 : pass fin_wait
    s A 5001 ack 1002 : pass fin_wait
    s PA 5001 ack 1002 len 100 : pass fin_wait
    c R 5001 : unbelieved fin_wait
    c R 1002 : pass reset)");
}

}  // namespace
}  // namespace culvert::test
