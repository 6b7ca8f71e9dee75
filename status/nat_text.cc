// SPDX-License-Identifier: Apache-2.0
#include "status/nat_text.h"

#include <fmt/format.h>

#include "status/firewall_text.h"
#include "status/table.h"

namespace culvert {
namespace {

using Align = Table::Align;

std::string use_cell(const NatPortUse& use) {
  return use.max == 0 ? fmt::format("{}", use.used) : fmt::format("{}/{}", use.used, use.max);
}

std::string ports_cell(const NatAddressRow& row) {
  return row.last_port == 0 ? "-" : fmt::format("{}-{}", row.first_port, row.last_port);
}

/// "198.18.0.10 port 80", "interface, each session a port of its own".
std::string becomes(const NatRuleRow& row) {
  std::string text = row.translate;
  if (!row.port.empty()) text += " port " + row.port;
  if (row.checksum_neutral) text += ", checksum-neutral";
  if (row.kind == "source" && row.translate != "none") {
    text += row.mapping == "endpoint_independent" ? ", filtering " + row.filtering : ", a port a session";
  }
  return text;
}

std::uint64_t refused(const NatAddressRow& row) {
  return row.tcp.refused + row.udp.refused + row.icmp.refused + row.sctp.refused;
}

}  // namespace

std::string nat_rules_text(const NatRulePage& page, const TextOptions& options) {
  Table table({{"Kind", Align::kLeft},
               {"#"},
               {"Rule", Align::kLeft},
               {"Family", Align::kLeft},
               {"From", Align::kLeft},
               {"To", Align::kLeft},
               {"Source", Align::kLeft},
               {"Destination", Align::kLeft},
               {"Service", Align::kLeft},
               {"Becomes", Align::kLeft},
               {"Log", Align::kLeft},
               {"Hits"},
               {"", Align::kLeft}});
  for (const NatRuleRow& row : page.rules) {
    table.row({row.kind, fmt::format("{}", row.position), row.rule, row.family, list_cell(row.from), list_cell(row.to),
               list_cell(row.source), list_cell(row.destination), list_cell(row.service), becomes(row),
               row.log.empty() || row.log == "none" ? "-" : row.log, fmt::format("{}", row.hits),
               row.enabled ? "" : "disabled"},
              row.enabled ? Colour::kNone : Colour::kYellow);
  }
  return (table.empty() ? "" : table.text(options.colour)) + fmt::format("{} rules\n", page.total);
}

std::string nat_pools_text(const NatPools& pools, const TextOptions& options) {
  Table table({{"Pool", Align::kLeft},
               {"Address", Align::kLeft},
               {"Ports", Align::kLeft},
               {"Excluded"},
               {"TCP"},
               {"UDP"},
               {"ICMP"},
               {"SCTP"},
               {"Refused"},
               {"", Align::kLeft}});
  for (const NatAddressRow& row : pools.addresses) {
    table.row(
        {row.pool, row.address, ports_cell(row), fmt::format("{}", row.excluded), use_cell(row.tcp), use_cell(row.udp),
         use_cell(row.icmp), use_cell(row.sctp), fmt::format("{}", refused(row)), row.state == "used" ? "" : row.state},
        refused(row) > 0 ? Colour::kYellow : Colour::kNone);
  }
  std::string text = (table.empty() ? "" : table.text(options.colour)) +
                     fmt::format("{} of {} places for addresses are taken\n", pools.total, pools.max);
  if (pools.without_place.empty()) return text;
  // Without fmt::join, of which g++ 12 -O3 says what is not so.
  text += "Without a place:";
  for (const std::string& address : pools.without_place) {
    text += (&address == &pools.without_place.front() ? " " : ", ") + address;
  }
  return text + "; raise nat.addresses_max and restart\n";
}

std::string nat_mappings_text(const std::vector<NatMappingRow>& mappings, const TextOptions& options) {
  Table table({{"Protocol", Align::kLeft},
               {"Inside", Align::kLeft},
               {"Outside", Align::kLeft},
               {"Sessions"},
               {"Open"},
               {"Age"}});
  for (const NatMappingRow& row : mappings) {
    table.row({row.protocol, endpoint_text(row.inside, row.inside_port), endpoint_text(row.outside, row.outside_port),
               fmt::format("{}", row.sessions), fmt::format("{}", row.open_sessions), fmt::format("{} s", row.age_s)});
  }
  return table.text(options.colour);
}

}  // namespace culvert
