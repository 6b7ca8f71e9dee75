// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/mapping.h"

namespace culvert {

/// So many items in mapped memory, begun one by one: not every kind has a zero that means "made".
template <typename T>
std::span<T> made_over(const Mapping& memory, std::size_t count) {
  const std::span<T> items = array_over<T>(memory.bytes()).first(count);
  for (T& item : items) std::construct_at(&item);
  return items;
}

}  // namespace culvert
