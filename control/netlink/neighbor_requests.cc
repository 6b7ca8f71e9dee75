// SPDX-License-Identifier: Apache-2.0
#include "control/netlink/neighbor_requests.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <optional>

namespace culvert {
namespace {

constexpr std::size_t kRequestBuffer = 65536;
constexpr std::size_t kDefaultThreshold = 1024;

}  // namespace

std::size_t kernel_neighbor_room(const std::string& proc) {
  std::optional<std::size_t> threshold;
  for (const char* family : {"ipv4", "ipv6"}) {
    std::ifstream file(proc + "/sys/net/" + family + "/neigh/default/gc_thresh3");
    std::size_t value = 0;
    if (file >> value) threshold = std::min(threshold.value_or(value), value);
  }
  return std::max<std::size_t>(threshold.value_or(kDefaultThreshold) / 2, 1);
}

NeighborRequests::NeighborRequests(const NeighborModel& neighbors, std::size_t limit)
    : neighbors_(neighbors),
      socket_(kRequestBuffer),
      limit_(std::max<std::size_t>(std::min(limit, kernel_neighbor_room()), 1)) {
  gauge_.max.set(limit_);
}

WantResult NeighborRequests::want(const NeighborKey& key, Now now) {
  const auto known = requests_.find(key);
  const bool usable = neighbors_.find_usable(key) != nullptr;
  if (is_static(key)) return usable ? WantResult::kUsable : WantResult::kRefused;
  if (known != requests_.end() && !usable && now < known->second.retry_after) {
    ++refused_;
    return WantResult::kRefused;
  }
  const auto it = known != requests_.end() ? known : remember(key, now);
  if (it == requests_.end()) return WantResult::kFull;
  touch(it, now, usable);
  const Neighbor* neighbor = neighbors_.find(key);
  const bool fresh = usable && (neighbor->managed || now - it->second.asked < kRefreshNs);
  if (fresh) return WantResult::kUsable;
  if (it->second.asked != 0 && now - it->second.asked < kAskAgainNs) return WantResult::kAsked;
  if (!ask(it, now)) return WantResult::kFull;
  return usable ? WantResult::kUsable : WantResult::kAsked;
}

void NeighborRequests::gateway(const NeighborKey& key, bool needed) {
  auto it = requests_.find(key);
  if (!needed) {
    due_.erase(key);
    if (it == requests_.end()) return;
    it->second.gateway = false;
    by_age_.insert({it->second.answered, it->second.wanted, key});
    return;
  }
  if (it == requests_.end()) it = remember(key, 0);
  if (it == requests_.end()) return;  // no room: packets will want it
  if (!it->second.gateway) by_age_.erase({it->second.answered, it->second.wanted, key});
  it->second.gateway = true;
  due_.insert(key);
}

void NeighborRequests::neighbor_changed(const NeighborChange& change, Now now) {
  const auto it = requests_.find(change.key);
  if (it == requests_.end()) return;
  Request& request = it->second;
  if (neighbors_.find_usable(change.key) != nullptr) {
    request.failures = 0;
    request.retry_after = 0;
    touch(it, request.wanted, true);
  } else if (change.failed_now) {
    back_off(request, now);
    touch(it, request.wanted, false);
    // Managed and silent, the kernel would ask for ever. A gateway may come back; a host is asked for when wanted.
    if (!request.gateway) send(change.key, true, false);
  }
  if (request.gateway && (change.gone || change.unmanaged)) due_.insert(change.key);
}

void NeighborRequests::link_gone(std::uint32_t ifindex) {
  auto it = requests_.lower_bound({ifindex, {}});
  while (it != requests_.end() && it->first.ifindex == ifindex) it = forget(it);
}

void NeighborRequests::tick(Now now) {
  std::size_t left = kPerTick;
  while (!due_.empty() && left > 0) {
    const NeighborKey key = *due_.begin();
    due_.erase(due_.begin());
    --left;
    const auto it = requests_.find(key);
    if (it == requests_.end() || is_static(key)) continue;
    const Neighbor* neighbor = neighbors_.find(key);
    if (neighbor == nullptr || !neighbor->managed) ask(it, now);
  }
  left = std::min(left, requests_.size());
  for (auto it = requests_.upper_bound(cursor_); left > 0 && !requests_.empty(); --left) {
    if (it == requests_.end()) it = requests_.begin();
    cursor_ = it->first;
    look_after(it, now);
  }
}

/// One entry at a time: repeats what the kernel does not do by itself, lets go of what nobody wants.
void NeighborRequests::look_after(Requests::iterator& it, Now now) {
  const Request& request = it->second;
  const NeighborKey key = it->first;
  const Neighbor* neighbor = neighbors_.find(key);
  const bool kept_by_kernel = neighbor != nullptr && neighbor->managed;
  if (!request.gateway && now - request.wanted > kIdleNs) {
    if (kept_by_kernel) send(key, false, false);
    it = forget(it);
    return;
  }
  const bool again = !kept_by_kernel && now >= request.retry_after && now - request.asked > kRefreshNs;
  if (again && (request.gateway || request.answered) && !is_static(key)) ask(it, now);
  ++it;
}

NeighborRequests::Requests::iterator NeighborRequests::remember(const NeighborKey& key, Now now) {
  if (requests_.size() >= limit_) {
    if (by_age_.empty()) {
      gauge_.failures.add();
      return requests_.end();
    }
    const NeighborKey oldest = std::get<2>(*by_age_.begin());
    const Neighbor* neighbor = neighbors_.find(oldest);
    if (neighbor != nullptr && neighbor->managed) send(oldest, !neighbor->usable(), false);
    forget(requests_.find(oldest));
  }
  const auto it = requests_.try_emplace(key).first;
  it->second.wanted = now;
  it->second.answered = neighbors_.find_usable(key) != nullptr;
  by_age_.insert({it->second.answered, now, key});
  gauge_.observe(requests_.size());
  return it;
}

void NeighborRequests::touch(Requests::iterator it, Now wanted, bool answered) {
  Request& request = it->second;
  if (!request.gateway) by_age_.erase({request.answered, request.wanted, it->first});
  request.wanted = wanted;
  request.answered = answered;
  if (!request.gateway) by_age_.insert({answered, wanted, it->first});
}

NeighborRequests::Requests::iterator NeighborRequests::forget(Requests::iterator it) {
  by_age_.erase({it->second.answered, it->second.wanted, it->first});
  due_.erase(it->first);
  const auto next = requests_.erase(it);
  gauge_.observe(requests_.size());
  return next;
}

bool NeighborRequests::ask(Requests::iterator it, Now now) {
  it->second.asked = now;
  ++asked_;
  int error = send(it->first, false, managed_supported_);
  if (managed_supported_ && (error == EINVAL || error == EOPNOTSUPP || error == ERANGE)) {
    managed_supported_ = false;
    error = send(it->first, false, false);
    if (error != 0) managed_supported_ = true;  // it was not the flag
  }
  if (error == 0) return true;
  gauge_.failures.add();
  back_off(it->second, now);
  return false;
}

bool NeighborRequests::is_static(const NeighborKey& key) const {
  const Neighbor* neighbor = neighbors_.find(key);
  return neighbor != nullptr && (neighbor->state & (NUD_PERMANENT | NUD_NOARP)) != 0;
}

void NeighborRequests::back_off(Request& request, Now now) {
  request.failures = static_cast<std::uint8_t>(std::min(request.failures + 1, 6));
  request.retry_after = now + std::min<std::uint64_t>(std::uint64_t{1} << request.failures, 60) * kNanosecondsPerSecond;
}

/// One request and its acknowledgement, which the kernel queues before send() returns. errno, or 0.
int NeighborRequests::send(const NeighborKey& key, bool remove, bool managed) {
  alignas(nlmsghdr) char bytes[256];
  nlmsghdr* message = mnl_nlmsg_put_header(bytes);
  message->nlmsg_type = remove ? RTM_DELNEIGH : RTM_NEWNEIGH;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  if (!remove) message->nlmsg_flags |= NLM_F_CREATE | NLM_F_REPLACE;
  message->nlmsg_seq = socket_.next_sequence();
  auto* header = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ndmsg)));
  header->ndm_family = key.address.is_ipv4() ? AF_INET : AF_INET6;
  header->ndm_ifindex = static_cast<int>(key.ifindex);
  header->ndm_state = NUD_NONE;
  header->ndm_flags = remove || managed ? 0 : NTF_USE;
  if (key.address.is_ipv4()) {
    const Ipv4Address address = key.address.ipv4();
    mnl_attr_put(message, NDA_DST, sizeof(address), &address);
  } else {
    const Ipv6Address address = key.address.ipv6();
    mnl_attr_put(message, NDA_DST, sizeof(address), &address);
  }
  if (managed && !remove) mnl_attr_put_u32(message, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
  if (const int error = socket_.send(*message); error != 0) return error;
  int result = 0;
  for (;;) {
    const NetlinkSocket::Received answer = socket_.receive();
    if (answer.bytes.empty()) return answer.error != 0 ? answer.error : result;
    for_each_message(answer.bytes, [&](const nlmsghdr& each) {
      const bool ours = each.nlmsg_type == NLMSG_ERROR && each.nlmsg_seq == message->nlmsg_seq;
      if (ours && mnl_nlmsg_get_payload_len(&each) >= sizeof(int)) result = -load<int>(mnl_nlmsg_get_payload(&each));
    });
  }
}

}  // namespace culvert
