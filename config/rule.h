// SPDX-License-Identifier: Apache-2.0
// A ValueRule says of one kind of value: which texts are it, within which bounds, and how it is written. The schema
// hangs rules on keys; the same rule reads a file, refuses what is out of bounds, prints a difference and fills the
// manual.
#pragma once

#include <fmt/format.h>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/address.h"
#include "config/diagnostics.h"
#include "config/key_info.h"
#include "config/node.h"
#include "config/suggest.h"
#include "config/values.h"

namespace culvert {

/// Where the reader is: the path of the key, and where mistakes go.
struct Place {
  Diagnostics& diagnostics;
  std::string key;
  const std::vector<KeyInfo>* schema = nullptr;  ///< all keys, to find the right place of a misplaced one

  Place at(std::string_view name) const;  ///< a key below: "system" -> "system.idle"; odd names are quoted
  Place item(std::size_t index) const;    ///< an item of a list: "deny" -> "deny[2]"
  void error(const YamlNode& node, std::string what, std::string right) const;
  void warning(const YamlNode& node, std::string what, std::string right) const;
};

template <typename T>
struct ValueRule {
  std::string accepts;  ///< "a duration from 0 to 10ms": for messages and the manual
  /// Reads a value into the target, or reports why not and leaves the target alone.
  std::function<void(const YamlNode&, const Place&, T&)> read;
  /// One line of YAML that reads back as the same value.
  std::function<std::string(const T&)> print;
};

/// The text of a scalar; otherwise reports that one value belongs here.
const std::string* scalar_text(const YamlNode& node, const Place& place, const std::string& accepts);

/// A rule for one scalar from a parse function and its inverse.
template <typename T>
ValueRule<T> scalar_rule(std::string accepts, std::function<Result<T>(std::string_view)> parse,
                         std::function<std::string(const T&)> print) {
  const auto read = [accepts, parse](const YamlNode& node, const Place& place, T& target) {
    const std::string* text = scalar_text(node, place, accepts);
    if (text == nullptr) return;
    Result<T> value = parse(*text);
    if (value) {
      target = std::move(*value);
    } else {
      place.error(node, value.error().what, value.error().hint);
    }
  };
  return {std::move(accepts), read, [print](const T& value) { return yaml_scalar(print(value)); }};
}

/// How a number is typed and written, with what it is called.
struct NumberKind {
  std::string_view noun;
  Result<std::uint64_t> (*parse)(std::string_view);
  std::string (*print)(std::uint64_t);
};
inline constexpr NumberKind kCountKind{"a number", parse_count, count_text};
inline constexpr NumberKind kDurationKind{"a duration", parse_duration_ns, duration_text};
inline constexpr NumberKind kSizeKind{"a size", parse_size_bytes, size_text};
inline constexpr NumberKind kRateKind{"a rate", parse_rate_per_second, rate_text};

/// A number of `least` to `most`, both included; T holds it in the kind's base unit (ns, bytes, per second).
template <typename T>
ValueRule<T> number_rule(const NumberKind& kind, T least, T most) {
  const std::string range = fmt::format("{} to {}", kind.print(least), kind.print(most));
  const auto parse = [kind, least, most, range](std::string_view text) -> Result<T> {
    const Result<std::uint64_t> value = kind.parse(text);
    if (!value) return Error{value.error().what, 0, fmt::format("use {} from {}", kind.noun, range)};
    if (*value < least) return Error{fmt::format("{} is less than {}", text, kind.print(least)), 0, "use " + range};
    if (*value > most) return Error{fmt::format("{} is more than {}", text, kind.print(most)), 0, "use " + range};
    return static_cast<T>(*value);
  };
  return scalar_rule<T>(fmt::format("{} from {}", kind.noun, range), parse,
                        [kind](const T& value) { return kind.print(value); });
}

template <typename T>
ValueRule<T> count_rule(T least, T most) {
  return number_rule<T>(kCountKind, least, most);
}
ValueRule<std::uint64_t> duration_rule(std::uint64_t least_ns, std::uint64_t most_ns);
ValueRule<std::uint64_t> size_rule(std::uint64_t least_bytes, std::uint64_t most_bytes);
ValueRule<std::uint32_t> rate_rule(std::uint32_t least_per_second, std::uint32_t most_per_second);
/// A power of two of `least` to `most`, which are powers of two themselves.
ValueRule<std::uint32_t> power_of_two_rule(std::uint32_t least, std::uint32_t most);
ValueRule<bool> flag_rule();

/// "use one of a, b, c", and when the text is nearly one of them "(did you mean b?)".
std::string use_one_of(std::string_view typed, const std::vector<std::string>& words);

/// One of a few words; `noun` is what they are: "a mode".
template <typename T>
ValueRule<T> word_rule(std::string noun, std::vector<std::pair<std::string, T>> table) {
  std::vector<std::string> words;
  for (const auto& row : table) words.push_back(row.first);
  const auto parse = [noun, table, words](std::string_view text) -> Result<T> {
    for (const auto& [word, value] : table) {
      if (word == text) return value;
    }
    return Error{fmt::format("'{}' is not {}", shown(text), noun), 0, use_one_of(text, words)};
  };
  const auto print = [table](const T& value) {
    for (const auto& [word, known] : table) {
      if (known == value) return word;
    }
    return std::string();
  };
  return scalar_rule<T>(fmt::format("one of {}", fmt::join(words, ", ")), parse, print);
}

/// Of a path below which files are made: PATH_MAX less room for their names.
inline constexpr std::size_t kPathBytes = 4000;

/// An absolute path of a file, at most `most_bytes` long.
ValueRule<std::string> path_rule(std::size_t most_bytes);
/// The name of an account (useradd(8): a-z 0-9 _ -, begins with a letter or _, at most 32).
ValueRule<std::string> account_rule();
/// The name of a network interface, as the kernel has it (dev_valid_name() of net/core/dev.c).
ValueRule<std::string> interface_name_rule();
Result<std::string> parse_interface_name(std::string_view text);
/// A network: no bits behind the length.
Result<ConfigPrefix> parse_network(std::string_view text);
ValueRule<ConfigPrefix> network_rule();
/// One IPv4 address that a device of ours can have: no network behind it, not 0/8, 127/8 or 224/3.
ValueRule<ConfigPrefix> interface_address_rule();
ValueRule<SocketAddress> socket_address_rule();
/// An Ethernet address of one station: not a group's, not all zeros.
ValueRule<MacAddress> station_rule();
ValueRule<ProtocolPort> protocol_port_rule();

/// One word, held as no value, or what the inner rule takes.
template <typename T>
ValueRule<std::optional<T>> word_or(const std::string& word, ValueRule<T> inner) {
  const std::string accepts = fmt::format("{}, or {}", word, inner.accepts);
  const auto read = [inner, word, accepts](const YamlNode& node, const Place& place, std::optional<T>& target) {
    const std::string* text = scalar_text(node, place, accepts);
    if (text == nullptr) return;
    if (*text == word) {
      target.reset();
      return;
    }
    T value{};
    Diagnostics refusal;
    inner.read(node, Place{refusal, place.key, place.schema}, value);
    if (refusal.errors() == 0) {
      target = std::move(value);
    } else if (nearest(*text, {word}).has_value()) {
      place.error(node, fmt::format("'{}' is not {}", shown(*text), accepts), fmt::format("did you mean {}?", word));
    } else {
      for (Diagnostic& diagnostic : refusal.take()) place.diagnostics.add(std::move(diagnostic));
    }
  };
  const auto print = [inner, word](const std::optional<T>& value) {
    return value.has_value() ? inner.print(*value) : word;
  };
  return {accepts, read, print};
}

template <typename T>
ValueRule<std::optional<T>> automatic_or(ValueRule<T> inner) {
  return word_or<T>("auto", std::move(inner));
}

/// Of what a person says about a zone, a rule, a pool.
inline constexpr std::size_t kDescriptionBytes = 255;

/// A text for people, of one line.
ValueRule<std::string> sentence_rule(std::size_t most_bytes);

/// Reports a list that is none, or is too long or too short; true when its items are worth reading.
bool check_list(const YamlNode& node, const Place& place, const std::string& accepts, std::size_t least,
                std::size_t most);

/// Calls `read_item` for each item of a list of 1 to `most`, or for one value that stands alone. Reports what is
/// neither, and texts that come twice; the items' own mistakes `read_item` reports. True when there was no mistake at
/// all.
using ReadItem = std::function<void(const YamlNode&, const Place&)>;
bool read_items(const YamlNode& node, const Place& place, const std::string& accepts, std::size_t most,
                const ReadItem& read_item);

/// A list of `least` to `most` values, no value twice. `what` names them: "prefixes".
template <typename T>
ValueRule<std::vector<T>> list_of(const std::string& what, ValueRule<T> inner, std::size_t least, std::size_t most) {
  const std::string accepts = fmt::format("a list of {} to {} {}, each {}", least, most, what, inner.accepts);
  const auto read = [=](const YamlNode& node, const Place& place, std::vector<T>& target) {
    if (!check_list(node, place, accepts, least, most)) return;
    target.clear();
    std::map<T, int> line_of;
    for (std::size_t i = 0; i < node.values.size() && !place.diagnostics.full(); ++i) {
      T value{};
      const std::size_t errors_before = place.diagnostics.errors();
      inner.read(node.values[i], place.item(i), value);
      if (place.diagnostics.errors() != errors_before) continue;
      const auto [seen, is_new] = line_of.emplace(value, node.values[i].line);
      if (!is_new) {
        place.item(i).error(node.values[i], fmt::format("{} is in the list twice", inner.print(value)),
                            fmt::format("it is already in line {}; remove one", seen->second));
      }
      target.push_back(std::move(value));
    }
  };
  const auto print = [inner](const std::vector<T>& values) {
    std::vector<std::string> texts;
    for (const T& value : values) texts.push_back(inner.print(value));
    return fmt::format("[{}]", fmt::join(texts, ", "));
  };
  return {accepts, read, print};
}

}  // namespace culvert
