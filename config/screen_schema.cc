// SPDX-License-Identifier: Apache-2.0
#include "config/screen_schema.h"

namespace culvert {
namespace {

constexpr std::uint32_t kMostPerSecond = 10'000'000;
constexpr std::uint32_t kFewestThings = 5;    // ports or addresses: fewer are anybody's
constexpr std::uint32_t kMostThings = 1'000;  // more can't be told apart with the bits of one line
constexpr std::uint32_t kMostSourceSessions = 1 << 26;

ValueRule<std::optional<std::uint32_t>> rate_or_off() {
  return word_or<std::uint32_t>("off", rate_rule(1, kMostPerSecond));
}

ValueRule<std::optional<std::uint32_t>> things_or_off() {
  return word_or<std::uint32_t>("off", count_rule<std::uint32_t>(kFewestThings, kMostThings));
}

ValueRule<std::vector<Screen>> screens_rule() {
  std::vector<std::pair<std::string, Screen>> words;
  for (std::size_t i = 0; i < kScreens; ++i) {
    const auto screen = static_cast<Screen>(i);
    words.emplace_back(std::string(name_of(screen)), screen);
  }
  return list_of("screens", word_rule<Screen>("a screen", std::move(words)), 0, kScreens);
}

Section<ScreenConfig>& add_packet_screens(Section<ScreenConfig>& section) {
  using S = ScreenConfig;
  return section
      .key("land", &S::land, flag_rule(), Reload::kLive, "Packets that come from the address that they go to.",
           "Nobody sends them; old systems answer themselves for ever.")
      .key("winnuke", &S::winnuke, flag_rule(), Reload::kLive, "TCP to port 139 with urgent data.",
           "Nobody sends it; it ended old systems.")
      .key("syn_fin", &S::syn_fin, flag_rule(), Reload::kLive, "TCP with SYN and FIN.",
           "Nobody but a scanner begins and ends in one segment.")
      .key("no_flags", &S::no_flags, flag_rule(), Reload::kLive, "TCP without any flag.",
           "Only scanners send it: every segment has SYN, ACK or RST (RFC 9293 3.10.7).")
      .key("fin_no_ack", &S::fin_no_ack, flag_rule(), Reload::kLive, "TCP with FIN and without ACK.",
           "Every segment after the first has ACK (RFC 9293 3.1).")
      .key("source_route", &S::source_route, flag_rule(), Reload::kLive,
           "Packets whose sender chooses the way: IPv4 source routes, IPv6 routing headers of type 0.",
           "RFC 7126 4.3 and RFC 5095 3. Forwarding drops them in any case; with the screen they are counted here.")
      .key("tiny_fragment", &S::tiny_fragment, flag_rule(), Reload::kLive,
           "Fragments that are not the last ones and shorter than any link makes them: 68 bytes of IPv4, 640 of IPv6.",
           "They hide headers from filters (RFC 1858, RFC 3128).");
}

}  // namespace

Section<ScreenConfig> screen_section() {
  using S = ScreenConfig;
  Section<ScreenConfig> section;
  section.key("description", &S::description, sentence_rule(kDescriptionBytes), Reload::kLive,
              "What the screens are for, to whoever reads the file.", "The name may say it all.");
  return add_packet_screens(section)
      .key("icmp_flood", &S::icmp_flood, rate_or_off(), Reload::kLive,
           "ICMP packets of no session that may go to one destination in a second, by each zone; more are dropped. "
           "ICMP errors are not among them: they pass with the session that they are about, or not at all.",
           "off: how much is too much depends on the host.")
      .key("udp_flood", &S::udp_flood, rate_or_off(), Reload::kLive,
           "UDP packets of no session that may go to one destination in a second, by each zone; more are dropped.",
           "off: how much is too much depends on the host.")
      .key("syn_flood", &S::syn_flood, rate_or_off(), Reload::kLive,
           "TCP connections that may begin in the zone in a second; what comes beyond, or when half-open sessions have "
           "hardly any room left, is answered by a SYN cookie (RFC 4987 3.6), "
           "and becomes a session when the client has shown that it is there.",
           "off: a client pays a little for a cookie, and how many connections are a flood depends on the servers.")
      .key("port_scan", &S::port_scan, things_or_off(), Reload::kLive,
           "Ports of one destination that one source may try in ten seconds; then all of its packets of no session to "
           "that destination are dropped until these have passed. Counted without remembering them, within some 10 %.",
           "off: what a scan finds is what the policy permits.")
      .key("address_sweep", &S::address_sweep, things_or_off(), Reload::kLive,
           "Destinations that one source may try in ten seconds; then all of its packets of no session are dropped "
           "until these have passed. Counted as ports are.",
           "off: a resolver or a proxy talks to hundreds.")
      .key("alarm_only", &S::alarm_only, screens_rule(), Reload::kLive,
           "Screens that are on and only count what they find (`culvert show drops`).",
           "[]: what nobody means well is dropped.");
}

Section<ZoneLimitsConfig> zone_limits_section() {
  using Z = ZoneLimitsConfig;
  return Section<ZoneLimitsConfig>()
      .key("sessions_per_source", &Z::sessions_per_source,
           word_or<std::uint32_t>("none", count_rule<std::uint32_t>(1, kMostSourceSessions)), Reload::kLive,
           "Sessions that one source (an IPv4 address, the first 64 bits of an IPv6 one) may have; the next one is "
           "refused. Sessions that began while there was no limit are not counted.",
           "none: whole offices sit behind one address.")
      .key("new_sessions_per_source", &Z::new_sessions_per_source,
           word_or<std::uint32_t>("none", rate_rule(1, kMostPerSecond)), Reload::kLive,
           "Sessions that one source may begin, in bursts of a second's worth.",
           "none: whole offices sit behind one address.")
      .key("new_sessions", &Z::new_sessions, word_or<std::uint32_t>("none", rate_rule(1, kMostPerSecond)),
           Reload::kLive,
           "Sessions that may begin in the zone, in bursts of a second's worth. When half of the burst is used up, one "
           "source gets an eighth of the rate at most, so that one that floods leaves the rest to the others.",
           "none: the table of sessions is the limit.");
}

}  // namespace culvert
