// SPDX-License-Identifier: Apache-2.0
#include "control/server/listen.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/bytes.h"
#include "base/result.h"

namespace culvert {
namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof(address.sun_path)) {
    throw SetupError(Error{"the control socket's path " + path + " is too long", 0, "107 bytes at most (unix(7))"});
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

Fd unix_socket() {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) throw SetupError(errno_error("making the control socket"));
  return fd;
}

/// unix(7): connect() to a socket file that nobody listens on is refused.
void remove_if_dead(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return;
  if (!S_ISSOCK(status.st_mode)) {
    throw SetupError(Error{path + " exists and is not a socket", 0, "choose another path for the control socket"});
  }
  const Fd probe = unix_socket();
  if (::connect(probe.get(), generic(address), sizeof(address)) == 0 || errno == EAGAIN) {
    throw SetupError(
        Error{"another culvertd listens on " + path, 0, "stop it, or give this one another control socket"});
  }
  ::unlink(path.c_str());
}

}  // namespace

Fd listen_at(const std::string& path, const std::string& group) {
  const sockaddr_un address = address_of(path);
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  remove_if_dead(path, address);
  Fd fd = unix_socket();
  // bind() gives the file the socket's own mode: closed to everybody until it has its group.
  ::fchmod(fd.get(), 0600);
  if (::bind(fd.get(), generic(address), sizeof(address)) != 0) {
    throw SetupError(errno_error("binding the control socket " + path, "may culvertd write to that folder?"));
  }
  const struct group* entry = group.empty() ? nullptr : ::getgrnam(group.c_str());
  const bool given = entry != nullptr && ::chown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) == 0;
  if (::chmod(path.c_str(), given || entry == nullptr ? 0660 : 0600) != 0 || ::listen(fd.get(), 64) != 0) {
    throw SetupError(errno_error("listening on the control socket " + path));
  }
  return fd;
}

}  // namespace culvert
