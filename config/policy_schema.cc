// SPDX-License-Identifier: Apache-2.0
#include "config/policy_schema.h"

#include "base/time.h"
#include "config/named_list.h"
#include "config/prefix_file.h"
#include "config/schedule_rule.h"
#include "config/screen_schema.h"

namespace culvert {
namespace {

constexpr std::uint64_t kSecond = kNanosecondsPerSecond;
constexpr std::uint64_t kHour = 3600 * kSecond;
constexpr std::uint32_t kMostSessions = 1 << 26;

template <typename Object>
Section<Object> described(const std::string& what) {
  return Section<Object>().key("description", &Object::description, sentence_rule(kDescriptionBytes), Reload::kLive,
                               "What the " + what + " is for, to whoever reads the file.", "The name may say it all.");
}

Section<AddressSetConfig> address_set_section() {
  return described<AddressSetConfig>("set")
      .key("members", &AddressSetConfig::members, addresses_rule(WhenEmpty::kNothing, kMostSetPrefixes), Reload::kLive,
           "Prefixes, and other sets that are part of this one. `NAME: [192.0.2.0/24, servers]` is short for this key "
           "alone.",
           "Nobody is a member who is not named.")
      .key("file", &AddressSetConfig::file, prefix_file_rule(kMostSetPrefixes), Reload::kLive,
           "A file with one prefix a line that are members too; # and ; begin comments. It is read when the "
           "configuration is checked: apply it again when the file has changed.",
           "Feeds are files; a set that people write needs none.")
      .shorthand("members");
}

Section<ServiceConfig> service_section() {
  return described<ServiceConfig>("service")
      .key("members", &ServiceConfig::members, services_rule(WhenEmpty::kNever, kMostServiceMembers), Reload::kLive,
           "Protocols with ports or types, and other services that are part of this one. `NAME: [tcp/80, tcp/443]` is "
           "short for this key alone.")
      .required()
      .shorthand("members");
}

Section<ScheduleConfig> schedule_section() {
  return described<ScheduleConfig>("schedule")
      .key("days", &ScheduleConfig::days, weekdays_rule(), Reload::kLive,
           "Days of the week on which the hours begin, in local time.", "Every day.")
      .key("hours", &ScheduleConfig::hours, hours_rule(), Reload::kLive,
           "From when to when; hours that end before they begin end on the next day.", "The whole day.")
      .key("dates", &ScheduleConfig::dates, dates_rule(), Reload::kLive,
           "First and last day on which the hours may begin.", "any: a schedule of the week has no end.");
}

Section<RuleConfig>& add_matches(Section<RuleConfig>& section) {
  return section
      .key("from", &RuleConfig::from, zones_rule(kMostZones), Reload::kLive,
           "Zones in which a session's first packet comes in.", "any, interfaces without a zone included.")
      .key("to", &RuleConfig::to, zones_rule(kMostZones), Reload::kLive, "Zones by which it would leave.",
           "any, interfaces without a zone included.")
      .key("source", &RuleConfig::source, addresses_rule(WhenEmpty::kAny, kMostInRule), Reload::kLive,
           "Addresses that the packet comes from.", "A rule limits what it names.")
      .key("destination", &RuleConfig::destination, addresses_rule(WhenEmpty::kAny, kMostInRule), Reload::kLive,
           "Addresses that it goes to.", "A rule limits what it names.")
      .key("service", &RuleConfig::service, services_rule(WhenEmpty::kAny, kMostInRule), Reload::kLive,
           "Protocols, with ports or types.", "A rule limits what it names.")
      .key("schedule", &RuleConfig::schedule, word_or<std::string>("always", name_rule("a schedule")), Reload::kLive,
           "When the rule is there; at other times it matches nothing. Sessions that a schedule's end leaves without a "
           "rule are treated as `policy.on_change` says.",
           "Most rules hold always.");
}

Section<RuleConfig> rule_section() {
  const auto action = word_rule<RuleAction>(
      "an action", {{"permit", RuleAction::kPermit}, {"deny", RuleAction::kDeny}, {"reject", RuleAction::kReject}});
  const auto log = word_rule<RuleLog>(
      "a moment to log",
      {{"none", RuleLog::kNone}, {"open", RuleLog::kOpen}, {"close", RuleLog::kClose}, {"both", RuleLog::kBoth}});
  Section<RuleConfig> section;
  section
      .key("name", &RuleConfig::name, name_rule("a rule"), Reload::kLive,
           "What counters, logs and explanations call the rule; no two have the same.")
      .required()
      .key("description", &RuleConfig::description, sentence_rule(kDescriptionBytes), Reload::kLive,
           "What the rule is for; culvert shows it.", "The name may say it all.");
  return add_matches(section)
      .key("action", &RuleConfig::action, action, Reload::kLive,
           "What happens to a session that matches: permit lets it pass, deny drops its packets in silence, reject "
           "drops them and answers, TCP with RST, everything else with ICMP (administratively prohibited).")
      .required()
      .key("log", &RuleConfig::log, log, Reload::kLive,
           "Events of a session: when it opens (or is denied), when it closes, or both.",
           "none: a rule is counted in any case, and events are for what somebody reads.")
      .key("enabled", &RuleConfig::enabled, flag_rule(), Reload::kLive,
           "Whether the rule is there at all; one that is not keeps its place and its name.", "It was written.");
}

Section<SessionTimeoutsConfig> timeouts_section() {
  using T = SessionTimeoutsConfig;
  const auto rule = duration_rule(1 * kSecond, 168 * kHour);
  return Section<T>()
      .key("tcp_syn", &T::tcp_syn_ns, rule, Reload::kLive, "TCP until both sides have agreed to begin.",
           "A SYN is repeated after 1, 3, 7 and 15 s (RFC 6298); a flood of them is soon gone.")
      .key("tcp_established", &T::tcp_established_ns, rule, Reload::kLive, "TCP between its beginning and its end.",
           "An hour without one byte; longer ones send keep-alives, or are given more here.")
      .key("tcp_fin", &T::tcp_fin_ns, rule, Reload::kLive, "TCP when both sides have closed.",
           "Long enough for the last segments to be repeated.")
      .key("tcp_reset", &T::tcp_reset_ns, rule, Reload::kLive, "TCP when it was reset.",
           "Nothing but strays comes after a RST.")
      .key("udp", &T::udp_ns, rule, Reload::kLive, "UDP, of either side.",
           "Longer than any resolver waits, and than most keep-alives of tunnels and calls are apart.")
      .key("icmp", &T::icmp_ns, rule, Reload::kLive, "Queries of ICMP and ICMPv6, as echo.",
           "An answer that comes later is nobody's any more.")
      .key("other", &T::other_ns, rule, Reload::kLive, "Every other protocol, as GRE and ESP.",
           "Tunnels have no end that anybody could see.");
}

Section<PolicyConfig>& add_defaults(Section<PolicyConfig>& section) {
  const auto otherwise = word_rule<RuleAction>(
      "an action", {{"deny", RuleAction::kDeny}, {"reject", RuleAction::kReject}, {"permit", RuleAction::kPermit}});
  const auto on_change =
      word_rule<OnPolicyChange>("a choice", {{"close", OnPolicyChange::kClose}, {"keep", OnPolicyChange::kKeep}});
  return section
      .key("default", &PolicyConfig::default_action, otherwise, Reload::kLive,
           "What happens to a session that no rule matches.",
           "deny: what may pass is named, also between interfaces of one zone.")
      .key("default_log", &PolicyConfig::default_log, flag_rule(), Reload::kLive,
           "Whether sessions that no rule matches are events.", "false: the Internet knocks all day, and is counted.")
      .key("on_change", &PolicyConfig::on_change, on_change, Reload::kLive,
           "What happens to sessions that the policy let in and would not let in now: close drops them with their "
           "next packet, keep leaves them until they end.",
           "close: whoever denies something means those too who are inside already.")
      .key("mid_stream", &PolicyConfig::mid_stream, flag_rule(), Reload::kLive,
           "Whether a TCP connection of which Culvert has not seen the beginning may become a session, if a rule "
           "permits it.",
           "false: what has no beginning may be anything. true for a while takes over the connections of another "
           "firewall.");
}

}  // namespace

ValueRule<ReversePath> reverse_path_rule() {
  return word_rule<ReversePath>("a reverse-path check", {{"auto", ReversePath::kAutomatic},
                                                         {"strict", ReversePath::kStrict},
                                                         {"loose", ReversePath::kLoose},
                                                         {"off", ReversePath::kOff}});
}

Section<ZoneConfig> zone_section() {
  return described<ZoneConfig>("zone")
      .key("screen", &ZoneConfig::screen, word_or<std::string>("none", name_rule("a screen")), Reload::kLive,
           "What is refused of packets that come in here, whatever the policy says: one of `screens`.",
           "none: what is refused is named.")
      .object("limits", &ZoneConfig::limits, zone_limits_section(),
              "How many sessions the sources in this zone may have and begin.");
}

Section<PolicyConfig> policy_section() {
  Section<PolicyConfig> section;
  section
      .map("addresses", &PolicyConfig::addresses, address_set_section(), name_rule("an address set"), 0, kMostSets,
           Reload::kLive,
           fmt::format("Sets of addresses, by name, for rules and for other sets: {} prefixes each, {} together.",
                       kMostSetPrefixes, kMostPolicyPrefixes))
      .map("services", &PolicyConfig::services, service_section(), service_name_rule(), 0, kMostSets, Reload::kLive,
           "Protocols with ports or types, by name, for rules and for other services.")
      .map("schedules", &PolicyConfig::schedules, schedule_section(), name_rule("a schedule"), 0, kMostSchedules,
           Reload::kLive, "Times at which rules are there, by name.");
  add_defaults(section);
  return section.named_list(
      "rules", &PolicyConfig::rules, rule_section(), &RuleConfig::name, kMaxRules, Reload::kLive,
      "What may pass between zones, in order: the first rule that matches a session's first packet decides for all of "
      "the session, in both directions.");
}

Section<SessionsConfig> sessions_section() {
  const auto shared_by = word_rule<SharedBy>("a hash", {{"keyed-hash", SharedBy::kKeyedHash}, {"rss", SharedBy::kRss}});
  return Section<SessionsConfig>()
      .key(
          "max", &SessionsConfig::max, count_rule<std::uint32_t>(1'024, kMostSessions), Reload::kRestart,
          "Sessions that are tracked, of all workers together; with a policy each takes about 640 bytes of memory from "
          "the start, and with `nat` as much again for its mapping. When full, a new session takes the place of one "
          "that "
          "is not established, or is refused.",
          "170 MB, and the sessions of some thousand people.")
      .key("directory", &SessionsConfig::directory, automatic_or(path_rule(kPathBytes)), Reload::kRestart,
           "Folder of the files in which sessions outlive culvertd; a tmpfs. One of their own can have huge pages: "
           "mount it with huge=within_size.",
           "auto is the folder of control_socket, which is in memory on most systems, on 4 KB pages.")
      .key("shared_by", &SessionsConfig::shared_by, shared_by, Reload::kRestart,
           "How sessions are shared out to several workers: by a hash with a secret, or by the one of NICs (RSS), so "
           "that fewer packets are handed from worker to worker; `culvert doctor` says what NICs need for it.",
           "With rss anybody who can choose ports can send all that he sends to one worker.")
      .object("timeouts", &SessionsConfig::timeouts, timeouts_section(), "How long a session may be silent.");
}

}  // namespace culvert
