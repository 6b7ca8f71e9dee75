// SPDX-License-Identifier: Apache-2.0
#include "kernel_redirect/bpf_log.h"

#include <array>
#include <bpf/libbpf.h>
#include <cstdarg>
#include <cstdio>
#include <string_view>

#include "base/check.h"

namespace culvert {
namespace {

constexpr std::size_t kKeptCharacters = 2048;

thread_local std::string* keeper = nullptr;

__attribute__((format(printf, 2, 0))) int keep(libbpf_print_level level, const char* format, va_list arguments) {
  if (keeper == nullptr || level == LIBBPF_DEBUG) return 0;
  std::array<char, kKeptCharacters> line{};
  const int length = std::vsnprintf(line.data(), line.size(), format, arguments);
  keeper->append(line.data());
  if (keeper->size() > kKeptCharacters) keeper->erase(0, keeper->size() - kKeptCharacters);
  return length;
}

}  // namespace

BpfLog::BpfLog() {
  CULVERT_CHECK(keeper == nullptr);
  libbpf_set_print(keep);
  keeper = &text_;
}

BpfLog::~BpfLog() {
  keeper = nullptr;
}

std::string BpfLog::kernel_message() const {
  constexpr std::string_view kMark = "Kernel error message: ";
  const auto begin = text_.rfind(kMark);
  if (begin == std::string::npos) return {};
  const auto from = begin + kMark.size();
  return text_.substr(from, text_.find('\n', from) - from);
}

}  // namespace culvert
