// SPDX-License-Identifier: Apache-2.0
#include "xsk/socket.h"

#include <algorithm>
#include <fstream>
#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "test/support/catch.h"

using namespace culvert;

namespace {

constexpr std::uint32_t kBytesOfPacket = 2304;

/// Takes CAP_NET_ADMIN from the calling thread alone.
bool drop_net_admin() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  if (::syscall(SYS_capget, &header, sets) != 0) return false;
  sets[0].effective &= ~(1U << CAP_NET_ADMIN);
  return ::syscall(SYS_capset, &header, sets) == 0;
}

/// What an unprivileged thread gets; the buffer's limit is the same for every kind of socket.
SocketOptions raised_without_privilege(std::uint32_t tx_ring) {
  SocketOptions options;
  std::thread([&] {
    if (!drop_net_admin()) return;
    options = raise_send_limits(Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)), tx_ring);
  }).join();
  return options;
}

bool notes_small_buffer(const SocketOptions& options) {
  return options.note.find("the send buffer is smaller than the tx ring") == 0;
}

}  // namespace

TEST_CASE("a send buffer that holds less than the tx ring is said, and one that holds it is not") {
  std::uint64_t limit = 0;
  std::ifstream("/proc/sys/net/core/wmem_max") >> limit;
  REQUIRE(limit > 0);
  // socket(7): the kernel gives up to twice the limit. More than 64 MB are never asked for.
  const auto fits = static_cast<std::uint32_t>(std::min<std::uint64_t>(2 * limit / kBytesOfPacket, 29'000));
  const SocketOptions enough = raised_without_privilege(fits);
  CHECK(enough.send_buffer_bytes >= fits * kBytesOfPacket);
  CHECK_FALSE(notes_small_buffer(enough));

  const std::uint32_t more = fits + fits / 2;
  if (more > 29'000) return;  // with such a limit no ring is too large
  const SocketOptions little = raised_without_privilege(more);
  REQUIRE(little.send_buffer_bytes > 0);
  CHECK(little.send_buffer_bytes < more * kBytesOfPacket);
  CHECK(notes_small_buffer(little));
}
