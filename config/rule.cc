// SPDX-License-Identifier: Apache-2.0
#include "config/rule.h"

#include <algorithm>
#include <bit>
#include <net/if.h>
#include <unordered_map>

namespace culvert {
namespace {

bool is_plain_key(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '@';
  });
}

std::string same(const std::string& text) {
  return text;
}

}  // namespace

Place Place::at(std::string_view name) const {
  const std::string part = is_plain_key(name) ? std::string(name) : fmt::format("\"{}\"", shown(name));
  return {diagnostics, key.empty() ? part : key + "." + part, schema};
}

Place Place::item(std::size_t index) const {
  return {diagnostics, fmt::format("{}[{}]", key, index), schema};
}

void Place::error(const YamlNode& node, std::string what, std::string right) const {
  diagnostics.add({Severity::kError, node.line, node.column, key, std::move(what), std::move(right)});
}

void Place::warning(const YamlNode& node, std::string what, std::string right) const {
  diagnostics.add({Severity::kWarning, node.line, node.column, key, std::move(what), std::move(right)});
}

const std::string* scalar_text(const YamlNode& node, const Place& place, const std::string& accepts) {
  if (node.is_scalar() && !node.text.empty()) return &node.text;
  const std::string_view what = node.is_mapping()    ? "has keys of its own, but one value belongs here"
                                : node.is_sequence() ? "is a list, but one value belongs here"
                                                     : "has no value";
  place.error(node, std::string(what), fmt::format("write {}, or remove the key", accepts));
  return nullptr;
}

std::string use_one_of(std::string_view typed, const std::vector<std::string>& words) {
  const std::optional<std::string> meant = nearest(typed, words);
  return fmt::format("use one of {}{}", fmt::join(words, ", "),
                     meant ? fmt::format(" (did you mean {}?)", *meant) : "");
}

ValueRule<std::uint64_t> duration_rule(std::uint64_t least_ns, std::uint64_t most_ns) {
  return number_rule<std::uint64_t>(kDurationKind, least_ns, most_ns);
}

ValueRule<std::uint64_t> size_rule(std::uint64_t least_bytes, std::uint64_t most_bytes) {
  return number_rule<std::uint64_t>(kSizeKind, least_bytes, most_bytes);
}

ValueRule<std::uint32_t> rate_rule(std::uint32_t least_per_second, std::uint32_t most_per_second) {
  return number_rule<std::uint32_t>(kRateKind, least_per_second, most_per_second);
}

ValueRule<std::uint32_t> power_of_two_rule(std::uint32_t least, std::uint32_t most) {
  const std::string accepts = fmt::format("a power of two from {} to {}", least, most);
  const auto parse = [=](std::string_view text) -> Result<std::uint32_t> {
    const Result<std::uint64_t> value = parse_count(text);
    if (!value) return Error{value.error().what, 0, "use " + accepts};
    if (*value < least) return Error{fmt::format("{} is less than {}", text, least), 0, "use " + accepts};
    if (*value > most) return Error{fmt::format("{} is more than {}", text, most), 0, "use " + accepts};
    if (!std::has_single_bit(*value)) {
      return Error{fmt::format("{} is not a power of two", text), 0,
                   fmt::format("use {} or {}", std::bit_floor(*value), std::bit_ceil(*value))};
    }
    return static_cast<std::uint32_t>(*value);
  };
  return scalar_rule<std::uint32_t>(accepts, parse, [](const std::uint32_t& value) { return count_text(value); });
}

ValueRule<bool> flag_rule() {
  const auto parse = [](std::string_view text) -> Result<bool> {
    if (text == "true") return true;
    if (text == "false") return false;
    return Error{fmt::format("'{}' is not true or false", shown(text)), 0, "use true or false"};
  };
  return scalar_rule<bool>("true or false", parse,
                           [](const bool& value) -> std::string { return value ? "true" : "false"; });
}

ValueRule<std::string> path_rule(std::size_t most_bytes) {
  const auto parse = [most_bytes](std::string_view text) -> Result<std::string> {
    if (!text.starts_with('/')) {
      return Error{fmt::format("'{}' is not an absolute path", shown(text)), 0, "begin it with /"};
    }
    if (text.size() > most_bytes) {
      return Error{fmt::format("the path is {} bytes long", text.size()), 0, fmt::format("use at most {}", most_bytes)};
    }
    if (shown(text, most_bytes) != text) {
      return Error{fmt::format("'{}' holds a character that cannot be shown", shown(text)), 0, "use another path"};
    }
    return text_result(std::string(text));
  };
  return scalar_rule<std::string>(fmt::format("an absolute path of at most {} bytes", most_bytes), parse, same);
}

ValueRule<std::string> sentence_rule(std::size_t most_bytes) {
  const std::string accepts = fmt::format("a text of at most {} bytes", most_bytes);
  const auto read = [accepts, most_bytes](const YamlNode& node, const Place& place, std::string& target) {
    if (!node.is_scalar()) {
      scalar_text(node, place, accepts);  // says what is wrong
    } else if (node.text.size() > most_bytes) {
      place.error(node, fmt::format("the text is {} bytes long", node.text.size()),
                  fmt::format("use at most {}", most_bytes));
    } else if (shown(node.text, most_bytes) != node.text) {
      place.error(node, fmt::format("'{}' holds a character that cannot be shown", shown(node.text)),
                  "write one line of text");
    } else {
      target = node.text;
    }
  };
  return {accepts, read, [](const std::string& text) { return yaml_scalar(text); }};
}

