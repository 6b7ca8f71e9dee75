// SPDX-License-Identifier: Apache-2.0
// A Section is the table of one mapping's keys: which member of an object each key fills, by which rule, and what the
// manual says about it. From the one table come the reader, the printer (differences) and the documentation.
//
//   struct IdleConfig { std::uint64_t spin_ns = 50'000; };             // defaults live in the type
//   struct SystemConfig { IdleConfig idle; };
//
//   auto idle = Section<IdleConfig>().key("spin", &IdleConfig::spin_ns, duration_rule(0, 10'000'000), Reload::kLive,
//                                         "How long ...", "50us because ...");
//   auto system = Section<SystemConfig>().object("idle", &SystemConfig::idle, idle, "What a worker does when ...");
//
// A new part adds its struct to Config, a Section for it, and a row in the section above; maps keyed by a name and
// lists of objects nest the same way. A key whose part is not built has a row too (not_built), so that it is refused by
// name.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/key_info.h"
#include "config/rule.h"

namespace culvert {

/// One value of a configuration, as text.
struct KeyValue {
  std::string path;  ///< "interfaces.lan0.mode"
  std::string text;  ///< YAML; of an element itself its place, when its order means something, else empty
  Reload reload = Reload::kRestart;
  bool is_element = false;  ///< the entry of a map or list ("interfaces.lan0"), of which values follow
};

std::string join_path(std::string_view parent, std::string_view name);

/// Reads the pairs of a mapping. A null node (a key with nothing behind it) is an empty one. Reports other kinds, keys
/// that are not plain text, and keys that come twice; the result holds each key once.
struct NodePair {
  const YamlNode& key;
  const YamlNode& value;
};
std::vector<NodePair> unique_pairs(const YamlNode& node, const Place& place);
void report_unknown_key(const YamlNode& key, const Place& place, const std::vector<std::string>& known);
void report_not_built(const YamlNode& key, const Place& place, const std::string& part);
void report_missing(const YamlNode& mapping, const Place& place, const std::string& key, const std::string& accepts);
/// Reports a map that is too small or too large and is not worth reading then; `what` are its elements: "interfaces".
bool check_map_size(const YamlNode& node, const Place& place, std::string_view what, std::size_t least,
                    std::size_t most);

template <typename Object>
class Section {
 public:
  /// A key with one value or a list of them; its default is the member's in a fresh Object.
  template <typename T>
  Section& key(std::string name, T Object::*member, ValueRule<T> rule, Reload reload, std::string sentence,
               std::string reason = "") {
    Row row;
    row.info = {name,
                KeyInfo::Kind::kValue,
                rule.accepts,
                rule.print(Object{}.*member),
                false,
                reload,
                std::move(sentence),
                std::move(reason),
                ""};
    row.read = [=](const YamlNode& node, const Place& place, Object& object) {
      rule.read(node, place, object.*member);
    };
    row.print = [=](const Object& object, const std::string& path, std::vector<KeyValue>& out) {
      out.push_back({path, rule.print(object.*member), reload, false});
    };
    rows_.push_back(std::move(row));
    return *this;
  }

  /// A mapping with keys of its own.
  template <typename Child>
  Section& object(std::string name, Child Object::*member, Section<Child> section, std::string sentence) {
    Row row;
    row.info = {name, KeyInfo::Kind::kObject, "keys of its own", "", false, Reload::kLive, std::move(sentence), "", ""};
    row.below = section.describe();
    row.read = [=](const YamlNode& node, const Place& place, Object& object) {
      section.read(node, place, object.*member);
    };
    row.print = [=](const Object& object, const std::string& path, std::vector<KeyValue>& out) {
      section.print(object.*member, path, out);
    };
    rows_.push_back(std::move(row));
    return *this;
  }

