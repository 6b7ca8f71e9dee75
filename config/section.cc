// SPDX-License-Identifier: Apache-2.0
#include "config/section.h"

namespace culvert {
namespace {

/// The path of a key of that name elsewhere: a key was put in the wrong place.
std::optional<std::string> path_ending_in(std::string_view name, const std::vector<KeyInfo>* schema) {
  if (schema == nullptr) return std::nullopt;
  for (const KeyInfo& info : *schema) {
    if (info.path == name) return info.path + " at the outermost level";
    if (info.path.ends_with("." + std::string(name))) return info.path;
  }
  return std::nullopt;
}

}  // namespace

std::string join_path(std::string_view parent, std::string_view name) {
  Diagnostics unused;
  return Place{unused, std::string(parent), nullptr}.at(name).key;
}

std::vector<NodePair> unique_pairs(const YamlNode& node, const Place& place) {
  std::vector<NodePair> pairs;
  if (node.is_null()) return pairs;
  if (!node.is_mapping()) {
    place.error(node, "is one value or a list, but names with keys below them belong here", "write 'NAME: {}' lines");
    return pairs;
  }
  std::map<std::string_view, int> line_of;
  for (std::size_t i = 0; i < node.keys.size() && !place.diagnostics.full(); ++i) {
    const YamlNode& key = node.keys[i];
    if (!key.is_scalar()) {
      place.error(key, key.is_null() ? "a key is missing before ':'" : "a key is a list or has keys of its own",
                  "write one word as the key");
      continue;
    }
    const auto [first, is_new] = line_of.emplace(key.text, key.line);
    if (is_new) {
      pairs.push_back({key, node.values[i]});
    } else {
      place.at(key.text).error(key, "this key comes twice",
                               fmt::format("it is already in line {}; keep one of them", first->second));
    }
  }
  return pairs;
}

void report_unknown_key(const YamlNode& key, const Place& place, const std::vector<std::string>& known) {
  if (key.text == "<<") {
    place.error(key, "merge keys ('<<') are not part of YAML 1.2",
                "give the whole value with an alias, or write it out");
    return;
  }
  std::optional<std::string> meant = nearest(key.text, known);
  if (!meant) meant = path_ending_in(key.text, place.schema);
  place.at(key.text).error(
      key, "there is no such key",
      meant ? fmt::format("did you mean {}?", *meant) : fmt::format("the keys here are {}", fmt::join(known, ", ")));
}

void report_not_built(const YamlNode& key, const Place& place, const std::string& part) {
  place.at(key.text).error(key, part + " is not built yet in this version", "remove the key");
}

void report_missing(const YamlNode& mapping, const Place& place, const std::string& key, const std::string& accepts) {
  place.at(key).error(mapping, "this key is missing", "write " + accepts);
}

bool check_map_size(const YamlNode& node, const Place& place, std::string_view what, std::size_t least,
                    std::size_t most) {
  const std::size_t size = node.keys.size();
  if (!node.is_mapping() && !node.is_null()) return true;  // unique_pairs says what is wrong
  if (size >= least && size <= most) return true;
  place.error(node, fmt::format("there are {} {}", size, what),
              size < least ? fmt::format("write at least {}", least) : fmt::format("use at most {}", most));
  return false;
}

}  // namespace culvert
