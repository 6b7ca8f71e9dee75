// SPDX-License-Identifier: Apache-2.0
// The one place outside xsk/ where bytes become objects. A wire header is a trivially copyable struct of alignment 1;
// view<T>() looks at it in place, load<T>() and store<T>() copy. The caller has checked the length: packet/parse.cc is
// where lengths are checked, once.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

namespace culvert {

template <typename T>
concept WireHeader = std::is_trivially_copyable_v<T> && alignof(T) == 1;

/// The header that begins at `bytes`; at least sizeof(T) bytes must be there.
template <WireHeader T>
T& view(std::byte* bytes) noexcept {
  return *reinterpret_cast<T*>(bytes);
}
template <WireHeader T>
const T& view(const std::byte* bytes) noexcept {
  return *reinterpret_cast<const T*>(bytes);
}

/// An unaligned load of any trivially copyable value.
template <typename T>
T load(const void* bytes) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

template <typename T>
void store(void* bytes, const T& value) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(bytes, &value, sizeof(T));
}

/// The bytes of a trivially copyable object, for hashing and writing.
template <typename T>
std::span<const std::byte> bytes_of(const T& value) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  return std::as_bytes(std::span<const T, 1>(&value, 1));
}

/// Typed array over raw memory (a mapping). `memory` must be aligned for T; the caller owns it and outlives the span.
template <typename T>
std::span<T> array_over(std::span<std::byte> memory) noexcept {
  static_assert(std::is_trivially_copyable_v<T> || std::is_trivially_default_constructible_v<T>);
  return {reinterpret_cast<T*>(memory.data()), memory.size() / sizeof(T)};
}

/// Characters of a byte range, for text that came in a packet or a message.
inline const char* as_chars(const std::byte* bytes) noexcept {
  return reinterpret_cast<const char*>(bytes);
}
inline std::byte* as_bytes_pointer(void* memory) noexcept {
  return static_cast<std::byte*>(memory);
}

}  // namespace culvert
