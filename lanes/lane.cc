// SPDX-License-Identifier: Apache-2.0
#include "lanes/lane.h"

namespace culvert {

Lane::Lane(InterfaceIndex interface, std::uint16_t queue) noexcept : interface_(interface), queue_(queue) {}
Lane::~Lane() = default;

}  // namespace culvert