ValueRule<std::string> account_rule() {
  const auto parse = [](std::string_view text) -> Result<std::string> {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    const bool fits = text.size() <= 32 && letter(text.front()) && std::all_of(text.begin(), text.end(), [&](char c) {
                        return letter(c) || (c >= '0' && c <= '9') || c == '-';
                      });
    if (fits) return text_result(std::string(text));
    return Error{fmt::format("'{}' is not the name of an account", shown(text)), 0,
                 "use at most 32 of a-z, 0-9, _ and -, a letter or _ first"};
  };
  return scalar_rule<std::string>("the name of an account", parse, same);
}

Result<std::string> parse_interface_name(std::string_view text) {
  const Error error{fmt::format("'{}' cannot be an interface's name", shown(text)), 0,
                    "use 1 to 15 characters without spaces, '/' and ':'"};
  if (text.empty() || text.size() >= IFNAMSIZ || text == "." || text == "..") return error;
  const bool fits = std::all_of(text.begin(), text.end(), [](char c) {
    // The kernel allows more control characters than spaces; they would end up on terminals.
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '/' && c != ':';
  });
  if (!fits) return error;
  return text_result(std::string(text));
}

ValueRule<std::string> interface_name_rule() {
  return scalar_rule<std::string>("an interface's name", parse_interface_name, same);
}

Result<ConfigPrefix> parse_network(std::string_view text) {
  Result<ConfigPrefix> prefix = parse_prefix(text);
  if (prefix && network_of(*prefix) != *prefix) {
    return Error{fmt::format("{} has bits behind its length", to_text(*prefix)), 0,
                 "the network is " + to_text(network_of(*prefix))};
  }
  return prefix;
}

ValueRule<ConfigPrefix> network_rule() {
  return scalar_rule<ConfigPrefix>("an IPv4 or IPv6 prefix", parse_network,
                                   [](const ConfigPrefix& prefix) { return to_text(prefix); });
}

ValueRule<ConfigPrefix> interface_address_rule() {
  const auto parse = [](std::string_view text) -> Result<ConfigPrefix> {
    const Result<ConfigPrefix> parsed = parse_prefix(text);
    if (!parsed) return parsed;
    const ConfigPrefix& prefix = parsed.value();
    const std::string one = "use one IPv4 address, as 169.254.77.1/32";
    if (prefix.address.is_ipv6) return Error{fmt::format("{} is not an IPv4 address", shown(text)), 0, one};
    if (prefix.length != 32) return Error{fmt::format("{} is a network's address, not one alone", shown(text)), 0, one};
    const unsigned first = prefix.address.bytes[0];
    if (first == 0 || first == 127 || first >= 224) {
      return Error{fmt::format("{} cannot be the address of a device", shown(text)), 0, one};
    }
    return parsed;
  };
  return scalar_rule<ConfigPrefix>("one IPv4 address, its length /32", parse,
                                   [](const ConfigPrefix& prefix) { return to_text(prefix); });
}

ValueRule<SocketAddress> socket_address_rule() {
  const auto parse = [](std::string_view text) { return parse_socket_address(text); };
  return scalar_rule<SocketAddress>("an address and a port", parse,
                                    [](const SocketAddress& address) { return to_text(address); });
}

ValueRule<MacAddress> station_rule() {
  const auto parse = [](std::string_view text) -> Result<MacAddress> {
    const Result<MacAddress> parsed = parse_mac_address(text);
    if (!parsed) return parsed;
    const std::string one = "use a station's, as 00:00:5e:00:01:07";
    const MacAddress& address = parsed.value();
    if (address.is_group()) return Error{fmt::format("{} is the address of a group", shown(text)), 0, one};
    if (address == MacAddress{}) return Error{fmt::format("{} is nobody's address", shown(text)), 0, one};
    return parsed;
  };
  return scalar_rule<MacAddress>("an Ethernet address", parse,
                                 [](const MacAddress& address) { return to_text(address); });
}

ValueRule<ProtocolPort> protocol_port_rule() {
  const auto parse = [](std::string_view text) { return parse_protocol_port(text); };
  return scalar_rule<ProtocolPort>("tcp/, udp/ or sctp/ and a port", parse,
                                   [](const ProtocolPort& port) { return to_text(port); });
}

bool check_list(const YamlNode& node, const Place& place, const std::string& accepts, std::size_t least,
                std::size_t most) {
  const auto size = node.values.size();
  if (!node.is_sequence()) {
    const bool one = node.is_scalar() && !node.text.empty();
    place.error(
        node, node.is_null() ? "has no value" : "is not a list",
        one ? fmt::format("write [{}]", shown(node.text)) : fmt::format("write {}, or remove the key", accepts));
  } else if (size < least || size > most) {
    place.error(node, fmt::format("the list has {} items", size), fmt::format("use {} to {}", least, most));
  } else {
    return true;
  }
  return false;
}

bool read_items(const YamlNode& node, const Place& place, const std::string& accepts, std::size_t most,
                const ReadItem& read_item) {
  const std::size_t errors_before = place.diagnostics.errors();
  if (!node.is_sequence()) {
    if (scalar_text(node, place, accepts) != nullptr) read_item(node, place);
    return place.diagnostics.errors() == errors_before;
  }
  if (!check_list(node, place, accepts, 1, most)) return false;
  std::unordered_map<std::string_view, int> line_of;
  for (std::size_t i = 0; i < node.values.size() && !place.diagnostics.full(); ++i) {
    const YamlNode& item = node.values[i];
    const Place here = place.item(i);
    read_item(item, here);
    if (!item.is_scalar()) continue;
    const auto [seen, is_new] = line_of.emplace(item.text, item.line);
    if (!is_new) {
      here.error(item, fmt::format("{} is in the list twice", shown(item.text)),
                 fmt::format("it is already in line {}; remove one", seen->second));
    }
  }
  return place.diagnostics.errors() == errors_before;
}

}  // namespace culvert
