// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <memory>
#include <string>

#include "base/result.h"

namespace culvert {

/// One request to the kernel's routing netlink: a header, a family header, attributes.
class RouteRequest {
 public:
  /// `flags` beside NLM_F_REQUEST.
  RouteRequest(std::uint16_t type, std::uint16_t flags);

  /// The family header; zeroed. Valid as long as the request.
  template <typename T>
  T& family_header() {
    return *static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T)));
  }
  void put(std::uint16_t type, const void* data, std::size_t size);
  void put(std::uint16_t type, std::uint32_t value) { put(type, &value, sizeof(value)); }
  void put(std::uint16_t type, std::uint8_t value) { put(type, &value, sizeof(value)); }
  void put(std::uint16_t type, const std::string& text) { put(type, text.c_str(), text.size() + 1); }

  nlmsghdr* header() noexcept { return header_; }

 private:
  alignas(nlmsghdr) std::array<std::byte, 1024> buffer_{};
  nlmsghdr* header_;
};

/// A blocking rtnetlink socket for a few requests at start and on commands.
class RouteSocket {
 public:
  using Attributes = std::array<const nlattr*, 128>;

  RouteSocket();  ///< throws SetupError

  /// Sends and waits for the kernel's answer. An error has the kernel's errno; `what` says what we were doing.
  Result<void> ask(RouteRequest& request, const std::string& what);
  /// Calls `see` for each message of the answer (also of a dump).
  Result<void> read(RouteRequest& request, const std::string& what, std::function<void(const nlmsghdr*)> see);

  /// The attributes behind a family header of `family_size` bytes, by type.
  static Attributes attributes(const nlmsghdr* message, std::size_t family_size);

 private:
  std::unique_ptr<mnl_socket, int (*)(mnl_socket*)> socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace culvert
