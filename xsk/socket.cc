// SPDX-License-Identifier: Apache-2.0
#include "xsk/socket.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <sys/mman.h>
#include <sys/socket.h>
#include <utility>

#include "base/result.h"
#include "xsk/umem.h"

namespace culvert {
namespace {

/// linux/if_xdp.h of Linux 6.17; older headers lack it.
constexpr int kMaxTxSkbBudget = 9;
/// What one 1500-byte packet weighs in a socket's send buffer (skb->truesize on x86-64).
constexpr std::uint32_t kSkbTruesize = 2304;
constexpr std::uint32_t kMaxSendBuffer = 64U << 20;

Fd open_socket(const std::string& lane) {
  Fd fd(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (fd) return fd;
  std::string hint = "run as root or with CAP_NET_RAW";
  if (errno == EAFNOSUPPORT) hint = "this kernel has no AF_XDP: it needs CONFIG_XDP_SOCKETS=y";
  throw SetupError(errno_error(lane + ": opening an AF_XDP socket", hint));
}

void set_ring_size(const Fd& socket, int option, std::uint32_t entries, const std::string& lane) {
  if (std::has_single_bit(entries) && ::setsockopt(socket.get(), SOL_XDP, option, &entries, sizeof(entries)) == 0) {
    return;
  }
  if (!std::has_single_bit(entries)) errno = EINVAL;
  throw SetupError(
      errno_error(lane + ": a ring of " + std::to_string(entries) + " entries", "use a power of two up to 65536"));
}

xdp_mmap_offsets ring_offsets(const Fd& socket, const std::string& lane) {
  xdp_mmap_offsets offsets{};
  socklen_t size = sizeof(offsets);
  if (::getsockopt(socket.get(), SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) != 0) {
    throw SetupError(errno_error(lane + ": asking where the rings lie"));
  }
  if (size != sizeof(offsets)) {
    throw SetupError(Error{lane + ": the kernel is too old for need_wakeup", 0, "use Linux 5.4 or later"});
  }
  return offsets;
}

template <typename Entry>
std::size_t bytes_of_ring(const xdp_ring_offset& offsets, std::uint32_t entries) {
  return offsets.desc + entries * sizeof(Entry);
}

template <typename Entry>
RingMemory<Entry> memory_of(std::byte* pages, const xdp_ring_offset& offsets, std::uint32_t entries) {
  const auto index = [&](std::uint64_t offset) { return reinterpret_cast<std::uint32_t*>(pages + offset); };
  return {index(offsets.producer),
          index(offsets.consumer),
          index(offsets.flags),
          {reinterpret_cast<Entry*>(pages + offsets.desc), entries}};
}

}  // namespace

RingMapping::RingMapping(const Fd& socket, std::uint64_t page_offset, std::size_t size, const std::string& lane)
    : size_(size) {
  void* pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, socket.get(),
                       static_cast<off_t>(page_offset));
  if (pages == MAP_FAILED) throw SetupError(errno_error(lane + ": mapping a ring"));
  data_ = static_cast<std::byte*>(pages);
}

RingMapping::RingMapping(RingMapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

RingMapping& RingMapping::operator=(RingMapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void RingMapping::reset() noexcept {
  if (data_ != nullptr) ::munmap(std::exchange(data_, nullptr), size_);
}

XskSocket::XskSocket(RegionView region, const RingSizes& sizes, const std::string& lane) : fd_(open_socket(lane)) {
  register_region(fd_, region, lane);
  set_ring_size(fd_, XDP_UMEM_FILL_RING, sizes.fill, lane);
  set_ring_size(fd_, XDP_UMEM_COMPLETION_RING, sizes.completion, lane);
  set_ring_size(fd_, XDP_RX_RING, sizes.rx, lane);
  set_ring_size(fd_, XDP_TX_RING, sizes.tx, lane);
  map_rings(sizes, lane);
}

XskSocket::XskSocket(Fd bound, const RingSizes& sizes, const std::string& lane) : fd_(std::move(bound)) {
  map_rings(sizes, lane);
}

void XskSocket::map_rings(const RingSizes& sizes, const std::string& lane) {
  const xdp_mmap_offsets offsets = ring_offsets(fd_, lane);
  fill_pages_ = RingMapping(fd_, XDP_UMEM_PGOFF_FILL_RING, bytes_of_ring<std::uint64_t>(offsets.fr, sizes.fill), lane);
  completion_pages_ = RingMapping(fd_, XDP_UMEM_PGOFF_COMPLETION_RING,
                                  bytes_of_ring<std::uint64_t>(offsets.cr, sizes.completion), lane);
  rx_pages_ = RingMapping(fd_, XDP_PGOFF_RX_RING, bytes_of_ring<xdp_desc>(offsets.rx, sizes.rx), lane);
  tx_pages_ = RingMapping(fd_, XDP_PGOFF_TX_RING, bytes_of_ring<xdp_desc>(offsets.tx, sizes.tx), lane);
  fill = ProducerRing(memory_of<std::uint64_t>(fill_pages_.data(), offsets.fr, sizes.fill));
  completion = ConsumerRing(memory_of<std::uint64_t>(completion_pages_.data(), offsets.cr, sizes.completion));
  rx = ConsumerRing(memory_of<xdp_desc>(rx_pages_.data(), offsets.rx, sizes.rx));
  tx = ProducerRing(memory_of<xdp_desc>(tx_pages_.data(), offsets.tx, sizes.tx));
}

void XskSocket::close() noexcept {
  fill_pages_.reset();
  rx_pages_.reset();
  tx_pages_.reset();
  completion_pages_.reset();
  fd_.reset();
}

SocketOptions raise_send_limits(const Fd& socket, std::uint32_t tx_ring) {
  SocketOptions options;
  // The kernel doubles what it is given (socket(7)).
  const int wanted = static_cast<int>(std::clamp(tx_ring * kSkbTruesize, 1U << 16, kMaxSendBuffer) / 2);
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof(wanted)) != 0) {
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted));
  }
  int got = 0;
  socklen_t size = sizeof(got);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &got, &size) == 0) {
    options.send_buffer_bytes = static_cast<std::uint32_t>(got);
  }
  if (got < 2 * wanted) {
    options.note = "the send buffer is smaller than the tx ring: run with CAP_NET_ADMIN or raise net.core.wmem_max";
  }
  if (::setsockopt(socket.get(), SOL_XDP, kMaxTxSkbBudget, &tx_ring, sizeof(tx_ring)) == 0) {
    options.packets_per_send = tx_ring;
  } else {
    options.note += options.note.empty() ? "" : "; ";
    options.note += "a system call sends 32 packets at most: Linux 6.17 lifts that";
  }
  return options;
}

bool can_be_mapped_again(const Fd& socket) noexcept {
  constexpr std::size_t kPage = 4096;
  void* page = ::mmap(nullptr, kPage, PROT_READ, MAP_SHARED, socket.get(), XDP_UMEM_PGOFF_FILL_RING);
  if (page == MAP_FAILED) return false;
  ::munmap(page, kPage);
  return true;
}

std::uint32_t napi_id_of(const Fd& socket) noexcept {
  std::uint32_t id = 0;
  socklen_t size = sizeof(id);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &size) != 0) return 0;
  return id;
}

}  // namespace culvert
