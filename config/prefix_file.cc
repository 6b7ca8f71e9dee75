// SPDX-License-Identifier: Apache-2.0
#include "config/prefix_file.h"

#include "base/hash.h"
#include "config/text_file.h"

namespace culvert {
namespace {

constexpr std::size_t kBytesPerLine = 128;  // of a long prefix and a comment, on average
constexpr std::size_t kMostReported = 5;    // of one file: who has a wrong file has it wrong in every line

std::string_view without_comment(std::string_view line) {
  constexpr std::string_view kSpaces = " \t\r";
  line = line.substr(0, line.find_first_of("#;"));
  const std::size_t begin = line.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(kSpaces) + 1 - begin);
}

/// What is wrong with a line that should be a prefix. Never what stands there: whoever may ask culvertd to check a text
/// may not read every file that culvertd can.
std::string mistake_in(const Result<ConfigPrefix>& prefix) {
  return prefix ? "has bits behind its length" : "is not a prefix";
}

/// Reports lines that are wrong; true when none is.
bool read_lines(std::string_view text, const std::string& path, const YamlNode& node, const Place& place,
                std::vector<ConfigPrefix>& prefixes) {
  std::size_t wrong = 0;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = without_comment(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    const Result<ConfigPrefix> prefix = parse_prefix(line);
    if (prefix && network_of(*prefix) == *prefix) {
      prefixes.push_back(*prefix);
    } else if (++wrong <= kMostReported) {
      place.error(node, fmt::format("line {} of {} {}", number, shown(path), mistake_in(prefix)),
                  "write one prefix a line, as 192.0.2.0/24; # begins a comment");
    }
  }
  if (wrong > kMostReported) {
    place.error(node, fmt::format("{} more lines of {} are wrong", wrong - kMostReported, shown(path)), "");
  }
  return wrong == 0;
}

void read_prefix_file(const std::string& path, const YamlNode& node, const Place& place, std::size_t most,
                      PrefixFile& target) {
  const Result<std::string> content = read_text_file(path, most * kBytesPerLine, "file of prefixes");
  if (content.has_error()) {
    const Error& error = content.error();
    place.error(node, fmt::format("{}: {}", shown(path), Error{error.what, error.code, ""}.to_string()), error.hint);
    return;
  }
  const std::string& text = content.value();
  PrefixFile file{path, {}};
  if (text.size() > most * kBytesPerLine) {
    place.error(node, fmt::format("{} is larger than {} bytes", shown(path), most * kBytesPerLine), "");
  } else if (read_lines(text, path, node, place, file.prefixes)) {
    target = std::move(file);
  }
  if (target.prefixes.size() > most) {
    place.error(node, fmt::format("{} holds {} prefixes", shown(path), target.prefixes.size()),
                fmt::format("use at most {}", most));
  }
}

/// Tells two contents of one file apart.
std::uint64_t digest_of(const std::vector<ConfigPrefix>& prefixes) {
  std::uint64_t digest = prefixes.size();
  for (const ConfigPrefix& prefix : prefixes) {
    for (const std::uint8_t byte : prefix.address.bytes) digest = digest * 0x100000001b3 ^ byte;
    digest ^= std::uint64_t{prefix.length} << 1 | (prefix.address.is_ipv6 ? 1U : 0U);
    digest = splitmix64(digest);
  }
  return digest;
}

}  // namespace

ValueRule<PrefixFile> prefix_file_rule(std::size_t most) {
  const ValueRule<std::optional<std::string>> path_or_none = word_or<std::string>("none", path_rule(kPathBytes));
  const auto read = [=](const YamlNode& node, const Place& place, PrefixFile& target) {
    std::optional<std::string> path;
    path_or_none.read(node, place, path);
    if (path && !path->empty()) read_prefix_file(*path, node, place, most, target);
  };
  const auto print = [=](const PrefixFile& file) -> std::string {
    if (file.path.empty()) return "none";
    return fmt::format("{} # {} prefixes, {:016x}", yaml_scalar(file.path), file.prefixes.size(),
                       digest_of(file.prefixes));
  };
  return {path_or_none.accepts, read, print};
}

}  // namespace culvert
