// SPDX-License-Identifier: Apache-2.0
#include "base/service_manager.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"

namespace culvert {

void tell_service_manager(const std::string& state) noexcept {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return;
  const std::size_t length = std::strlen(path);
  sockaddr_un address{};
  if (length == 0 || length >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, length);
  // An abstract address begins with a zero byte (unix(7)) and is written with an @.
  if (path[0] == '@') address.sun_path[0] = '\0';
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  const void* to = &address;
  ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL, static_cast<const sockaddr*>(to), size);
}

}  // namespace culvert
