// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "kernel_redirect/veth_peer.h"
#include "tools/culvert/doctor.h"
#include "tools/culvert/ethtool.h"

namespace culvert {
namespace {

namespace fs = std::filesystem;

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<std::uint32_t> number(const std::string& path) {
  const std::string line = first_line(path);
  std::uint32_t value = 0;
  const auto result = std::from_chars(line.data(), line.data() + line.size(), value);
  if (line.empty() || result.ec != std::errc()) return std::nullopt;
  return value;
}

std::uint32_t count_queues(const std::string& name, const char* prefix) {
  std::error_code ignored;
  std::uint32_t count = 0;
  for (const auto& entry : fs::directory_iterator("/sys/class/net/" + name + "/queues", ignored)) {
    if (entry.path().filename().string().rfind(prefix, 0) == 0) ++count;
  }
  return count;
}

struct QdiscQuery {
  std::string qdisc;
};

int on_attribute(const nlattr* attribute, void* data) {
  if (mnl_attr_get_type(attribute) == IFLA_QDISC && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0) {
    static_cast<QdiscQuery*>(data)->qdisc = mnl_attr_get_str(attribute);
  }
  return MNL_CB_OK;
}

int on_link(const nlmsghdr* message, void* data) {
  return mnl_attr_parse(message, sizeof(ifinfomsg), on_attribute, data);
}

/// rtnetlink(7): RTM_GETLINK of one interface says its root qdisc.
std::string qdisc_of(const std::string& name) {
  alignas(nlmsghdr) char buffer[32768];
  nlmsghdr* header = mnl_nlmsg_put_header(buffer);
  header->nlmsg_type = RTM_GETLINK;
  header->nlmsg_flags = NLM_F_REQUEST;
  auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg)));
  link->ifi_index = static_cast<int>(::if_nametoindex(name.c_str()));
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) return {};
  QdiscQuery query;
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 && mnl_socket_sendto(socket, header, header->nlmsg_len) > 0) {
    const ssize_t size = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
    if (size > 0) mnl_cb_run(buffer, static_cast<std::size_t>(size), 0, 0, on_link, &query);
  }
  mnl_socket_close(socket);
  return query.qdisc;
}

InterfaceFacts interface_facts(const std::string& name) {
  InterfaceFacts facts;
  facts.name = name;
  Ethtool ethtool(name);
  const auto peer = veth_peer(name, static_cast<int>(::if_nametoindex(name.c_str())));
  facts.is_veth = peer.has_value();
  facts.rx_queues = count_queues(name, "rx-");
  facts.tx_queues = count_queues(name, "tx-");
  if (peer && peer->tx_queues > 0) facts.peer_tx_queues = peer->tx_queues;
  facts.mtu_bytes = number("/sys/class/net/" + name + "/mtu").value_or(0);
  facts.qdisc = qdisc_of(name);
  facts.lro = ethtool.flag(ETHTOOL_GFLAGS, ETH_FLAG_LRO);
  facts.gro = ethtool.flag(ETHTOOL_GGRO, 1);
  facts.rss = read_rss(name);
  return facts;
}

std::uint64_t meminfo(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    unsigned long value = 0;
    if (line.rfind(key + ":", 0) == 0 && std::sscanf(line.c_str() + key.size() + 1, "%lu", &value) == 1) return value;
  }
  return 0;
}

void limits(MachineFacts& facts) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) facts.memlock_bytes = limit.rlim_cur;
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.open_files = limit.rlim_cur;
}

}  // namespace

MachineFacts gather_facts(const std::vector<std::string>& interfaces, const DoctorSettings& settings) {
  MachineFacts facts;
  utsname name{};
  if (::uname(&name) == 0) std::sscanf(name.release, "%u.%u", &facts.kernel_major, &facts.kernel_minor);
  const Fd xdp(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  facts.af_xdp_errno = xdp ? 0 : errno;
  facts.has_btf = fs::exists("/sys/kernel/btf/vmlinux");
  struct statfs mount {};
  facts.has_bpffs = ::statfs("/sys/fs/bpf", &mount) == 0 && static_cast<unsigned long>(mount.f_type) == BPF_FS_MAGIC;
  facts.is_root = ::geteuid() == 0;
  facts.huge_pages_free = meminfo("HugePages_Free");
  facts.has_transparent_huge_pages =
      first_line("/sys/kernel/mm/transparent_hugepage/enabled").find("[never]") == std::string::npos;
  limits(facts);
  facts.settings = settings;
  facts.rp_filter_all = number("/proc/sys/net/ipv4/conf/all/rp_filter");
  facts.rp_filter_tun = number("/proc/sys/net/ipv4/conf/" + settings.tun + "/rp_filter");
  facts.ipv4_forwarding = number("/proc/sys/net/ipv4/ip_forward").value_or(0) != 0;
  facts.ipv6_forwarding = number("/proc/sys/net/ipv6/conf/all/forwarding").value_or(0) != 0;
  std::vector<std::string> names = interfaces;
  if (names.empty()) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/sys/class/net", ignored)) {
      if (entry.path().filename() != "lo" && entry.path().filename() != settings.tun)
        names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
  }
  for (const std::string& interface : names) facts.interfaces.push_back(interface_facts(interface));
  return facts;
}

}  // namespace culvert
