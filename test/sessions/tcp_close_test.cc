// SPDX-License-Identifier: Apache-2.0
// How connections end, and how the same ports are used again.
#include "test/sessions/tcp_trace.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

const std::string kTimeWaitTrace = kHandshake + R"(
    c FA 1001 ack 5001 : pass fin_wait
    s FA 5001 ack 1002 : pass closing
    c A 1002 ack 5002 : pass time_wait
    )";

TEST_CASE("half a connection is closed, and the other half goes on for as long as it likes") {
  play(kHandshake + R"(
    c FA 1001 ack 5001 : pass fin_wait
    s A 5001 ack 1002 : pass fin_wait
    s A 5001 ack 1002 len 60000 : pass fin_wait
    c A 1002 ack 65001 : pass fin_wait
    s A 65001 ack 1002 len 60000 : pass fin_wait
    c A 1002 ack 125001 : pass fin_wait
    s FA 125001 ack 1002 : pass closing
    c A 1002 ack 125002 : pass time_wait)");
}

TEST_CASE("a FIN with data counts once, and is repeated until it is acknowledged") {
  play(kHandshake + R"(
    c FPA 1001 ack 5001 len 100 : pass fin_wait
    c FPA 1001 ack 5001 len 100 : pass fin_wait
    c FA 1101 ack 5001 : pass fin_wait
    s A 5001 ack 1101 : pass fin_wait
    s A 5001 ack 1102 : pass fin_wait
    s A 5001 ack 1103 : drop ack_unsent fin_wait)");
}

TEST_CASE("both ends may close at once") {
  play(kHandshake + R"(
    c FA 1001 ack 5001 : pass fin_wait
    s FA 5001 ack 1001 : pass closing
    c A 1002 ack 5002 : pass closing
    s A 5002 ack 1002 : pass time_wait)");
}

TEST_CASE("in TIME-WAIT a FIN is repeated and acknowledged again") {
  play(kTimeWaitTrace + R"(
    s FA 5001 ack 1002 : pass time_wait
    c A 1002 ack 5002 : pass time_wait
    c FA 1001 ack 5001 : pass time_wait
    c PA 700000 ack 5002 len 10 : drop out_of_window time_wait)");
}

TEST_CASE("a FIN that arrives before the data in front of it changes nothing for the data") {
  play(kHandshake + R"(
    c FA 2001 ack 5001 : pass fin_wait
    c PA 1001 ack 5001 len 1000 : pass fin_wait
    s A 5001 ack 2002 : pass fin_wait)");
}

TEST_CASE("an old FIN below what was sent since is none") {
  play(kHandshake + R"(
    c PA 1001 ack 5001 len 1000 : pass established
    c FA 1201 ack 5001 : pass established)");
}

TEST_CASE("data behind a FIN shows that it was none") {
  play(kHandshake + R"(
    c FA 1001 ack 5001 : pass fin_wait
    c PA 1001 ack 5001 len 1000 : pass established)");
}

TEST_CASE("a SYN above everything that the old connection has used renews it in TIME-WAIT") {
  play(kTimeWaitTrace + "c S 1002 win 64000 : renew syn_sent");
  play(kTimeWaitTrace + "c S 900000 win 64000 : renew syn_sent");
  play(kTimeWaitTrace + "s S 900000 win 64000 : renew syn_sent");
  play(kTimeWaitTrace + R"(
    c S 900000 win 64000 scale 7 : renew syn_sent
    s SA 7 ack 900001 win 64000 scale 7 : pass syn_received
    c A 900001 ack 8 : pass established)");
}

TEST_CASE("in TIME-WAIT a SYN from below is left to its receiver, who knows time stamps") {
  play(kTimeWaitTrace + R"(
    c S 1001 win 64000 : unbelieved time_wait
    c S 1000 win 64000 : unbelieved time_wait
    s A 5002 ack 1002 : pass time_wait
    c R 1002 : pass reset
    c S 1000 win 64000 : renew syn_sent)");
}

TEST_CASE("before both FINs are acknowledged a SYN renews nothing") {
  play(kHandshake + R"(
    c FA 1001 ack 5001 : pass fin_wait
    c S 900000 win 64000 : unbelieved fin_wait
    s FA 5001 ack 1002 : pass closing
    c S 900000 win 64000 : unbelieved closing
    s A 5002 ack 1002 : pass closing
    c R 1002 : pass reset
    c S 900000 win 64000 : renew syn_sent)");
}

TEST_CASE("a SYN that was held back by the network and comes late changes nothing") {
  play(kHandshake + R"(
    c PA 1001 ack 5001 len 100 : pass established
    c S 1000 win 64000 scale 7 sackok : unbelieved established
    s A 5001 ack 1101 : pass established)");
}

}  // namespace
}  // namespace culvert::test
