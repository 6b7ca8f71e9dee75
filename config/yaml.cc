// SPDX-License-Identifier: Apache-2.0
#include "config/yaml.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace culvert {
namespace {

/// Leaves yaml-cpp's parser from inside an event; caught in read_yaml.
struct Refused {
  Diagnostic diagnostic;
};

[[noreturn]] void refuse(int line, int column, std::string what, std::string right) {
  throw Refused{Diagnostic{Severity::kError, line, column, "", std::move(what), std::move(right)}};
}

std::size_t count_nodes(const YamlNode& node) {
  std::size_t count = 1;
  for (const YamlNode& key : node.keys) count += count_nodes(key);
  for (const YamlNode& value : node.values) count += count_nodes(value);
  return count;
}

/// Builds the tree from events; refuses what is too deep or too much while it arrives.
class TreeBuilder : public YAML::EventHandler {
 public:
  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    begin(mark, anchor, YamlNode::Kind::kNull);
    end();
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    begin(mark, anchor, YamlNode::Kind::kScalar, tag).text = text;
    end();
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(mark, anchor, YamlNode::Kind::kSequence, tag);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(mark, anchor, YamlNode::Kind::kMapping, tag);
  }
  void OnMapEnd() override { end(); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      refuse(mark.line + 1, mark.column + 1, "this alias stands for the value it is in", "write the value out");
    }
    nodes_ += count_nodes(found->second);
    check_count(mark.line + 1, mark.column + 1);
    open_.push_back({found->second, 0});
    if (static_cast<int>(open_.size()) + depth_of(found->second) - 1 > kMostDepth) too_deep(mark);
    end();
  }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor;
  };

  static int depth_of(const YamlNode& node) {
    int deepest = 0;
    for (const YamlNode& key : node.keys) deepest = std::max(deepest, depth_of(key));
    for (const YamlNode& value : node.values) deepest = std::max(deepest, depth_of(value));
    return deepest + 1;
  }

  [[noreturn]] static void too_deep(const YAML::Mark& mark) {
    refuse(mark.line + 1, mark.column + 1, fmt::format("values are nested more than {} deep", kMostDepth), "");
  }

  void check_count(int line, int column) const {
    if (nodes_ > kMostNodes) refuse(line, column, fmt::format("the text holds more than {} values", kMostNodes), "");
  }

  YamlNode& begin(const YAML::Mark& mark, YAML::anchor_t anchor, YamlNode::Kind kind, const std::string& tag = "") {
    // yaml-cpp says "?" for a plain scalar or collection and "!" for a quoted scalar: the absence of a tag.
    if (!tag.empty() && tag != "?" && tag != "!") {
      refuse(mark.line + 1, mark.column + 1, fmt::format("the tag '{}' means nothing here", shown(tag)), "remove it");
    }
    if (static_cast<int>(open_.size()) >= kMostDepth) too_deep(mark);
    ++nodes_;
    check_count(mark.line + 1, mark.column + 1);
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    open_.push_back({std::move(node), anchor});
    return open_.back().node;
  }

  /// The innermost open value is complete: it becomes a key or a value of the one around it.
  void end() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.anchor != 0) {
      nodes_ += count_nodes(done.node);
      check_count(done.node.line, done.node.column);
      anchors_[done.anchor] = done.node;
    }
    if (open_.empty()) {
      root_ = std::move(done.node);
      return;
    }
    YamlNode& parent = open_.back().node;
    const bool is_key = parent.is_mapping() && parent.keys.size() == parent.values.size();
    if (parent.is_mapping() && !is_key && done.node.is_null()) {
      // yaml-cpp's place of a missing value is that of whatever comes next, perhaps lines later.
      done.node.line = parent.keys.back().line;
      done.node.column = parent.keys.back().column;
    }
    (is_key ? parent.keys : parent.values).push_back(std::move(done.node));
  }

  YamlNode root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  std::size_t nodes_ = 0;
};

/// yaml-cpp speaks of "end of map not found" for a tab or a wrong indentation; say what to look at.
std::string syntax_hint(std::string_view text, int line) {
  std::istringstream lines{std::string(text)};
  std::string current;
  for (int i = 0; i < line && std::getline(lines, current);) ++i;
  const std::size_t content = current.find_first_not_of(" \t");
  const std::size_t tab = current.find('\t');
  if (tab != std::string::npos && tab < content) return "this line is indented with a tab: YAML wants spaces";
  return "look at the indentation, the ':' and the quotes of this line and the one before";
}

YamlNode parse_document(std::string_view text) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  TreeBuilder builder;
  if (!parser.HandleNextDocument(builder)) return YamlNode{};
  YamlNode root = builder.take();
  if (parser) {
    TreeBuilder second;
    if (parser.HandleNextDocument(second)) {
      const YamlNode other = second.take();
      refuse(other.line, other.column, "a second document begins here",
             "one file holds one configuration; remove '---'");
    }
  }
  return root;
}

}  // namespace

std::optional<YamlNode> read_yaml(std::string_view text, Diagnostics& diagnostics) {
  if (text.size() > kMostBytes) {
    diagnostics.add({Severity::kError, 0, 0, "", fmt::format("the text is larger than {} bytes", kMostBytes),
                     "this is not a configuration of Culvert, or much too much of one"});
    return std::nullopt;
  }
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(zero), '\n');
    diagnostics.add({Severity::kError, static_cast<int>(line), 1, "", "the text holds a zero byte",
                     "this is not a text file; save it as UTF-8"});
    return std::nullopt;
  }
  try {
    return parse_document(text);
  } catch (const Refused& refused) {
    diagnostics.add(refused.diagnostic);
  } catch (const YAML::Exception& error) {
    const int line = error.mark.line + 1;
    diagnostics.add({Severity::kError, line, error.mark.column + 1, "",
                     "the text is not YAML: " + shown(error.msg, 200), syntax_hint(text, line)});
  } catch (const std::exception& error) {
    diagnostics.add({Severity::kError, 0, 0, "", fmt::format("the text cannot be read: {}", error.what()), ""});
  }
  return std::nullopt;
}

}  // namespace culvert
