// SPDX-License-Identifier: Apache-2.0
// What most files of the slow side read of the standard library and fmt, read once for a target (Meson's cpp_pch). Here
// are only headers that change seldom or that all files of the target have anyway. They save no file an #include: it
// compiles without them, too (-Db_pch=false, as one build of tools/test --all).
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fmt/format.h>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
