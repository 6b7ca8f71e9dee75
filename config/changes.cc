// SPDX-License-Identifier: Apache-2.0
#include "config/changes.h"

#include <map>

#include "config/schema.h"

namespace culvert {
namespace {

using ByPath = std::map<std::string_view, const KeyValue*>;

ByPath by_path(const std::vector<KeyValue>& values) {
  ByPath index;
  for (const KeyValue& value : values) index.emplace(value.path, &value);
  return index;
}

/// True for what lies below an element: "interfaces.lan0.mode" of "interfaces.lan0", not "interfaces.lan01".
bool is_below(std::string_view path, std::string_view element) {
  return !element.empty() && path.starts_with(element) && path.size() > element.size() && path[element.size()] == '.';
}

/// The values of `from` that `to` lacks, elements without what is below them.
void missing_in(const ByPath& to, const std::vector<KeyValue>& from, ConfigChange::Kind kind,
                std::vector<ConfigChange>& out) {
  std::string_view element;
  for (const KeyValue& value : from) {
    if (to.contains(value.path) || is_below(value.path, element)) continue;
    if (value.is_element) element = value.path;
    out.push_back({kind, value.path, "", "", value.reload});
  }
}

/// A list of thousands is told by its beginning.
std::string brief(const std::string& text) {
  constexpr std::size_t kMost = 200;
  return text.size() <= kMost ? text : shown(text, kMost);
}

}  // namespace

std::string to_text(const ConfigChange& change) {
  switch (change.kind) {
    case ConfigChange::Kind::kAdded:
      return change.path + ": added";
    case ConfigChange::Kind::kRemoved:
      return change.path + ": removed";
    case ConfigChange::Kind::kChanged:
      break;
  }
  return fmt::format("{}: {} -> {}", change.path, brief(change.from), brief(change.to));
}

std::vector<ConfigChange> changes_between(const std::vector<KeyValue>& from, const std::vector<KeyValue>& to) {
  const ByPath old_values = by_path(from);
  const ByPath new_values = by_path(to);
  std::vector<ConfigChange> changes;
  for (const KeyValue& value : to) {
    const auto old_value = old_values.find(value.path);
    if (old_value == old_values.end() || old_value->second->text == value.text) continue;
    changes.push_back({ConfigChange::Kind::kChanged, value.path, old_value->second->text, value.text, value.reload});
  }
  missing_in(old_values, to, ConfigChange::Kind::kAdded, changes);
  missing_in(new_values, from, ConfigChange::Kind::kRemoved, changes);
  return changes;
}

std::vector<ConfigChange> changes_between(const Config& from, const Config& to) {
  return changes_between(key_values(from), key_values(to));
}

std::vector<std::string> restart_reasons(const std::vector<ConfigChange>& changes) {
  std::vector<std::string> reasons;
  for (const ConfigChange& change : changes) {
    if (change.reload == Reload::kRestart) reasons.push_back(to_text(change) + " needs a restart of culvertd");
  }
  return reasons;
}

}  // namespace culvert
