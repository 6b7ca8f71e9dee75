// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "control/netlink/kernel_mirror.h"
#include "control/server/handlers.h"

namespace culvert {

/// The routes that the mirror has, best of each prefix, IPv4 before IPv6, by page: {prefix, kind, via, interface,
/// mtu_bytes}. A page is as consistent as the mirror is between two of the loop's events.
Result<TableRows> route_rows(const KernelMirror& mirror, const TablePage& page);

/// The neighbours: {address, interface, mac, state, managed}.
Result<TableRows> neighbor_rows(const KernelMirror& mirror, const TablePage& page);

}  // namespace culvert
