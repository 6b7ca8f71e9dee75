// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sstream>
#include <string_view>

#include "config/documentation.h"
#include "config/schema.h"

namespace culvert {
namespace {

/// Text as roff(7) prints it unchanged: no escapes, no minus that becomes a hyphen, no line that begins as a request.
std::string roff(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  const bool request = result.starts_with('.') || result.starts_with('\'');
  return request ? "\\&" + result : result;
}

/// Lines of text as they are, between .nf and .fi.
std::string roff_lines(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) result += roff(line) + "\n";
  return result;
}

std::string entry(const KeyInfo& info) {
  std::string text = fmt::format(".TP\n.B {}\n{}\n", roff(info.path), roff(info.sentence));
  if (info.kind == KeyInfo::Kind::kValue) {
    text += fmt::format("Takes {}.\n", roff(info.accepts));
    text += info.required ? "It must be there.\n"
                          : fmt::format("Default:\n.BR {} .\n{}\n", roff(info.default_text), roff(info.reason));
  } else if (info.kind != KeyInfo::Kind::kObject) {
    text += fmt::format("Takes {}.\n", roff(info.accepts));
  }
  if (info.kind != KeyInfo::Kind::kObject) {
    text += info.reload == Reload::kLive ? "A running culvertd takes a change.\n" : "A change needs a restart.\n";
  }
  return text;
}

}  // namespace

std::string configuration_man_page() {
  std::string text =
      ".\\\" SPDX-License-Identifier: Apache-2.0\n"
      ".\\\" Written by config_docs from config/schema.cc; a test compares them. Do not edit.\n"
      ".TH CULVERT.YAML 5 \"\" Culvert \"File formats\"\n"
      ".SH NAME\nculvert.yaml \\- configuration of culvertd\n"
      ".SH DESCRIPTION\n"
      "One YAML document, given to\n.BR \"culvertd \\-\\-config\" .\n"
      "Every key but\n.B interfaces\nhas a default. A file with any error changes nothing;\n"
      ".B culvert config check\nlists all errors with line, column and key.\n"
      "Unknown keys, keys that come twice and keys of parts that this version does not have are errors.\n.PP\n"
      "Durations are numbers with ns, us, ms, s, m or h. Counts may end in k, M or G (thousands). Rates are counts "
      "per\n"
      "second (100/s). Ports are written tcp/22. Prefixes are written 192.0.2.0/24 or 2001:db8::/32; parts of pools\n"
      "also 198.18.1.16\\-198.18.1.31, and ranges of ports 1024\\-65535. Services are\n"
      "written tcp/80, udp/1024\\-2047, \"udp/123 from 123\" (the source's port), icmp/echo\\-request, icmp/3/4 (type "
      "and\ncode), icmpv6/128, gre or protocol/89. Hours are written 22:00\\-06:00, dates "
      "2026\\-12\\-24/2027\\-01\\-02; "
      "both\nare local time. Names begin with a letter; letters, digits, _ and \\- follow.\n"
      ".SH KEYS\n";
  for (const KeyInfo& info : schema_keys()) {
    if (info.kind != KeyInfo::Kind::kNotBuilt) text += entry(info);
  }
  text += ".SH NOT BUILT YET\nThese keys are refused:\n";
  for (const KeyInfo& info : schema_keys()) {
    if (info.kind == KeyInfo::Kind::kNotBuilt)
      text += fmt::format(".TP\n.B {}\n{}.\n", roff(info.path), roff(info.part));
  }
  text +=
      ".SH EXAMPLE\nA router between two interfaces:\n.PP\n.nf\n"
      "interfaces:\n  lan0: {}\n  wan0: {}\n.fi\n.PP\n"
      "A firewall, with every key of zones, screens, policy and nat:\n.PP\n.nf\n" +
      roff_lines(firewall_example()) + ".fi\n";
  return text;
}

}  // namespace culvert
