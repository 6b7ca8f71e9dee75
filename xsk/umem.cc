// SPDX-License-Identifier: Apache-2.0
#include "xsk/umem.h"

#include <bit>
#include <cerrno>
#include <linux/if_xdp.h>
#include <sys/socket.h>

#include "base/result.h"

namespace culvert {

void register_region(const Fd& socket, RegionView region, const std::string& lane) {
  xdp_umem_reg registration{};
  registration.addr = std::bit_cast<std::uintptr_t>(region.base);
  registration.len = region.bytes;
  registration.chunk_size = region.frame_size;
  if (::setsockopt(socket.get(), SOL_XDP, XDP_UMEM_REG, &registration, sizeof(registration)) == 0) return;
  // net/xdp/xdp_umem.c answers ENOBUFS when RLIMIT_MEMLOCK does not allow so many pinned pages.
  const bool locked_memory = errno == ENOBUFS || errno == ENOMEM || errno == EPERM;
  throw SetupError(errno_error(
      lane + ": registering " + std::to_string(region.bytes >> 20) + " MiB of frames",
      locked_memory ? "run with CAP_IPC_LOCK or `ulimit -l unlimited` (systemd: LimitMEMLOCK=infinity), or lower "
                      "system.frames"
                    : "set system.frame_size: 2048"));
}

}  // namespace culvert
