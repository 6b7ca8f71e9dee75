// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace culvert {

/// Tells whoever supervises this process, when it asked to be told (NOTIFY_SOCKET, sd_notify(3)): "READY=1",
/// "MAINPID=123". Silent where nobody asked, or listens.
void tell_service_manager(const std::string& state) noexcept;

}  // namespace culvert
