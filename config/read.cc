// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/fd.h"
#include "config/check.h"
#include "config/config.h"
#include "config/schema.h"
#include "config/yaml.h"

namespace culvert {
namespace {

/// The whole file, but never more than one byte beyond the limit: that byte makes read_yaml refuse it.
Result<std::string> read_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return errno_error("the file cannot be opened", "give the path of a readable YAML file");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return errno_error("the file cannot be read");
  if (!S_ISREG(status.st_mode)) return Error{"this is not a regular file", 0, "give the path of a YAML file"};
  std::string text;
  text.resize(kMostBytes + 1);
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("the file cannot be read");
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  text.resize(size);
  return text_result(std::move(text));
}

}  // namespace

bool fails_closed(const Config& config) noexcept {
  return config.system.fail == FailChoice::kClosed;
}

std::string CheckResult::to_text() const {
  std::string lines;
  for (const Diagnostic& diagnostic : diagnostics) lines += culvert::to_text(diagnostic, file) + "\n";
  return lines;
}

CheckResult check_text(std::string_view yaml, std::string file_name) {
  CheckResult result;
  result.file = std::move(file_name);
  Diagnostics diagnostics;
  const Place top{diagnostics, "", &schema_keys()};
  const std::optional<YamlNode> root = read_yaml(yaml, diagnostics);
  if (root) {
    result.text = yaml;
    Config config;
    schema().read(*root, top, config);
    // Advice about values is only worth something when they are the values that were meant.
    if (diagnostics.errors() == 0) check_together(config, *root, top);
    if (diagnostics.errors() == 0) result.config = std::move(config);
  }
  result.diagnostics = diagnostics.take();
  return result;
}

CheckResult check_file(const std::string& path) {
  Result<std::string> text = read_file(path);
  if (text) return check_text(*text, path);
  CheckResult result;
  result.file = path;
  result.diagnostics.push_back(
      {Severity::kError, 0, 0, "", Error{text.error().what, text.error().code, ""}.to_string(), text.error().hint});
  return result;
}

}  // namespace culvert
