// SPDX-License-Identifier: Apache-2.0
#include "test/sessions/tcp_text.h"

#include <string_view>

namespace culvert::test {

std::string to_text(const TcpOutcome& outcome) {
  static constexpr std::string_view kReasons[] = {"none",          "bad_flags",  "no_handshake", "no_syn",
                                                  "out_of_window", "ack_unsent", "ack_old",      "syn_ack_wrong",
                                                  "reset_wrong",   "closed"};
  switch (outcome.action) {
    case TcpAction::kPass:
      return "pass";
    case TcpAction::kPassUnbelieved:
      return "unbelieved";
    case TcpAction::kRenew:
      return "renew";
    case TcpAction::kDrop:
      break;
  }
  return "drop " + std::string(kReasons[static_cast<std::size_t>(outcome.reason)]);
}

}  // namespace culvert::test
