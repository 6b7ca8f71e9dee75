// SPDX-License-Identifier: Apache-2.0
#include "status/firewall_text.h"

#include <boost/algorithm/string/join.hpp>
#include <fmt/format.h>
#include <utility>

#include "status/table.h"

namespace culvert {
namespace {

using Align = Table::Align;

/// "tcp", "icmp id 7".
std::string protocol_cell(const SessionRow& row) {
  return row.icmp_id ? fmt::format("{} id {}", row.protocol, *row.icmp_id) : row.protocol;
}

std::string seconds_cell(std::uint64_t seconds) {
  if (seconds < 60) return fmt::format("{} s", seconds);
  return elapsed_text(seconds * 1000);
}

/// What is worth a second look: a rule that decides nothing, for now or at all.
std::string remark(const PolicyRow& row) {
  if (!row.enabled) return "disabled";
  if (!row.active) return fmt::format("outside {}", row.schedule.value_or("its schedule"));
  return row.hits == 0 ? "unused" : "";
}

Colour colour_of(const PolicyRow& row) {
  return remark(row).empty() ? Colour::kNone : Colour::kDim;
}

std::string default_line(const PolicyPage& page) {
  return fmt::format("Default: {}{}, {} hits\n", page.default_action, page.default_log ? ", logged" : "",
                     page.default_hits);
}

/// The reason in words, behind "rule N name:".
std::string_view why_text(std::string_view why) {
  constexpr std::pair<std::string_view, std::string_view> kTexts[] = {
      {"disabled", "disabled, or outside its schedule"},
      {"from_zone", "from another zone"},
      {"to_zone", "to another zone"},
      {"source", "another source"},
      {"destination", "another destination"},
      {"service", "another protocol, port or type"},
  };
  for (const auto& [name, text] : kTexts) {
    if (name == why) return text;
  }
  return why;
}

/// "198.18.0.2:5060 as 198.18.1.1:40000" for a translated one.
std::string source_cell(const SessionRow& row) {
  const std::string source = endpoint_text(row.source, row.source_port);
  if (!row.translated_source) return source;
  const std::string id = row.translated_icmp_id ? fmt::format(" id {}", *row.translated_icmp_id) : "";
  return fmt::format("{} as {}{}", source, endpoint_text(*row.translated_source, row.translated_source_port), id);
}

/// "198.18.1.1:8080 at 198.18.0.10:80" for one that goes to another destination.
std::string destination_cell(const SessionRow& row) {
  const std::string destination = endpoint_text(row.destination, row.destination_port);
  if (!row.translated_destination) return destination;
  return fmt::format("{} at {}", destination,
                     endpoint_text(*row.translated_destination, row.translated_destination_port));
}

/// What becomes of the destination, which the policy is asked about.
std::string destination_text(const PolicyTest& test) {
  if (!test.nat_destination) return {};
  return fmt::format("nat: by '{}' it goes to {}\n", test.nat_destination_rule.value_or(""),
                     endpoint_text(*test.nat_destination, test.nat_destination_port));
}

/// What becomes of the source: a line, or nothing without NAT.
std::string translation_text(const PolicyTest& test) {
  if (!test.nat_translate) return {};
  if (test.nat_source)
    return fmt::format("nat: by '{}' it leaves as {}\n", test.nat_rule.value_or(""), *test.nat_source);
  if (!test.nat_rule) return "nat: no rule matches, it leaves with its own source\n";
  if (*test.nat_translate == "none") return fmt::format("nat: by '{}' it leaves with its own source\n", *test.nat_rule);
  std::string text =
      *test.nat_translate == "interface"
          ? fmt::format("nat: by '{}' it leaves with the interface's address", *test.nat_rule)
          : fmt::format("nat: by '{}' it leaves with an address of {}", *test.nat_rule, *test.nat_translate);
  if (test.nat_mapping) text += fmt::format("; mapping {}", *test.nat_mapping);
  if (test.nat_filtering) text += fmt::format(", filtering {}", *test.nat_filtering);
  return text + "\n";
}

}  // namespace

std::string list_cell(const std::vector<std::string>& list) {
  return list.empty() ? "any" : boost::algorithm::join(list, ", ");
}

std::string endpoint_text(const std::string& address, const OptionalCount& port) {
  if (!port) return address;
  return address.find(':') == std::string::npos ? fmt::format("{}:{}", address, *port)
                                                : fmt::format("[{}]:{}", address, *port);
}

std::string sessions_text(const std::vector<SessionRow>& sessions, const TextOptions& options) {
  Table table({{"Protocol", Align::kLeft},
               {"Source", Align::kLeft},
               {"Destination", Align::kLeft},
               {"Zones", Align::kLeft},
               {"Interfaces", Align::kLeft},
               {"Rule", Align::kLeft},
               {"State", Align::kLeft},
               {"Age"},
               {"Idle"},
               {"Expires in"},
               {"Packets"},
               {"Bytes"},
               {"Reply packets"},
               {"Reply bytes"}});
  for (const SessionRow& row : sessions) {
    table.row({protocol_cell(row), source_cell(row), destination_cell(row),
               fmt::format("{} > {}", row.from_zone, row.to_zone),
               fmt::format("{} > {}", row.in_interface, row.out_interface), row.rule.value_or("-"), row.state,
               seconds_cell(row.age_s), seconds_cell(row.idle_s), seconds_cell(row.expires_in_s),
               fmt::format("{}", row.packets), fmt::format("{}", row.bytes), fmt::format("{}", row.reply_packets),
               fmt::format("{}", row.reply_bytes)});
  }
  return table.text(options.colour);
}

std::string session_summary_text(const SessionSummary& summary, const TextOptions& options) {
  std::string text = fmt::format("{} sessions: {} IPv4, {} IPv6\n", summary.sessions, summary.ipv4, summary.ipv6);
  if (summary.sessions == 0) return text;
  Table states({{"Protocol", Align::kLeft}, {"State", Align::kLeft}, {"Sessions"}, {"Packets"}, {"Bytes"}});
  for (const SessionStateCount& row : summary.states) {
    states.row({row.protocol, row.state, fmt::format("{}", row.sessions), fmt::format("{}", row.packets),
                fmt::format("{}", row.bytes)});
  }
  Table zones({{"From", Align::kLeft}, {"To", Align::kLeft}, {"Sessions"}, {"Packets"}, {"Bytes"}});
  for (const SessionZoneCount& row : summary.zones) {
    zones.row({row.from_zone, row.to_zone, fmt::format("{}", row.sessions), fmt::format("{}", row.packets),
               fmt::format("{}", row.bytes)});
  }
  return text + "\n" + states.text(options.colour) + "\n" + zones.text(options.colour);
}

std::string session_top_text(const SessionTop& top, const TextOptions& options) {
  const std::string title = top.of == "destinations" ? "Destination" : "Source";
  Table table({{title, Align::kLeft}, {"Sessions"}, {"Packets"}, {"Bytes"}});
  for (const SessionTopRow& row : top.rows) {
    table.row(
        {row.address, fmt::format("{}", row.sessions), fmt::format("{}", row.packets), fmt::format("{}", row.bytes)});
  }
  std::string text = table.text(options.colour) + fmt::format("{} of {} {} by {}; {} sessions\n", top.rows.size(),
                                                              top.addresses, top.of, top.by, top.sessions);
  if (top.sessions_left_out > 0) {
    text += fmt::format("Not counted: {} sessions of further {}; ask for a part, by prefix or zone\n",
                        top.sessions_left_out, top.of);
  }
  return text;
}

std::string policies_text(const PolicyPage& page, const TextOptions& options) {
  Table table({{"#"},
               {"Rule", Align::kLeft},
               {"From", Align::kLeft},
               {"To", Align::kLeft},
               {"Source", Align::kLeft},
               {"Destination", Align::kLeft},
               {"Service", Align::kLeft},
               {"Action", Align::kLeft},
               {"Log", Align::kLeft},
               {"Hits"},
               {"", Align::kLeft}});
  for (const PolicyRow& row : page.policies) {
    table.row({fmt::format("{}", row.position), row.rule, list_cell(row.from), list_cell(row.to), list_cell(row.source),
               list_cell(row.destination), list_cell(row.service), row.action, row.log == "none" ? "-" : row.log,
               fmt::format("{}", row.hits), remark(row)},
              colour_of(row));
  }
  return (table.empty() ? "" : table.text(options.colour)) + default_line(page);
}

std::string policy_hits_text(const PolicyPage& page, const TextOptions& options) {
  Table table({{"Hits"}, {"#"}, {"Rule", Align::kLeft}, {"Action", Align::kLeft}, {"", Align::kLeft}});
  std::size_t unused = 0;
  for (const PolicyRow& row : page.policies) {
    unused += row.hits == 0 ? 1U : 0U;
    table.row({fmt::format("{}", row.hits), fmt::format("{}", row.position), row.rule, row.action, remark(row)},
              colour_of(row));
  }
  return (table.empty() ? "" : table.text(options.colour)) + default_line(page) +
         fmt::format("{} of {} rules have decided nothing yet\n", unused, page.policies.size());
}

std::string policy_test_text(const PolicyTest& test, const TextOptions& options) {
  std::string text =
      fmt::format("{} {} -> {}, from {} to {}\n", test.protocol, endpoint_text(test.source, test.source_port),
                  endpoint_text(test.destination, test.destination_port), test.from_zone, test.to_zone);
  text += test.rule ? fmt::format("{}: rule {} '{}' decides", test.action, test.position.value_or(0), *test.rule)
                    : fmt::format("{}: no rule matches, the default decides", test.action);
  if (test.log_open || test.log_close) {
    text += fmt::format("; logged {}", test.log_open && test.log_close ? "open and close"
                                       : test.log_open                 ? "open"
                                                                       : "close");
  }
  text += "\n" + destination_text(test) + translation_text(test);
  if (test.passed.empty()) return text;
  text += test.passed.size() == test.passed_total
              ? "\nThe rules before it, and what does not fit:\n"
              : fmt::format("\n{} of the {} rules before it, those that came closest (--all for all):\n",
                            test.passed.size(), test.passed_total);
  Table table({{"#"}, {"Rule", Align::kLeft}, {"What does not fit", Align::kLeft}});
  for (const PolicyPassed& row : test.passed) {
    table.row({fmt::format("{}", row.position), row.rule, std::string(why_text(row.why))});
  }
  return text + table.text(options.colour);
}

}  // namespace culvert
