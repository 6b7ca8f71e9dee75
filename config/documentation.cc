// SPDX-License-Identifier: Apache-2.0
#include "config/documentation.h"

#include <algorithm>
#include <fmt/format.h>
#include <sstream>

#include "config/schema.h"
#include "config/yaml.h"

namespace culvert {
namespace {

std::size_t depth_of(const KeyInfo& info) {
  return static_cast<std::size_t>(std::count(info.path.begin(), info.path.end(), '.'));
}

std::string name_of(const KeyInfo& info) {
  return info.path.substr(info.path.rfind('.') + 1);
}

std::string change_text(const KeyInfo& info) {
  return info.reload == Reload::kLive ? "taken by a running culvertd" : "needs a restart of culvertd";
}

std::string markdown_of(const KeyInfo& info) {
  const std::string heading =
      fmt::format("{} `{}`\n\n{}\n", depth_of(info) == 0 ? "##" : "###", info.path, wrapped(info.sentence, ""));
  switch (info.kind) {
    case KeyInfo::Kind::kObject:
      return heading;
    case KeyInfo::Kind::kOptional:
      return heading + fmt::format("- takes: {}\n- default: absent\n- why: {}\n- adding or removing it: {}\n\n",
                                   info.accepts, info.reason, change_text(info));
    case KeyInfo::Kind::kMap:
    case KeyInfo::Kind::kList:
      return heading + fmt::format("- takes: {}\n- adding or removing one: {}\n\n", info.accepts, change_text(info));
    case KeyInfo::Kind::kNotBuilt:
      return "";
    case KeyInfo::Kind::kValue:
      break;
  }
  if (info.required) {
    return heading + fmt::format("- takes: {}\n- default: none, it must be there\n- change: {}\n\n", info.accepts,
                                 change_text(info));
  }
  return heading + fmt::format("- takes: {}\n- default: `{}`\n- why: {}\n- change: {}\n\n", info.accepts,
                               info.default_text, info.reason, change_text(info));
}

/// True for keys of which the example has no value: those of parts that do nothing while they are empty. They are in
/// the firewall's example.
bool is_below_empty(const KeyInfo& info) {
  return info.path.starts_with("policy") || info.path.starts_with("nat") || info.path.starts_with("zones.") ||
         info.path.starts_with("screens.");
}

/// A text as comments of YAML.
std::string commented(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) result += line.empty() ? "#\n" : "# " + line + "\n";
  return result;
}

}  // namespace

std::string wrapped(const std::string& text, const std::string& prefix, std::size_t width) {
  std::istringstream words(text);
  std::string result;
  std::string line = prefix;
  for (std::string word; words >> word;) {
    if (line.size() > prefix.size() && line.size() + 1 + word.size() > width) {
      result += line + "\n";
      line = prefix;
    }
    line += (line.size() > prefix.size() ? " " : "") + word;
  }
  return result + line + "\n";
}

std::string configuration_markdown() {
  std::string text =
      "# Configuration\n\n"
      "<!-- Written by config_docs from config/schema.cc; a test compares them. Do not edit. -->\n\n"
      "`culvertd --config FILE` reads one YAML file; `culvert config check FILE` says what is wrong with it, all at\n"
      "once, with line, column and key. The smallest one names the interfaces, everything else has a default:\n\n"
      "```yaml\ninterfaces:\n  lan0: {}\n  wan0: {}\n```\n\n"
      "[example.yaml](example.yaml) has every key at its default. A text with any error changes nothing. Unknown "
      "keys,\n"
      "keys that come twice and keys of parts that this version does not have are errors.\n\n"
      "How values are written:\n\n"
      "- durations: a number with `ns`, `us`, `ms`, `s`, `m` or `h`: `500ms`, `1.5s`\n"
      "- counts: a number, or one with `k`, `M` or `G` for thousands, millions, billions: `64k`, `1.2M`\n"
      "- rates: a count per second: `100/s`\n"
      "- ports: `tcp/22`, `udp/53`, `sctp/5060`\n"
      "- prefixes: `192.0.2.0/24`, `2001:db8::/32`; an address alone is a single host\n"
      "- parts of pools: an address, the first and the last one (`198.18.1.16-198.18.1.31`), or a prefix; ranges of "
      "ports:\n"
      "  `1024-65535`\n"
      "- services: `tcp/80`, `udp/1024-2047`, `udp/123 from 123` (the source's port), `icmp/echo-request`, `icmp/3/4`\n"
      "  (type and code), `icmpv6/128`, `gre`, `protocol/89`\n"
      "- hours: `08:00-18:00`, `22:00-06:00` (over midnight); dates: `2026-12-24/2027-01-02`; both are local time\n"
      "- names (of zones, screens, sets, services, schedules, pools, rules): a letter, then letters, digits, `_` and "
      "`-`\n"
      "- anchors and aliases work; merge keys (`<<`) and tags do not\n\n" +
      fmt::format("Bounds: a file of {} bytes, {} values, {} levels.\n\n", kMostBytes, kMostNodes, kMostDepth);
  text += "A firewall, with every key of `zones`, `screens`, `policy` and `nat`:\n\n```yaml\n" + firewall_example() +
          "```\n\n";
  for (const KeyInfo& info : schema_keys()) text += markdown_of(info);
  text +=
      "## Not built yet\n\nThese keys are refused, because the part that they belong to is not in this version:\n\n";
  for (const KeyInfo& info : schema_keys()) {
    if (info.kind == KeyInfo::Kind::kNotBuilt) text += fmt::format("- `{}`: {}\n", info.path, info.part);
  }
  return text;
}

std::string example_yaml() {
  std::string text =
      "# SPDX-License-Identifier: Apache-2.0\n"
      "# Every key of Culvert's configuration at its default, for a router between lan0 and wan0. Keep what you "
      "change:\n"
      "# a file with nothing but the two names below 'interfaces' means the same.\n"
      "# A firewall, which needs more than defaults, is at the end, as a comment.\n"
      "# Written by config_docs from config/schema.cc; a test compares them. Do not edit here: copy it.\n";
  for (const KeyInfo& info : schema_keys()) {
    const std::string indent(2 * depth_of(info), ' ');
    if (info.kind == KeyInfo::Kind::kNotBuilt || is_below_empty(info)) continue;
    if (depth_of(info) == 0) text += "\n";
    text += wrapped(info.sentence, indent + "# ");
    if (info.kind == KeyInfo::Kind::kValue) {
      text += wrapped(fmt::format("Takes {}. {}", info.accepts, info.reason), indent + "# ");
      text += fmt::format("{}{}: {}\n", indent, name_of(info), info.default_text);
    } else {
      text +=
          fmt::format("{}{}:{}\n", indent, name_of(info), info.path == "zones" || info.path == "screens" ? " {}" : "");
    }
    if (info.path == "interfaces") text += "  wan0: {}\n  lan0:\n";
  }
  text +=
      "\n# With a policy Culvert is a stateful firewall: what no rule permits is denied, answers to what is permitted "
      "pass\n# by themselves. Each key is explained in configuration.md, or culvert.yaml(5). A firewall for three "
      "interfaces:\n#\n";
  return text + commented(firewall_example());
}

}  // namespace culvert
