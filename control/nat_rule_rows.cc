// SPDX-License-Identifier: Apache-2.0
#include "control/nat_rule_rows.h"

#include <algorithm>

#include "config/service.h"
#include "control/nat/nat_rules.h"
#include "control/rule_page.h"

namespace culvert {
namespace {

std::string family_text(NatFamily family) {
  switch (family) {
    case NatFamily::kIpv6:
      return "ipv6";
    case NatFamily::kBoth:
      return "both";
    case NatFamily::kIpv4:
      break;
  }
  return "ipv4";
}

std::string log_text(NatLog log) {
  switch (log) {
    case NatLog::kMappings:
      return "mappings";
    case NatLog::kSessions:
      return "sessions";
    case NatLog::kNone:
      break;
  }
  return "none";
}

std::string translate_text(const TranslateChoice& choice) {
  if (choice.action == SourceAction::kPool) return choice.pool;
  return choice.action == SourceAction::kInterface ? "interface" : "none";
}

/// A prefix as one.
std::string span_text(const AddressSpan& span) {
  const auto length = prefix_length(span);
  if (!length.has_value() || span.first == span.last) return to_text(span);
  return to_text(ConfigPrefix{span.first, static_cast<std::uint8_t>(*length)});
}

std::string family_of(const AddressSpan& span) {
  return family_text(span.first.is_ipv6 ? NatFamily::kIpv6 : NatFamily::kIpv4);
}

NatRuleRow row_of(const SourceNatRuleConfig& config) {
  NatRuleRow row;
  row.to = config.to;
  row.from = config.from;
  row.source = list_of(config.source);
  row.destination = list_of(config.destination);
  row.translate = translate_text(config.translate);
  row.family = family_text(config.family);
  row.mapping = nat_mapping_text(config.mapping);
  const bool independent = config.mapping == NatMapping::kEndpointIndependent;
  row.filtering = nat_filtering_text(independent ? config.filtering : NatFiltering::kAddressAndPortDependent);
  row.log = log_text(config.log);
  return row;
}

NatRuleRow row_of(const DestinationNatRuleConfig& config) {
  NatRuleRow row;
  row.from = config.from;
  row.source = list_of(config.source);
  row.destination = {config.destination.interface ? "interface" : span_text(config.destination.addresses)};
  row.service = list_of(config.service);
  row.translate = span_text(config.translate);
  if (config.port.has_value()) row.port = ports_text(*config.port);
  row.family = family_of(config.translate);
  return row;
}

NatRuleRow row_of(const StaticNatRuleConfig& config) {
  NatRuleRow row;
  row.to = config.outside;
  row.source = {span_text(config.internal)};
  row.translate = span_text(config.external);
  row.family = family_of(config.external);
  row.checksum_neutral = config.checksum_neutral;
  return row;
}

/// Gathers those of the page.
class Rows {
 public:
  Rows(std::size_t begin, const TablePage& page, const NatHitsOf& hits) : begin_(begin), page_(page), hits_(hits) {}

  template <typename Rule>
  void add(NatRuleKind kind, const std::vector<Rule>& rules) {
    for (std::size_t i = 0; i < rules.size(); ++i, ++answer_.total) {
      if (answer_.total < begin_ || answer_.rules.size() == page_.limit) continue;
      NatRuleRow row = row_of(rules[i]);
      row.kind = nat_rule_kind_text(kind);
      row.position = static_cast<std::uint32_t>(i + 1);
      row.rule = rules[i].name;
      row.description = rules[i].description;
      row.enabled = rules[i].enabled;
      row.hits = hits_(nat_counter_name(kind, rules[i].name));
      answer_.rules.push_back(std::move(row));
    }
  }
  NatRulePage take() {
    const std::size_t end = begin_ + answer_.rules.size();
    if (end < answer_.total) answer_.next = std::to_string(end);
    return std::move(answer_);
  }

 private:
  std::size_t begin_;
  const TablePage& page_;
  const NatHitsOf& hits_;
  NatRulePage answer_;
};

}  // namespace

Result<NatRulePage> nat_rule_page(const NatConfig& config, const NatHitsOf& hits, const TablePage& page) {
  const std::size_t rules = config.destination.size() + config.static_rules.size() + config.source.size();
  const auto begin = rows_before(page.after, rules);
  if (begin.has_error()) return begin.error();
  Rows rows(*begin, page, hits);
  rows.add(NatRuleKind::kDestination, config.destination);
  rows.add(NatRuleKind::kStatic, config.static_rules);
  rows.add(NatRuleKind::kSource, config.source);
  return rows.take();
}

NatStatus nat_status(const NatConfig& config, const NatHitsOf& hits) {
  NatStatus status;
  const auto add = [&](NatRuleKind kind, const auto& rules) {
    status.rules += rules.size();
    for (const auto& rule : rules) {
      if (status.hits.size() == kMostRuleHits) return;
      status.hits.push_back(
          {std::string(nat_rule_kind_text(kind)), rule.name, hits(nat_counter_name(kind, rule.name))});
    }
  };
  add(NatRuleKind::kDestination, config.destination);
  add(NatRuleKind::kStatic, config.static_rules);
  add(NatRuleKind::kSource, config.source);
  return status;
}

}  // namespace culvert
