// SPDX-License-Identifier: Apache-2.0
// What a firewall says of itself, its sessions and its policy; for every output.
#pragma once

#include "status/policies.h"
#include "status/sessions.h"
#include "test/status/fixture.h"

namespace culvert::test {

/// The fixture of all outputs with a policy of two rules and the sessions of two workers.
inline StatusSnapshot firewall_fixture() {
  StatusSnapshot status = fixture();
  WorkerSessions one;
  one.sessions = 900;
  one.half_open = 30;
  one.created = 5000;
  one.expired = 4000;
  one.evicted = 40;
  one.cleared = 50;
  one.renewed = 10;
  one.refused_full = 1;
  one.refused_half_open = 2;
  one.refused_reply = 3;
  one.refused_place = 4;
  one.recovered = 600;
  one.torn = 5;
  one.looked_at = 70'000;
  one.log_records = 80'000;
  one.log_lost = 8;
  one.policy_evaluations = 6000;
  one.tcp_resets_sent = 7;
  WorkerSessions two;
  two.worker = 1;
  two.sessions = 100;
  SessionStatus sessions;
  sessions.total = 1000;
  sessions.half_open = 30;
  sessions.workers = {one, two};
  status.sessions = sessions;
  status.policy = PolicyStatus{2, 55, {{"out", 5000}, {"quo\"ted", 0}}};
  status.resources.push_back(resource("sessions", "worker 0", 1000, 900, 950, 1));
  return status;
}

inline SessionRow session_fixture() {
  SessionRow row;
  row.protocol = "tcp";
  row.source = "198.18.0.1";
  row.source_port = 1024;
  row.destination = "2001:db8::1";
  row.destination_port = 443;
  row.from_zone = "trust";
  row.to_zone = "internet";
  row.in_interface = "lan0";
  row.out_interface = "wan0";
  row.rule = "out";
  row.state = "established";
  row.age_s = 3725;
  row.idle_s = 5;
  row.expires_in_s = 3595;
  row.packets = 12;
  row.bytes = 3456;
  row.reply_packets = 11;
  row.reply_bytes = 78'901;
  return row;
}

inline PolicyPage policy_fixture() {
  PolicyRow out;
  out.position = 1;
  out.rule = "out";
  out.from = {"trust"};
  out.to = {"internet"};
  out.action = "permit";
  out.log = "close";
  out.enabled = out.active = true;
  out.hits = 5000;
  PolicyRow web = out;
  web.position = 2;
  web.rule = "web";
  web.destination = {"servers", "192.0.2.9/32"};
  web.service = {"tcp/80"};
  web.log = "none";
  web.hits = 0;
  PolicyRow night = web;
  night.position = 3;
  night.rule = "night";
  night.schedule = "evening";
  night.active = false;
  PolicyRow off = web;
  off.position = 4;
  off.rule = "off";
  off.enabled = off.active = false;
  PolicyPage page;
  page.policies = {out, web, night, off};
  page.total = 4;
  page.default_action = "deny";
  page.default_log = true;
  page.default_hits = 55;
  return page;
}

}  // namespace culvert::test
