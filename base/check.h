// SPDX-License-Identifier: Apache-2.0
// CULVERT_CHECK: our own mistake, in every build: says where and aborts. CULVERT_ASSERT: the same in test builds only
// (-Dchecks=true or a sanitizer). Neither is ever used on bytes from the wire: those get a verdict.
#pragma once

namespace culvert {

/// Writes "file:line: CHECK failed: text" to stderr and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* text) noexcept;

#ifdef CULVERT_CHECKS
inline constexpr bool kChecks = true;
#else
inline constexpr bool kChecks = false;
#endif

}  // namespace culvert

#define CULVERT_CHECK(condition)                               \
  (__builtin_expect(static_cast<bool>(condition), 1) ? void(0) \
                                                     : ::culvert::check_failed(__FILE__, __LINE__, #condition))

#define CULVERT_ASSERT(condition)       \
  do {                                  \
    if constexpr (::culvert::kChecks) { \
      CULVERT_CHECK(condition);         \
    }                                   \
  } while (false)
