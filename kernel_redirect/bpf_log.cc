// SPDX-License-Identifier: Apache-2.0
#include "kernel_redirect/bpf_log.h"

#include <array>
#include <bpf/libbpf.h>
#include <cstdarg>
#include <cstdio>
#include <string_view>
#include <utility>

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

BpfLog::BpfLog() : outer_(std::exchange(keeper, &text_)) {
  libbpf_set_print(keep);
}

BpfLog::~BpfLog() {
  keeper = outer_;
}

std::string BpfLog::kernel_message() const {
  constexpr std::string_view kMark = "Kernel error message: ";
  const auto begin = text_.rfind(kMark);
  if (begin == std::string::npos) return {};
  const auto from = begin + kMark.size();
  return text_.substr(from, text_.find('\n', from) - from);
}

}  // namespace culvert
