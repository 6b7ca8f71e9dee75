// SPDX-License-Identifier: Apache-2.0
#include "test/xsk/redirect_all.h"

#include <array>
#include <bpf/bpf.h>
#include <cerrno>
#include <cstring>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <stdexcept>
#include <string>

namespace culvert {
namespace {

constexpr std::uint32_t kQueues = 64;

Fd checked(int fd, const char* what) {
  if (fd < 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
  return Fd(fd);
}

/// r1 = map; r2 = ctx->rx_queue_index; r3 = XDP_PASS; return bpf_redirect_map(r1, r2, r3)
Fd load_program(const Fd& map) {
  const auto code = [](int value) { return static_cast<__u8>(value); };
  const std::array<bpf_insn, 6> instructions{{
      {code(BPF_LDX | BPF_MEM | BPF_W), BPF_REG_2, BPF_REG_1, offsetof(xdp_md, rx_queue_index), 0},
      {code(BPF_LD | BPF_DW | BPF_IMM), BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map.get()},
      {0, 0, 0, 0, 0},
      {code(BPF_ALU64 | BPF_MOV | BPF_K), BPF_REG_3, 0, 0, XDP_PASS},
      {code(BPF_JMP | BPF_CALL), 0, 0, 0, BPF_FUNC_redirect_map},
      {code(BPF_JMP | BPF_EXIT), 0, 0, 0, 0},
  }};
  return checked(
      ::bpf_prog_load(BPF_PROG_TYPE_XDP, "redirect_all", "GPL", instructions.data(), instructions.size(), nullptr),
      "loading the test's XDP program");
}

Fd attach(const Fd& program, std::uint32_t ifindex) {
  bpf_link_create_opts options{};
  options.sz = sizeof(options);
  options.flags = XDP_FLAGS_DRV_MODE;
  return checked(::bpf_link_create(program.get(), static_cast<int>(ifindex), BPF_XDP, &options),
                 "attaching the test's XDP program");
}

}  // namespace

RedirectAll::RedirectAll(std::uint32_t ifindex)
    : map_(checked(::bpf_map_create(BPF_MAP_TYPE_XSKMAP, "sockets", sizeof(int), sizeof(int), kQueues, nullptr),
                   "making an XSKMAP")),
      program_(load_program(map_)),
      link_(attach(program_, ifindex)) {}

void RedirectAll::set(std::uint32_t queue, int socket) const {
  if (::bpf_map_update_elem(map_.get(), &queue, &socket, BPF_ANY) != 0) {
    throw std::runtime_error(std::string("putting a socket into the XSKMAP: ") + std::strerror(errno));
  }
}

}  // namespace culvert
