// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sessions/tcp_state.h"

namespace culvert::test {

/// "pass", "unbelieved", "renew", "drop out_of_window".
std::string to_text(const TcpOutcome& outcome);

}  // namespace culvert::test
