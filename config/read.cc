// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "config/check.h"
#include "config/config.h"
#include "config/references.h"
#include "config/schema.h"
#include "config/text_file.h"
#include "config/yaml.h"

namespace culvert {

bool fails_closed(const Config& config) noexcept {
  if (config.system.fail == FailChoice::kAutomatic) return config.policy.has_value();
  return config.system.fail == FailChoice::kClosed;
}

ReversePath reverse_path_of(const Config& config, const InterfaceConfig& interface) noexcept {
  if (interface.reverse_path != ReversePath::kAutomatic) return interface.reverse_path;
  return config.policy.has_value() ? ReversePath::kStrict : ReversePath::kOff;
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
    // A name is wrong or right whatever else is.
    check_references(config, *root, top);
    // Advice about values is only worth something when they are the values that were meant.
    if (diagnostics.errors() == 0) check_together(config, *root, top);
    if (diagnostics.errors() == 0) result.config = std::move(config);
  }
  result.diagnostics = diagnostics.take();
  return result;
}

CheckResult check_file(const std::string& path) {
  const Result<std::string> text = read_text_file(path, kMostBytes, "YAML file");
  if (text) return check_text(*text, path);
  CheckResult result;
  result.file = path;
  result.diagnostics.push_back(
      {Severity::kError, 0, 0, "", Error{text.error().what, text.error().code, ""}.to_string(), text.error().hint});
  return result;
}

}  // namespace culvert
