// SPDX-License-Identifier: Apache-2.0
#include "kernel_redirect/punt.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "kernel_redirect/route_socket.h"
#include "kernel_redirect/rules.h"

extern "C" unsigned if_nametoindex(const char* name);  // <net/if.h> and <linux/if.h> do not go together

namespace culvert {
namespace {

Fd open_tun(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    throw SetupError(Error{"the tun's name '" + name + "' is not 1..15 characters long", EINVAL, {}});
  }
  Fd tun(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tun) {
    throw SetupError(errno_error("opening /dev/net/tun", "type: modprobe tun; in a container: --device /dev/net/tun"));
  }
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(tun.get(), TUNSETIFF, &request) != 0) {
    throw SetupError(errno_error("creating the tun " + name,
                                 errno == EBUSY ? "another process has it: is culvertd running already?"
                                                : "it needs CAP_NET_ADMIN, and no other interface of that name"));
  }
  return tun;
}

void set_sysctl(const std::string& path, const char* value) {
  const Fd file(::open(("/proc/sys/net/" + path).c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), value, 1) != 1) {
    throw SetupError(errno_error("setting net/" + path + " to " + value, "is /proc/sys writable?"));
  }
}

bool has_ipv6(const std::string& name) {
  return ::access(("/proc/sys/net/ipv6/conf/" + name).c_str(), F_OK) == 0;
}

void bring_up(int ifindex, const std::string& name) {
  RouteRequest request(RTM_NEWLINK, 0);
  auto& link = request.family_header<ifinfomsg>();
  link.ifi_index = ifindex;
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  if (auto done = RouteSocket().ask(request, "bringing up " + name); !done) throw SetupError(done.error());
}

template <typename Address>
Result<void> change_address(std::uint16_t type, int ifindex, const Address& address, std::uint8_t scope) {
  constexpr bool kV4 = sizeof(Address) == 4;
  RouteRequest request(type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0);
  auto& header = request.family_header<ifaddrmsg>();
  header.ifa_family = kV4 ? AF_INET : AF_INET6;
  header.ifa_prefixlen = sizeof(Address) * 8;
  header.ifa_index = static_cast<std::uint32_t>(ifindex);
  header.ifa_scope = scope;
  request.put(IFA_LOCAL, &address, sizeof(address));
  request.put(IFA_ADDRESS, &address, sizeof(address));
  // Nobody else is on a tun: no duplicate address detection to wait for.
  if (!kV4) request.put(IFA_FLAGS, std::uint32_t{IFA_F_NODAD});
  const auto done = RouteSocket().ask(request, "changing an address of culvertd's tun");
  if (!done && done.error().code == (type == RTM_NEWADDR ? EEXIST : EADDRNOTAVAIL)) return {};
  return done;
}

}  // namespace

PuntDevice::PuntDevice(const PuntOptions& options)
    : name_(options.name), tun_(open_tun(name_)), ifindex_(static_cast<int>(::if_nametoindex(name_.c_str()))) {
  // Rules first, up last: nothing is received by a device that is down.
  if (auto stale = remove_punt_rules(name_); !stale) throw SetupError(stale.error());
  if (auto rules = add_punt_rules(name_); !rules) {
    (void)remove_punt_rules(name_);
    throw SetupError(rules.error());
  }
  try {
    // Loose (RFC 3704, 2.4): the sources of punted packets are reached by other interfaces, of course.
    set_sysctl("ipv4/conf/" + name_ + "/rp_filter", "2");
    // No link-local address, so no router solicitations into a device that nobody reads.
    if (has_ipv6(name_)) set_sysctl("ipv6/conf/" + name_ + "/addr_gen_mode", "1");
    // Scope link: never taken as a source for other networks.
    if (auto done = change_address(RTM_NEWADDR, ifindex_, options.address, RT_SCOPE_LINK); !done) {
      throw SetupError(done.error());
    }
    bring_up(ifindex_, name_);
  } catch (...) {
    (void)remove_punt_rules(name_);
    throw;
  }
}

PuntDevice::PuntDevice(const PuntOptions& options, Fd tun) : name_(options.name), tun_(std::move(tun)), left_(true) {
  ifreq request{};
  if (::ioctl(tun_.get(), TUNGETIFF, &request) != 0) throw SetupError(errno_error("asking for the name of a tun"));
  if (name_ != request.ifr_name) {
    throw SetupError(Error{"the tun that was left is " + std::string(request.ifr_name) + ", not " + name_, 0, ""});
  }
  ifindex_ = static_cast<int>(::if_nametoindex(name_.c_str()));
}

PuntDevice::~PuntDevice() {
  tun_.reset();
  if (left_) return;
  try {
    (void)remove_punt_rules(name_);
  } catch (const SetupError&) {
    // No netlink socket to be had: the next start or `culvert detach` finds the rules.
  }
}

PuntOutcome PuntDevice::write(std::span<const std::byte> ip_packet) noexcept {
  if (::write(tun_.get(), ip_packet.data(), ip_packet.size()) >= 0) {
    cells_.packets.add();
    cells_.bytes.add(ip_packet.size());
    return PuntOutcome::kTaken;
  }
  if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
    cells_.full.add();
    return PuntOutcome::kFull;
  }
  cells_.last_errno.set(static_cast<std::uint64_t>(errno));
  cells_.refused.add();
  return PuntOutcome::kRefused;
}

Result<void> PuntDevice::add_address(Ipv4Address address) {
  return change_address(RTM_NEWADDR, ifindex_, address, RT_SCOPE_UNIVERSE);
}
Result<void> PuntDevice::add_address(const Ipv6Address& address) {
  return change_address(RTM_NEWADDR, ifindex_, address, RT_SCOPE_UNIVERSE);
}
Result<void> PuntDevice::remove_address(Ipv4Address address) {
  return change_address(RTM_DELADDR, ifindex_, address, RT_SCOPE_UNIVERSE);
}
Result<void> PuntDevice::remove_address(const Ipv6Address& address) {
  return change_address(RTM_DELADDR, ifindex_, address, RT_SCOPE_UNIVERSE);
}

}  // namespace culvert
