// SPDX-License-Identifier: Apache-2.0
#include "kernel_redirect/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <chrono>
#include <linux/if_link.h>
#include <thread>
#include <utility>

#include "kernel_redirect/bpf_log.h"
#include "kernel_redirect/holder.h"
#include "kernel_redirect/veth_peer.h"

namespace culvert {
namespace {

using namespace std::chrono_literals;

constexpr auto kForGenericHint = "or set mode: generic for this interface (slower)";

Fd try_link(int program_fd, int ifindex, std::uint32_t flags) {
  bpf_link_create_opts options{};
  options.sz = sizeof(options);
  options.flags = flags;
  return Fd(bpf_link_create(program_fd, ifindex, BPF_XDP, &options));
}

/// bpf_link_create gives an errno only; the netlink way of attaching gives the driver's words. It fails for the same
/// reason; should it succeed, the program is taken off again at once.
std::string kernel_words(int program_fd, int ifindex, std::uint32_t flags) {
  const BpfLog log;
  if (bpf_xdp_attach(ifindex, program_fd, flags | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr) == 0) {
    bpf_xdp_detach(ifindex, flags, nullptr);
    return {};
  }
  return log.kernel_message();
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

std::string mtu_hint(const std::string& interface, int ifindex) {
  // veth looks at the MTU of the peer, which decides how long the packets are that we get (drivers/net/veth.c,
  // veth_xdp_set: a page less 256 of headroom, the skb_shared_info and the Ethernet header).
  const auto peer = veth_peer(interface, ifindex);
  const std::string whose = peer ? peer->name_or_place() : interface;
  return "type: ip link set dev " + whose + (peer ? " mtu 3498" : " mtu 1500") + ", " + kForGenericHint;
}

Error native_refusal(const std::string& interface, int ifindex, int program_fd, int code) {
  const std::string words = kernel_words(program_fd, ifindex, XDP_FLAGS_DRV_MODE);
  Error error{interface + ": native XDP refused" + (words.empty() ? "" : " (" + words + ")"), code, kForGenericHint};
  if (contains(words, "peer tx queues")) {
    if (const auto peer = veth_peer(interface, ifindex)) {
      error.what += ": " + peer->queues_text(interface);
      error.hint = peer->queues_hint(interface) + ", " + kForGenericHint;
    }
  } else if (contains(words, "MTU") || contains(words, "mtu")) {
    error.hint = mtu_hint(interface, ifindex);
  } else if (contains(words, "LRO") || contains(words, "lro") || contains(words, "GRO_HW")) {
    error.hint = "type: ethtool -K " + interface + " lro off rx-gro-hw off, " + kForGenericHint;
  } else if (code == EOPNOTSUPP) {
    error.what = interface + ": its driver has no native XDP" + (words.empty() ? "" : " (" + words + ")");
    error.hint = "set mode: generic for this interface to silence this";
  }
  return error;
}

/// Looks at a holder that is going, 50 ms apart.
constexpr int kPatience = 20;

/// When a process is killed, its link goes a moment after it; so a program that nobody holds is given a second.
void refuse_if_held(const std::string& interface, int ifindex, int attempts) {
  for (int attempt = 0;; attempt++) {
    const auto holder = xdp_holder(ifindex);
    if (!holder) return;
    if (!holder->process && attempt < attempts && holder->program_name.starts_with("culvert_xdp")) {
      std::this_thread::sleep_for(50ms);
      continue;
    }
    const std::string hint =
        holder->process ? "stop that process, or take the interface out of the configuration"
                        : "type: ip link set dev " + interface + (holder->generic ? " xdpgeneric off" : " xdp off") +
                              "; if that is refused, a pinned link holds it: bpftool link show, culvert detach";
    throw SetupError(Error{interface + ": another XDP program is attached: " + holder->to_string(), EBUSY, hint});
  }
}

}  // namespace

std::string AttachReport::to_string() const {
  std::string text = mode == AttachMode::kNative ? "native" : "generic";
  if (taken_over) text += ", taken over";
  if (!reason.empty()) text += " (" + reason + (hint.empty() ? ")" : "; " + hint + ")");
  return text;
}

Attachment attach_xdp(const std::string& interface, int ifindex, int program_fd, AttachWish wish, bool patient) {
  refuse_if_held(interface, ifindex, patient ? kPatience : 0);
  Attachment attachment;
  attachment.report.asked = wish;
  if (wish != AttachWish::kGeneric) {
    attachment.link = try_link(program_fd, ifindex, XDP_FLAGS_DRV_MODE);
    if (attachment.link) return attachment;
    const int code = errno;
    if (code == EPERM) {
      throw SetupError(Error{interface + ": attaching the XDP program", code,
                             "it needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"});
    }
    const Error error = native_refusal(interface, ifindex, program_fd, code);
    if (wish == AttachWish::kNative) throw SetupError(error);
    attachment.report.reason = Error{error.what, error.code, {}}.to_string();
    attachment.report.hint = error.hint;
  }
  attachment.report.mode = AttachMode::kGeneric;
  attachment.link = try_link(program_fd, ifindex, XDP_FLAGS_SKB_MODE);
  if (attachment.link) return attachment;
  const int code = errno;
  const std::string words = kernel_words(program_fd, ifindex, XDP_FLAGS_SKB_MODE);
  std::string what = interface + ": generic XDP refused" + (words.empty() ? "" : " (" + words + ")");
  if (!attachment.report.reason.empty()) what += "; before that, " + attachment.report.reason;
  throw SetupError(Error{std::move(what), code, attachment.report.hint});
}

}  // namespace culvert
