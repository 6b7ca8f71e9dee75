// SPDX-License-Identifier: Apache-2.0
// Sessions picked up in mid-stream, and sessions whose numbers are out of date.
#include "test/sessions/tcp_trace.h"
#include "test/support/catch.h"

namespace culvert::test {
namespace {

TEST_CASE("a connection is picked up in mid-stream from both directions and then guarded") {
  play(R"(
    c PA 1000000 ack 2000000 len 100 win 3 : pass syn_sent
    c PA 1000100 ack 2000000 len 100 win 3 : pass syn_sent
    s A 2000000 ack 1000200 win 3 : pass established
    s PA 2000000 ack 1000200 len 1400 win 3 : pass established
    c A 1000200 ack 2001400 win 3 : pass established
    c PA 500000000 ack 2001400 len 10 win 3 : drop out_of_window established
    s PA 2001400 ack 500000000 len 10 win 3 : drop ack_unsent established
    c R 500000000 : drop reset_wrong established
    c R 1000201 : unbelieved established
    c R 1000200 : pass reset)",
       TcpPickUp::kMidStream);
}

TEST_CASE("a connection that is picked up closes like any other") {
  play(R"(
    s A 2000000 ack 1000000 win 3 : pass syn_sent
    c PA 1000000 ack 2000000 len 100 win 3 : pass established
    c FA 1000100 ack 2000000 win 3 : pass fin_wait
    s FA 2000000 ack 1000101 win 3 : pass closing
    c A 1000101 ack 2000001 win 3 : pass time_wait
    c S 900000000 : renew syn_sent)",
       TcpPickUp::kMidStream);
}

TEST_CASE("what was sent before the pick-up shows when it is acknowledged") {
  // The client repeats one lost segment; the server has everything behind it already.
  play(R"(
    c A 1000000 ack 2000000 len 100 win 3 : pass
    s A 2000000 ack 1040000 win 3 : pass established
    c PA 1040000 ack 2000000 len 100 win 3 : pass established)",
       TcpPickUp::kMidStream);
  play(R"(
    c A 1000000 ack 2000000 len 100 win 3 : pass
    s A 2000000 ack 1000000 win 3 : pass established
    s A 2000000 ack 1000000 sack 1040000 win 3 : pass established
    s A 2000000 ack 1040000 win 3 : pass established
    c PA 1040000 ack 2000000 len 100 win 3 : pass established)",
       TcpPickUp::kMidStream);
}

TEST_CASE("a client that scanned with an ACK may still open a connection") {
  play(R"(
    c A 1 ack 1 : pass syn_sent
    c S 1000 win 64000 : renew syn_sent
    s SA 5000 ack 1001 win 64000 : pass syn_received)",
       TcpPickUp::kMidStream);
  play("c A 1 ack 1 : pass syn_sent\nc S 1 win 64000 : renew syn_sent", TcpPickUp::kMidStream);
}

TEST_CASE("a scale that nobody saw may be the largest") {
  play(R"(
    c A 1000000 ack 2000000 win 100 : pass syn_sent
    s A 2000000 ack 1000000 win 100 : pass established
    c A 2000000 ack 2000000 len 1000 : pass established
    s A 3000000 ack 1000000 len 1000 : pass established)",
       TcpPickUp::kMidStream);
}

TEST_CASE("two sides agree when each is within the other's reach, and are guarded from then on") {
  const std::string client = "c PA 1000000 ack 2000000 len 100 win 3 : pass\n";
  const std::string guarded = "c PA 500000000 ack 2000000 len 10 win 3 : drop out_of_window established";
  for (const char* server : {"s PA 2000000 ack 1000100 len 1400 win 3", "s A 2000000 ack 1000000 win 3",
                             "s A 1900000 ack 1000100 win 3", "s A 2000000 ack 800100 win 10"}) {
    play(client + server + " : pass established\n" + guarded, TcpPickUp::kMidStream);
  }
}

TEST_CASE("no reset is believed while the numbers are out of date") {
  play(kHandshake + R"(
    learn
    c R 1001 : unbelieved established
    s R 5001 : unbelieved established
    c A 700000 ack 800000 : pass established
    c R 700000 : unbelieved established
    s R 800000 : unbelieved established
    s A 800000 ack 700000 : pass established
    s R 700000 : drop reset_wrong established
    s R 800000 : pass reset)");
}

TEST_CASE("after a time without us both sides are learnt anew, and guarded again") {
  play(kHandshake + R"(
    learn
    s PA 900000 ack 300000 len 1000 : pass established
    s PA 901000 ack 300000 len 1000 : pass established
    c A 300000 ack 902000 : pass established
    c PA 300000 ack 902000 len 1000 : pass established
    c PA 1001 ack 5001 len 10 : drop out_of_window established
    s PA 5001 ack 1001 len 10 : drop out_of_window established
    s A 902000 ack 301000 : pass established)");
}

