// SPDX-License-Identifier: Apache-2.0
#include "config/named_list.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "config/service.h"

namespace culvert {
namespace {

constexpr std::size_t kNameBytes = 63;
constexpr std::string_view kAny = "any";
/// Words that mean something where a name may stand.
constexpr std::array<std::string_view, 3> kReserved = {kAny, "none", "always"};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

Result<std::string> parse_name(std::string_view text, const std::string& noun) {
  const bool reserved = std::find(kReserved.begin(), kReserved.end(), text) != kReserved.end();
  if (reserved) return Error{fmt::format("'{}' has a meaning of its own", text), 0, "use another name for " + noun};
  const bool fits = text.size() <= kNameBytes && is_letter(text.front()) &&
                    std::all_of(text.begin(), text.end(),
                                [](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
  if (fits) return text_result(std::string(text));
  return Error{fmt::format("'{}' cannot be the name of {}", shown(text), noun), 0,
               fmt::format("use at most {} letters, digits, _ and -, a letter first", kNameBytes)};
}

std::string same(const std::string& text) {
  return text;
}

/// How one item of a list is read and written.
template <typename T>
struct ItemKind {
  std::string noun;   ///< "a prefix"
  std::string named;  ///< what a name is one of: "an address set"
  bool (*looks_like_value)(std::string_view);
  Result<T> (*parse)(std::string_view);
  std::string (*print)(const T&);
};

template <typename T>
void read_item(const ItemKind<T>& kind, const YamlNode& item, const Place& place, NamedList<T>& list) {
  const std::string* text = scalar_text(item, place, fmt::format("{} or the name of {}", kind.noun, kind.named));
  if (text == nullptr) return;
  if (*text == kAny) return place.error(item, "'any' stands alone or not at all", "write any instead of the list");
  const auto refuse = [&](const Error& error) { place.error(item, error.what, error.hint); };
  if (kind.looks_like_value(*text)) {
    Result<T> value = kind.parse(*text);
    if (!value) return refuse(value.error());
    list.values.push_back(std::move(*value));
  } else {
    Result<std::string> name = parse_name(*text, kind.named);
    if (!name) return refuse(name.error());
    list.names.push_back(std::move(*name));
  }
}

template <typename T>
ValueRule<NamedList<T>> named_list_rule(const ItemKind<T>& kind, WhenEmpty when_empty, std::size_t most) {
  const bool may_be_any = when_empty == WhenEmpty::kAny;
  const std::string accepts =
      fmt::format("{}{} or the name of {}, or a list of {} to {} of them", may_be_any ? "any, or " : "", kind.noun,
                  kind.named, when_empty == WhenEmpty::kNothing ? 0 : 1, most);
  const auto read = [=](const YamlNode& node, const Place& place, NamedList<T>& target) {
    const bool is_any = may_be_any && node.is_scalar() && node.text == kAny;
    const bool is_nothing = when_empty == WhenEmpty::kNothing && node.is_sequence() && node.values.empty();
    NamedList<T> list;
    const auto item = [&](const YamlNode& value, const Place& here) { read_item(kind, value, here, list); };
    if (is_any || is_nothing || read_items(node, place, accepts, most, item)) target = std::move(list);
  };
  const auto print = [=](const NamedList<T>& list) -> std::string {
    if (list.empty()) return may_be_any ? "any" : "[]";
    std::vector<std::string> texts;
    for (const T& value : list.values) texts.push_back(yaml_scalar(kind.print(value)));
    texts.insert(texts.end(), list.names.begin(), list.names.end());
    return fmt::format("[{}]", fmt::join(texts, ", "));
  };
  return {accepts, read, print};
}

}  // namespace

ValueRule<std::string> name_rule(const std::string& noun) {
  return scalar_rule<std::string>(
      "the name of " + noun, [noun](std::string_view text) { return parse_name(text, noun); }, same);
}

ValueRule<std::string> service_name_rule() {
  const auto parse = [](std::string_view text) -> Result<std::string> {
    if (!is_protocol(text)) return parse_name(text, "a service");
    return Error{fmt::format("'{}' is a protocol", text), 0, "use another name for a service"};
  };
  return scalar_rule<std::string>("the name of a service", parse, same);
}

ValueRule<std::vector<std::string>> zones_rule(std::size_t most) {
  const std::string accepts = fmt::format("any, or the name of a zone, or a list of 1 to {} of them", most);
  const auto read = [accepts, most, name = name_rule("a zone")](const YamlNode& node, const Place& place,
                                                                std::vector<std::string>& target) {
    const bool is_any = node.is_scalar() && node.text == kAny;
    std::vector<std::string> zones;
    const auto read_zone = [&](const YamlNode& item, const Place& here) {
      std::string zone;
      name.read(item, here, zone);
      zones.push_back(std::move(zone));
    };
    if (is_any || read_items(node, place, accepts, most, read_zone)) target = std::move(zones);
  };
  const auto print = [](const std::vector<std::string>& zones) -> std::string {
    return zones.empty() ? "any" : fmt::format("[{}]", fmt::join(zones, ", "));
  };
  return {accepts, read, print};
}

ValueRule<AddressList> addresses_rule(WhenEmpty when_empty, std::size_t most) {
  ItemKind<ConfigPrefix> kind{"a prefix", "an address set", nullptr, nullptr, nullptr};
  kind.looks_like_value = [](std::string_view text) { return text.find_first_of("./:") != std::string_view::npos; };
  kind.parse = [](std::string_view text) { return parse_network(text); };
  kind.print = [](const ConfigPrefix& prefix) { return to_text(prefix); };
  return named_list_rule(kind, when_empty, most);
}

ValueRule<ServiceList> services_rule(WhenEmpty when_empty, std::size_t most) {
  ItemKind<ServiceMatch> kind{"a protocol with ports or types", "a service", nullptr, nullptr, nullptr};
  kind.looks_like_value = [](std::string_view text) {
    return text.find_first_of("/ ") != std::string_view::npos || is_protocol(text);
  };
  kind.parse = [](std::string_view text) { return parse_service(text); };
  kind.print = [](const ServiceMatch& service) { return to_text(service); };
  return named_list_rule(kind, when_empty, most);
}

}  // namespace culvert
