// SPDX-License-Identifier: Apache-2.0
#include "sessions/nat_bindings.h"

#include "base/check.h"

namespace culvert {
namespace {

template <typename Tuple>
bool is_same_source(const Tuple& one, const Tuple& other) noexcept {
  return one.source == other.source && one.source_port == other.source_port;
}

}  // namespace

NatBindings::NatBindings(ExternalPorts& ports, const Memory& memory, const HashKey& key, Gauge& gauge, Now now) noexcept
    : ports_(ports), tables_(std::in_place, memory, key, gauge, now) {
  gauge.max.set(memory.most);
}

template <typename Tuple>
FlowSlot NatBindings::begin(const Tuple& original, const Tuple& reply, Now now) noexcept {
  const FlowSlot mapping = size() < tables_->most ? mappings<Tuple>().begin(original, reply, now) : kNoFlow;
  if (mapping == kNoFlow) tables_->gauge.failures.add();
  return mapping;
}

template <typename Tuple>
bool NatBindings::permit(FlowSlot mapping, const Tuple& original, Now now) noexcept {
  const bool room = size() < tables_->most - tables_->most / 8;
  if (mappings<Tuple>().permit(mapping, original, room, now)) return true;
  tables_->gauge.failures.add();
  return false;
}

template <typename Tuple>
std::uint8_t NatBindings::open(FlowSlot mapping, const Tuple& original, bool permit, Now now) noexcept {
  mappings<Tuple>().open(mapping);
  return permit && this->permit(mapping, original, now) ? kNatOpens | kNatPermits : kNatOpens;
}

template <typename Tuple>
bool NatBindings::give_back(const Tuple& original, const Tuple& reply, std::uint8_t nat) noexcept {
  bool is_logged = (nat & kNatLogged) != 0;
  if ((nat & kNatMapped) != 0) {
    auto& mappings = this->mappings<Tuple>();
    const FlowSlot mapping = mappings.of_outside(reply);
    CULVERT_CHECK(mapping != kNoFlow);
    is_logged = mappings.is_logged(mapping);
    if ((nat & kNatPermits) != 0) mappings.forbid(mapping, original);
    if ((nat & kNatOpens) != 0) mappings.close(mapping);
    if (!mappings.release(mapping)) return false;
  }
  const auto kind = port_kind(reply.protocol);
  CULVERT_CHECK(kind.has_value());
  ports_.give_back(mapped(reply.destination), *kind, reply.destination_port.host());
  return is_logged;
}

template <typename Tuple>
std::optional<std::uint8_t> NatBindings::take_again(const Tuple& original, const Tuple& reply, std::uint8_t nat,
                                                    Now now) noexcept {
  const auto kind = port_kind(reply.protocol);
  if (!kind.has_value()) return std::nullopt;
  const Ipv6Address& address = mapped(reply.destination);
  const std::uint16_t port = reply.destination_port.host();
  if ((nat & kNatMapped) == 0) return ports_.take_exactly(address, *kind, port) ? std::optional(nat) : std::nullopt;
  if (!has_mappings()) return std::nullopt;
  auto& mappings = this->mappings<Tuple>();
  FlowSlot mapping = mappings.of_outside(reply);
  if (mapping != kNoFlow) {
    if (!is_same_source(mappings.inside(mapping), original)) return std::nullopt;
    mappings.hold(mapping);
  } else {
    if (!ports_.take_exactly(address, *kind, port)) return std::nullopt;
    mapping = begin(original, reply, now);
    if (mapping == kNoFlow) {
      ports_.give_back(address, *kind, port);
      return std::nullopt;
    }
  }
  if ((nat & kNatLogged) != 0) mappings.set_logged(mapping);
  const unsigned rest = nat & (kNatMapped | kNatFromOutside | kNatLogged);
  if ((nat & kNatOpens) == 0) return static_cast<std::uint8_t>(rest);
  // Nothing is allowed yet by the policy of now.
  return static_cast<std::uint8_t>(rest | open(mapping, original, (nat & kNatPermits) != 0, now));
}

template FlowSlot NatBindings::begin(const FiveTuple4&, const FiveTuple4&, Now) noexcept;
template FlowSlot NatBindings::begin(const FiveTuple6&, const FiveTuple6&, Now) noexcept;
template std::uint8_t NatBindings::open(FlowSlot, const FiveTuple4&, bool, Now) noexcept;
template std::uint8_t NatBindings::open(FlowSlot, const FiveTuple6&, bool, Now) noexcept;
template bool NatBindings::give_back(const FiveTuple4&, const FiveTuple4&, std::uint8_t) noexcept;
template bool NatBindings::give_back(const FiveTuple6&, const FiveTuple6&, std::uint8_t) noexcept;
template std::optional<std::uint8_t> NatBindings::take_again(const FiveTuple4&, const FiveTuple4&, std::uint8_t,
                                                             Now) noexcept;
template std::optional<std::uint8_t> NatBindings::take_again(const FiveTuple6&, const FiveTuple6&, std::uint8_t,
                                                             Now) noexcept;

}  // namespace culvert