  /// The same, with a meaning of its own when the key is there, even with nothing below it. `reload` is what adding or
  /// removing it needs.
  template <typename Child>
  Section& optional_object(std::string name, std::optional<Child> Object::*member, Section<Child> section,
                           Reload reload, std::string sentence, std::string reason) {
    Row row;
    row.info = {name,   KeyInfo::Kind::kOptional, "keys of its own", "", false,
                reload, std::move(sentence),      std::move(reason), ""};
    row.below = section.describe();
    row.read = [=](const YamlNode& node, const Place& place, Object& object) {
      section.read(node, place, (object.*member).emplace());
    };
    row.print = [=](const Object& object, const std::string& path, std::vector<KeyValue>& out) {
      if (!(object.*member).has_value()) return;
      out.push_back({path, "", reload, true});
      section.print(*(object.*member), path, out);
    };
    rows_.push_back(std::move(row));
    return *this;
  }

  /// A mapping from names, which `name_rule` checks, to elements. `reload` is what adding or removing one needs.
  template <typename Child>
  Section& map(std::string name, std::map<std::string, Child> Object::*member, Section<Child> section,
               ValueRule<std::string> name_rule, std::size_t least, std::size_t most, Reload reload,
               std::string sentence) {
    Row row;
    const std::string accepts = fmt::format("{} to {} entries, each under {}", least, most, name_rule.accepts);
    row.info = {name, KeyInfo::Kind::kMap, accepts, "", least > 0, reload, std::move(sentence), "", ""};
    row.below = section.describe();
    row.read = [=](const YamlNode& node, const Place& place, Object& object) {
      if (!check_map_size(node, place, name, least, most)) return;
      for (const auto& [key, value] : unique_pairs(node, place)) {
        if (place.diagnostics.full()) return;
        const Place below = place.at(key.text);
        std::string checked;
        name_rule.read(key, below, checked);
        section.read(value, below, (object.*member)[key.text]);
      }
    };
    row.print = [=](const Object& object, const std::string& path, std::vector<KeyValue>& out) {
      for (const auto& [key, value] : object.*member) {
        const std::string below = join_path(path, key);
        out.push_back({below, "", reload, true});
        section.print(value, below, out);
      }
    };
    rows_.push_back(std::move(row));
    return *this;
  }

  /// A list of elements, whose order means something.
  template <typename Child>
  Section& list(std::string name, std::vector<Child> Object::*member, Section<Child> section, std::size_t most,
                Reload reload, std::string sentence) {
    const auto element = [](const Child&, const Child*, std::size_t index, const std::string& path) {
      return KeyValue{fmt::format("{}[{}]", path, index), "", Reload::kLive, true};
    };
    return any_list(std::move(name), member, std::move(section), most, reload, std::move(sentence), element);
  }

  /// The same for elements that have a name each: differences call them by it, so that one more in front does not
  /// change all the others. Their place is told by the one before.
  template <typename Child>
  Section& named_list(std::string name, std::vector<Child> Object::*member, Section<Child> section,
                      std::string Child::*child_name, std::size_t most, Reload reload, std::string sentence) {
    const auto element = [=](const Child& child, const Child* before, std::size_t, const std::string& path) {
      const std::string place = before == nullptr ? "first" : "behind " + before->*child_name;
      return KeyValue{join_path(path, child.*child_name), place, Reload::kLive, true};
    };
    return any_list(std::move(name), member, std::move(section), most, reload, std::move(sentence), element);
  }

  /// A key of a part that this version does not have: refused, never ignored.
  Section& not_built(std::string name, std::string part, std::string sentence) {
    Row row;
    row.info.path = std::move(name);
    row.info.kind = KeyInfo::Kind::kNotBuilt;
    row.info.sentence = std::move(sentence);
    row.info.part = std::move(part);
    rows_.push_back(std::move(row));
    return *this;
  }

  /// The key added last must be there.
  Section& required() {
    rows_.back().info.required = true;
    rows_.back().info.default_text.clear();
    return *this;
  }

  /// What is no mapping but a list or one value is the value of this key, which has been added.
  Section& shorthand(std::string name) {
    shorthand_ = std::move(name);
    return *this;
  }

