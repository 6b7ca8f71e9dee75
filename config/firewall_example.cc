// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "config/documentation.h"

namespace culvert {
namespace {

constexpr std::string_view kFirewall = R"(interfaces:
  lan0: {zone: trust}
  dmz0: {zone: servers}
  wan0: {zone: internet}

zones:
  trust: {description: Desks and telephones.}
  servers: {}
  internet:
    screen: strict                                    # one of the screens below
    limits: {sessions_per_source: 500, new_sessions_per_source: 100/s, new_sessions: 20k/s}

screens:                                              # what is refused before the rules are asked
  strict:
    description: What nobody sends who means well.
    land: true
    winnuke: true
    syn_fin: true
    no_flags: true
    fin_no_ack: true
    source_route: true
    tiny_fragment: true
    icmp_flood: 1k/s                                  # of no session, to one destination
    udp_flood: 10k/s
    syn_flood: 2k/s                                   # more get SYN cookies
    port_scan: 50                                     # ports of one destination, in ten seconds
    address_sweep: 200
    alarm_only: [port_scan, address_sweep]            # counted, not dropped

policy:
  addresses:
    office: [198.18.0.0/24, 2001:db8:1::/48]
    web-servers: [192.0.2.80, 192.0.2.81, 2001:db8:2::80]
    mail-servers: [192.0.2.25]
    our-servers: [web-servers, mail-servers]          # sets may hold sets
    partners:
      description: Who may reach the build service.
      members: [198.19.7.0/24]
      file: none                                      # or /etc/culvert/partners.txt, one prefix a line
  services:
    web: [tcp/80, tcp/443, udp/443]
    mail: [tcp/25, tcp/465, tcp/587]
    ping: [icmp/echo-request, icmpv6/echo-request]
    time: [udp/123 from 123, udp/123 from 1024-65535]
    outward:
      description: What desks may use.
      members: [web, mail, ping, time, udp/53, tcp/53]
  schedules:
    office-hours:
      description: Local time; hours over midnight belong to the day on which they begin.
      days: [mon-fri]
      hours: 07:00-19:00
    maintenance: {days: [sat], hours: 22:00-04:00, dates: 2026-12-01/2027-01-31}
  rules:                                              # the first one that matches decides
    - name: no-telnet
      description: Refused at once, so that nobody waits for it.
      from: any
      to: any
      service: tcp/23
      action: reject
      log: open
    - {name: outward, from: trust, to: internet, source: office, service: outward, action: permit}
    - {name: to-servers, from: trust, to: servers, source: office, action: permit, log: close}
    - {name: web, from: [internet, trust], to: servers, destination: web-servers, service: web, action: permit}
    - {name: mail, from: internet, to: servers, destination: mail-servers, service: tcp/25, action: permit}
    - {name: ping, from: internet, to: servers, destination: our-servers, service: ping, action: permit}
    - name: build
      from: internet
      to: servers
      source: partners
      destination: 192.0.2.90
      service: tcp/8443
      action: permit
      log: both
      schedule: maintenance
    - {name: guests, from: trust, to: internet, service: web, action: permit, schedule: office-hours, enabled: false}
  default: deny                                       # what no rule matches
  default_log: false
  on_change: close                                    # sessions that a new policy would not let in
  mid_stream: false

nat:                                                  # which sessions get another source or destination
  addresses_max: 64
  interface_ports: auto
  pools:
    office:
      description: Routed to us by the provider.
      addresses: [192.0.2.16-192.0.2.31, 192.0.2.48/29]
      ports: 1024-65535
      keep_port: false
  source:                                             # the first rule that matches decides, here too
    - name: partners
      description: They know us by our own addresses.
      from: trust
      to: internet
      source: office
      destination: [partners, 198.19.8.0/24]
      family: ipv4
      translate: none
      enabled: true
    - name: office                                    # calls and games find their way in
      from: trust
      to: internet
      source: office
      translate: office
      mapping: endpoint_independent
      filtering: address_dependent
      log: none
    - {name: guests, from: trust, to: internet, translate: interface, mapping: address_and_port_dependent}
  destination:                                        # asked before the policy, which sees what they say
    - name: shop
      description: Our shop, for everybody outside.
      from: internet
      source: any
      destination: interface                          # the address of wan0, whatever it is
      service: [tcp/8080, tcp/8443]
      translate: 198.18.0.80
      port: same
      enabled: true
    - {name: mail, from: internet, destination: 192.0.2.40, service: tcp/2525, translate: 198.18.0.25, port: 25}
  static:                                             # addresses of their own, whichever side begins
    - name: lab
      description: One to one.
      outside: internet
      external: 192.0.2.64/28
      internal: 198.18.0.64/28
      checksum_neutral: false
      enabled: true
    - name: site                                      # NPTv6
      outside: internet
      external: "2001:db8:1::/48"
      internal: "fd01:203:405::/48"
      checksum_neutral: true
  timeouts:                                           # of translated sessions
    tcp_transitory: 4m                                # begins, ends, or was reset
    tcp_established: 124m
    udp: 5m
    icmp: 60s
)";

}  // namespace

std::string firewall_example() {
  return std::string(kFirewall);
}

}  // namespace culvert
