// SPDX-License-Identifier: Apache-2.0
// What an established connection may send now: the four bounds to the byte, scales, probes.
#include "test/sessions/tcp_trace.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

TEST_CASE("data reaches as far as the other side's window, and two further for a probe with FIN") {
  play(kHandshake + "c A 1001 ack 5001 len 64000 : pass");
  play(kHandshake + "c A 1003 ack 5001 len 64000 : pass");
  play(kHandshake + "c A 1004 ack 5001 len 64000 : drop out_of_window");
  play(kHandshake + "c A 65003 ack 5001 : pass");
  play(kHandshake + "c A 65004 ack 5001 : drop out_of_window");
  play(kHandshake + "c A 2147484648 ack 5001 : drop out_of_window");
  play(kHandshake + "s A 5003 ack 1001 len 64000 : pass");
  play(kHandshake + "s A 5004 ack 1001 len 64000 : drop out_of_window");
}

TEST_CASE("a retransmission is not older than a window, or 64 KB") {
  const std::string sent = kHandshake + R"(
    c A 1001 ack 5001 len 60000 : pass
    s A 5001 ack 61001 : pass
    c A 61001 ack 5001 len 64000 : pass
    )";  // the client's end is 125001 now
  play(sent + "c A 61001 ack 5001 len 1400 : pass");
  play(sent + "c A 59000 ack 5001 len 463 : pass");
  play(sent + "c A 59463 ack 5001 : pass");
  play(sent + "c A 59462 ack 5001 : drop out_of_window");
  play(sent + "c A 59000 ack 5001 len 462 : drop out_of_window");
}

TEST_CASE("a large window makes older retransmissions possible") {
  play(R"(
    c S 1000 win 64000 scale 10 : pass
    s SA 5000 ack 1001 win 64000 scale 10 : pass
    c A 1001 ack 5001 win 1000 : pass
    s A 5001 ack 1001 win 1000 : pass
    c A 900000 ack 5001 len 65000 : pass
    c A 1001 ack 5001 len 100 : pass
    c A 1024000 ack 5001 len 1003 : pass
    c A 1024000 ack 5001 len 1004 : drop out_of_window
    s A 5001 ack 1025003 win 1000 : pass
    c A 1025003 ack 5001 len 65000 : pass
    c A 65000 ack 5001 len 1001 : pass
    c A 65000 ack 5001 len 1000 : drop out_of_window)");
}

TEST_CASE("what was never sent cannot be acknowledged") {
  play(kHandshake + R"(
    c A 1001 ack 5002 : drop ack_unsent
    c PA 1001 ack 5002 len 10 : drop ack_unsent
    s A 5001 ack 1002 : drop ack_unsent
    c A 1001 ack 5001 len 10 : pass
    s A 5001 ack 1011 : pass
    s A 5001 ack 1012 : drop ack_unsent
    s A 5001 ack 2147484000 : drop ack_unsent)");
}

TEST_CASE("an acknowledgment is not older than a window, or 64 KB") {
  const std::string sent = kHandshake + R"(
    s A 5001 ack 1001 len 60000 : pass
    c A 1001 ack 65001 : pass
    s A 65001 ack 1001 len 60000 : pass
    c A 1001 ack 125001 : pass
    )";
  play(sent + "c A 1001 ack 65001 : pass");
  play(sent + "c A 1001 ack 59465 : pass");
  play(sent + "c A 1001 ack 59464 : drop ack_old");
  play(sent + "c PA 1001 ack 5001 len 100 : drop ack_old");
}

TEST_CASE("an acknowledgment that was overtaken does not take back a newer one") {
  const std::string sent = kHandshake + R"(
    s A 5001 ack 1001 len 1000 : pass
    c A 1001 ack 6001 : pass
    c A 1001 ack 5001 : pass
    )";
  play(sent + "s R 5001 : unbelieved established");
  play(sent + "s A 6001 ack 1001 len 64002 : pass");
}

TEST_CASE("selective acknowledgments count when both ends permitted them") {
  const std::string sent = R"(
    c A 1001 ack 5001 len 1000 : pass
    c A 3001 ack 5001 len 1000 : pass
    s A 5001 ack 2001 sack 4001 : pass
    )";
  play(kHandshake + sent + "s A 5001 ack 2001 sack 4002 : drop ack_unsent");
  play(kHandshake + sent + "s PA 5001 ack 2001 len 100 sack 900000 : drop ack_unsent");
  // Below the acknowledgment: a duplicate is reported (RFC 2883).
  play(kHandshake + sent + "s A 5001 ack 4001 sack 1500 : pass");
  play(R"(
    c S 1000 win 64000 scale 7 : pass
    s SA 5000 ack 1001 win 64000 scale 7 sackok : pass
    c A 1001 ack 5001 : pass)" +
       sent + "s A 5001 ack 2001 sack 900000 : pass");
}

TEST_CASE("a selective acknowledgment is no promise: what the receiver expects stays where it is") {
  play(kHandshake + R"(
    c A 1001 ack 5001 len 1000 : pass
    c A 3001 ack 5001 len 1000 : pass
    s A 5001 ack 1001 sack 4001 : pass
    c A 1004 ack 5001 len 64000 : drop out_of_window
    c R 1001 : pass reset)");
}