  /// Fills the object from a mapping; what is not in it keeps its default.
  void read(const YamlNode& node, const Place& place, Object& object) const {
    if (const Row* only = find(shorthand_); only != nullptr && (node.is_sequence() || node.is_scalar())) {
      only->read(node, place, object);
      return;
    }
    if (!node.is_mapping() && !node.is_null()) {
      place.error(node, "is one value or a list, but keys belong here",
                  fmt::format("write 'key: value' lines below it, with {}", fmt::join(known_keys(), ", ")));
      return;
    }
    for (const auto& [key, value] : unique_pairs(node, place)) {
      if (place.diagnostics.full()) return;
      const Row* row = find(key.text);
      if (row == nullptr) {
        report_unknown_key(key, place, known_keys());
      } else if (row->info.kind == KeyInfo::Kind::kNotBuilt) {
        report_not_built(key, place, row->info.part);
      } else {
        row->read(value, place.at(key.text), object);
      }
    }
    for (const Row& row : rows_) {
      const bool missing = row.info.required && node.find(row.info.path) == nullptr;
      if (missing) report_missing(node, place, row.info.path, row.info.accepts);
    }
  }

  /// Every value of the object, in the order of the table.
  void print(const Object& object, const std::string& path, std::vector<KeyValue>& out) const {
    for (const Row& row : rows_) {
      if (row.print) row.print(object, path.empty() ? row.info.path : join_path(path, row.info.path), out);
    }
  }

  /// Every row, parents before children, with paths from here.
  std::vector<KeyInfo> describe() const {
    std::vector<KeyInfo> all;
    for (const Row& row : rows_) {
      all.push_back(row.info);
      const bool is_map = row.info.kind == KeyInfo::Kind::kMap;
      const std::string prefix = row.info.path + (is_map ? ".NAME" : row.info.kind == KeyInfo::Kind::kList ? "[]" : "");
      for (KeyInfo info : row.below) {
        info.path = prefix + "." + info.path;
        all.push_back(std::move(info));
      }
    }
    return all;
  }

 private:
  struct Row {
    KeyInfo info;  ///< its path is the key alone
    std::vector<KeyInfo> below;
    std::function<void(const YamlNode&, const Place&, Object&)> read;
    std::function<void(const Object&, const std::string&, std::vector<KeyValue>&)> print;
  };

  /// `element` makes the KeyValue of a child, from it, the one before, its index, and the path of the list.
  template <typename Child, typename Element>
  Section& any_list(std::string name, std::vector<Child> Object::*member, Section<Child> section, std::size_t most,
                    Reload reload, std::string sentence, Element element) {
    Row row;
    const std::string accepts = fmt::format("a list of at most {}", most);
    row.info = {name, KeyInfo::Kind::kList, accepts, "", false, reload, std::move(sentence), "", ""};
    row.below = section.describe();
    row.read = [=](const YamlNode& node, const Place& place, Object& object) {
      if (!check_list(node, place, accepts, 0, most)) return;
      (object.*member).assign(node.values.size(), Child{});
      for (std::size_t i = 0; i < node.values.size() && !place.diagnostics.full(); ++i) {
        section.read(node.values[i], place.item(i), (object.*member)[i]);
      }
    };
    row.print = [=](const Object& object, const std::string& path, std::vector<KeyValue>& out) {
      const std::vector<Child>& children = object.*member;
      for (std::size_t i = 0; i < children.size(); ++i) {
        out.push_back(element(children[i], i == 0 ? nullptr : &children[i - 1], i, path));
        out.back().reload = reload;
        const std::string below = out.back().path;
        section.print(children[i], below, out);
      }
    };
    rows_.push_back(std::move(row));
    return *this;
  }

  const Row* find(const std::string& name) const {
    for (const Row& row : rows_) {
      if (row.info.path == name) return &row;
    }
    return nullptr;
  }
  std::vector<std::string> known_keys() const {
    std::vector<std::string> names;
    for (const Row& row : rows_) {
      if (row.info.kind != KeyInfo::Kind::kNotBuilt) names.push_back(row.info.path);
    }
    return names;
  }

  std::vector<Row> rows_;
  std::string shorthand_;  ///< a row's key, or empty
};

}  // namespace culvert
