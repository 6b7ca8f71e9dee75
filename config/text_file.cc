// SPDX-License-Identifier: Apache-2.0
#include "config/text_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/fd.h"
#include "config/values.h"

namespace culvert {

Result<std::string> read_text_file(const std::string& path, std::size_t most_bytes, std::string_view what) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return errno_error("the file cannot be opened", fmt::format("give the path of a readable {}", what));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return errno_error("the file cannot be read");
  if (!S_ISREG(status.st_mode)) {
    return Error{"this is not a regular file", 0, fmt::format("give the path of a {}", what)};
  }
  // The size is a guess: the file may grow, and those of /proc have none.
  constexpr std::size_t kLeast = 4096;
  std::string text;
  std::size_t size = 0;
  text.resize(std::clamp(static_cast<std::size_t>(status.st_size) + 1, kLeast, most_bytes + 1));
  for (;;) {
    if (size == text.size()) {
      if (size > most_bytes) break;
      text.resize(std::min(2 * size, most_bytes + 1));
    }
    const ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("the file cannot be read");
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  text.resize(size);
  return text_result(std::move(text));
}

}  // namespace culvert