TEST_CASE("what is learnt keeps the scales, so that the window is as wide as before and twice that") {
  const std::string learnt = kHandshake + R"(
    learn
    c A 300000 ack 900000 : pass
    s A 900000 ack 300000 : pass
    )";  // the window is 64000, the reach 65536
  play(learnt + "c A 365000 ack 900000 len 64538 : pass");
  play(learnt + "c A 365000 ack 900000 len 64539 : drop out_of_window");
  play(learnt + "s A 965000 ack 300000 len 64538 : pass");
  play(learnt + "s A 965000 ack 300000 len 64539 : drop out_of_window");
  play(learnt + "s A 900000 ack 431072 : pass");
  play(learnt + "s A 900000 ack 431073 : drop ack_unsent");
}

TEST_CASE("when two sides contradict each other while they are learnt, neither is shut out") {
  play(kHandshake + R"(
    learn
    c PA 111111111 ack 222222222 len 10 : pass established
    s A 900000 ack 300000 : pass established
    c PA 300000 ack 900000 len 10 : pass established
    s A 900000 ack 300010 : pass established
    c PA 111111121 ack 222222222 len 10 : drop out_of_window established
    c PA 300010 ack 900000 len 10 : pass established)");
  play(kHandshake + R"(
    learn
    c PA 300000 ack 900000 len 10 : pass established
    s A 900000 ack 555555555 : pass established
    c PA 300010 ack 900000 len 10 : pass established
    s A 900000 ack 300020 : pass established)");
}

TEST_CASE("what is known of FINs stays when the numbers are out of date") {
  play(kHandshake + R"(
    c FA 1001 ack 5001 : pass fin_wait
    learn
    s A 5001 ack 1002 len 1000 : pass fin_wait
    c A 1002 ack 6001 : pass fin_wait
    s FA 6001 ack 1002 : pass closing
    c A 1002 ack 6002 : pass time_wait
    learn
    c A 1002 ack 6002 : pass time_wait
    s A 6002 ack 1002 : pass time_wait)");
}

TEST_CASE("a FIN is the end, although what lies in front of it is learnt") {
  play(kHandshake + R"(
    learn
    c FA 300000 ack 900000 : pass fin_wait
    s A 900000 ack 300001 : pass fin_wait
    s A 900000 ack 300002 : drop ack_unsent fin_wait)");
  play(kHandshake + R"(
    c PA 1001 ack 5001 len 100 : pass established
    c FA 1101 ack 5001 : pass fin_wait
    learn
    s A 5001 ack 1001 : pass fin_wait
    c PA 1001 ack 5001 len 100 : pass fin_wait
    s A 5001 ack 1102 : pass fin_wait
    s A 5001 ack 1103 : drop ack_unsent fin_wait)");
}

TEST_CASE("a session that was half open when nobody looked goes on") {
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    learn
    s PA 5001 ack 1001 len 1400 : pass
    c A 1001 ack 6401 : pass established
    c PA 1001 ack 6401 len 100 : pass established)");
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    learn
    s SA 5000 ack 1001 win 64000 scale 7 : pass syn_received
    c A 1001 ack 5001 : pass established)");
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    learn
    c PA 1001 ack 5001 len 100 : pass syn_sent
    c S 1000 win 64000 scale 7 : unbelieved syn_sent
    s A 5001 ack 1101 : pass established)");
  // What scale the answer had, nobody saw; and who opens does not matter.
  play(R"(
    c S 1000 win 64000 scale 7 : pass syn_sent
    learn
    s A 5001 ack 1001 win 500 : pass syn_received
    c A 1001 ack 5001 : pass established
    c A 1000000 ack 5001 len 1000 : pass established)");
  play(R"(
    s S 1000 win 64000 scale 7 : pass syn_sent
    learn
    c A 5001 ack 1001 win 500 : pass syn_received
    s A 1001 ack 5001 : pass established
    s A 1000000 ack 5001 len 1000 : pass established)");
}

TEST_CASE("a client that reboots while nobody looks comes back to a server that has forgotten, too") {
  play(kHandshake + R"(
    learn
    c S 777777 win 64000 scale 7 : unbelieved established
    s SA 999999 ack 777778 win 64000 scale 7 : pass established
    c A 777778 ack 1000000 : pass established
    s PA 1000000 ack 777778 len 100 : pass established
    c A 777778 ack 1000100 : pass established)");
}

}  // namespace
}  // namespace culvert::test