TEST_CASE("windows are scaled only if both ends offered it") {
  const std::string client_only = R"(
    c S 1000 win 60000 scale 7 : pass
    s SA 5000 ack 1001 win 1000 : pass
    c A 1001 ack 5001 win 60000 : pass
    )";
  play(client_only + "s A 5001 ack 1001 len 60002 : pass");
  play(client_only + "s A 5001 ack 1001 len 60003 : drop out_of_window");
  play(client_only + "c A 1001 ack 5001 len 1002 : pass");
  play(client_only + "c A 1001 ack 5001 len 1003 : drop out_of_window");
  const std::string server_only = R"(
    c S 1000 win 60000 : pass
    s SA 5000 ack 1001 win 1000 scale 9 : pass
    c A 1001 ack 5001 win 60000 : pass
    )";
  play(server_only + "s A 5001 ack 1001 len 60002 : pass");
  play(server_only + "s A 5001 ack 1001 len 60003 : drop out_of_window");
  play(server_only + "c A 1001 ack 5001 len 1003 : drop out_of_window");
}

TEST_CASE("each direction has its own scale, and a scale of zero is one") {
  const std::string open = R"(
    c S 1000 win 1000 scale 0 : pass
    s SA 5000 ack 1001 win 1000 scale 3 : pass
    c A 1001 ack 5001 win 2000 : pass
    s A 5001 ack 1001 win 2000 : pass
    )";
  play(open + "c A 1001 ack 5001 len 16002 : pass");
  play(open + "c A 1001 ack 5001 len 16003 : drop out_of_window");
  play(open + "s A 5001 ack 1001 len 2002 : pass");
  play(open + "s A 5001 ack 1001 len 2003 : drop out_of_window");
}

TEST_CASE("the window of a SYN is not scaled, but counted in whole units") {
  const std::string open = R"(
    c S 1000 win 1000 scale 7 : pass
    s SA 5000 ack 1001 win 1000 scale 7 : pass
    )";
  play(open + "c A 1001 ack 5001 win 0 len 1026 : pass");  // 8 units are 1024
  play(open + "c A 1001 ack 5001 win 0 len 1027 : drop out_of_window");
}

TEST_CASE("options that a repeated SYN has lost still count when the answer has them") {
  play(R"(
    c S 1000 win 64000 scale 7 sackok : pass
    c S 1000 win 64000 : pass
    s SA 5000 ack 1001 win 64000 scale 7 sackok : pass
    c A 1001 ack 5001 win 1000 : pass
    s A 5001 ack 1001 win 500 len 60000 : pass
    s A 65001 ack 1001 win 500 len 60000 : pass)");
  play(R"(
    c S 1000 win 64000 : pass
    c S 1000 win 64000 scale 7 : pass
    s SA 5000 ack 1001 win 64000 scale 7 : pass
    c A 1001 ack 5001 win 1000 : pass
    s A 5001 ack 1001 win 500 len 60000 : pass
    s A 65001 ack 1001 win 500 len 60000 : pass)");
  play(R"(
    c S 1000 win 1000 scale 0 : pass
    c S 1000 win 60000 scale 0 sackok : pass
    s SA 5000 ack 1001 win 1000 scale 0 sackok : pass
    s A 5001 ack 1001 len 60000 : pass
    c A 1001 ack 5001 sack 65002 : drop ack_unsent
    c A 1001 ack 5001 sack 65001 : pass)");
}

TEST_CASE("a window that closes is probed, and opens again") {
  play(R"(
    c S 1000 win 64000 : pass
    s SA 5000 ack 1001 win 2000 : pass
    c A 1001 ack 5001 win 64000 len 2000 : pass
    s A 5001 ack 3001 win 0 : pass
    c A 3000 ack 5001 win 64000 : pass
    s A 5001 ack 3001 win 0 : pass
    c A 3001 ack 5001 win 64000 len 1 : pass
    s A 5001 ack 3001 win 0 : pass
    s A 5001 ack 3001 win 2000 : pass
    c A 3001 ack 5001 win 64000 len 2000 : pass)");
}

TEST_CASE("a server that takes nothing at first may be probed") {
  play(R"(
    c S 1000 win 64000 : pass
    s SA 5000 ack 1001 win 0 : pass
    c A 1001 ack 5001 win 64000 : pass
    c A 1001 ack 5001 win 64000 len 1 : pass
    c FA 1001 ack 5001 win 64000 len 1 : pass
    c A 1001 ack 5001 win 64000 len 3 : drop out_of_window
    c A 1000 ack 5001 win 64000 : pass
    s A 5001 ack 1003 win 1000 : pass)");
}

TEST_CASE("keep-alives pass, with one byte of nothing or without") {
  play(kHandshake + R"(
    c A 1001 ack 5001 len 100 : pass
    s A 5001 ack 1101 : pass
    c A 1100 ack 5001 : pass
    s A 5001 ack 1101 : pass
    c A 1100 ack 5001 len 1 : pass
    s A 5000 ack 1101 : pass
    c A 1101 ack 5001 : pass
    s A 5000 ack 1101 len 1 : pass established)");
}

TEST_CASE("urgent data and pushes are data") {
  play(kHandshake + R"(
    c PAU 1001 ack 5001 len 10 : pass
    s AU 5001 ack 1011 len 1 : pass established)");
}

TEST_CASE("a segment that is dropped takes nothing with it: the next genuine one passes") {
  play(kHandshake + R"(
    c PA 3000000 ack 5001 len 1000 : drop out_of_window
    c FA 3000000 ack 5001 : drop out_of_window
    s PA 5001 ack 3000000 len 1000 win 65535 : drop ack_unsent
    c PA 1001 ack 5001 len 64000 : pass
    s A 5001 ack 65001 : pass established)");
}

}  // namespace
}  // namespace culvert::test
