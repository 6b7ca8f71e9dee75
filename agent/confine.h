// SPDX-License-Identifier: Apache-2.0
// What the agent gives up, one function each, in the order in which agent.cc calls them. Each throws SetupError when it
// cannot: an agent that is not confined does not serve.
#pragma once

#include <string>

namespace culvert {

/// close_range(2): nothing that the core had open is left.
void close_descriptors_from(int first);

/// Becomes `account` (no supplementary groups), without capabilities and with no way to get new privileges. Who is not
/// root stays who he is.
void drop_privileges(const std::string& account);

/// The kernel kills us when the parent ends (prctl(2), PR_SET_PDEATHSIG). False when it has ended already.
bool die_with_parent(int parent);

/// seccomp(2): only the system calls that serving on open sockets takes; every other one fails with EPERM. Memory can
/// no longer be made executable.
void allow_only_serving();

}  // namespace culvert
