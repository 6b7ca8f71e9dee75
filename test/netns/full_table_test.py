# SPDX-License-Identifier: Apache-2.0
"""A full table of sessions harms nobody who is in it, and not this host.

3,000 TCP connections of real sockets hold most of a table of 4,096. Then come packets of random flows, each of which
wants to be a session: UDP and SYNs, IPv4 and IPv6. Afterwards every connection must still carry a byte there and back;
meanwhile this host answers pings and connections on both sides, also to the failsafe port 22; and each new flow is in
the books: a session that came and perhaps made way again, or one that was refused.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time

from clients import CONNECT, SERVER, python
from connections import Connections, EchoServer
from flooding import route_the_flood, router_mac
from house import SANITIZED, House, by_tier, wait_until
from leftovers import mounts_of_our_own
from watch import SUPPORT

ZONES = """
zones: {inside: {}, outside: {}}
policy:
  rules:
    - {name: out, from: inside, to: outside, action: permit}
sessions: {max: 4096}
"""
INTERFACES = "  lan0: {zone: inside}\n  wan0: {zone: outside}"
SESSIONS, CONNECTIONS, FAILSAFE_PORT = 4096, 3000, 22
FLOWS_PER_SECOND = 5_000 if SANITIZED else 50_000
FLOWS = int(os.environ.get("CULVERT_PACKETS", 4 * FLOWS_PER_SECOND if SANITIZED else
                           by_tier(200_000, 1_000_000, 1_000_000)))
ARRIVED = by_tier(0.5, 0.9, 0.9)  # of the flood, so that it says anything
SEED = int(os.environ.get("CULVERT_SEED", random.SystemRandom().randrange(1 << 32)))
SESSION_COUNTS = ("sessions", "created", "evicted", "expired", "policy_evaluations", "refused_full",
                  "refused_half_open", "refused_place")
REFUSED = ("session_table_full", "session_half_open_full", "session_no_place")


class HostWatch:
    """Whether the router's own kernel answers, from both sides: pings, and connections to a port of its own."""

    def __init__(self, house):
        self.house, self.connected = house, 0
        self.pings = {role: house.spawn(role, "ping", "-n", "-i", "0.1", address, stdout=subprocess.PIPE)
                      for role, address in (("client", "198.18.0.1"), ("server", "198.18.1.1"))}

    def connect(self):
        for role, addresses in ((self.house.client, ("198.18.0.1", "2001:db8:0::1")),
                                (self.house.server, ("198.18.1.1", "2001:db8:1::1"))):
            for address in addresses:
                for port in (80, FAILSAFE_PORT):
                    assert python(role, CONNECT, address, port, 10) == "open", (address, port)
                    self.connected += 1

    def end(self):
        """{role: (sent, answered)}"""
        counts = {}
        for role, ping in self.pings.items():
            ping.send_signal(signal.SIGINT)
            text = ping.communicate(timeout=10)[0]
            counts[role] = tuple(map(int, re.search(r"(\d+) packets transmitted, (\d+) received", text).groups()))
        return counts


def counts(house):
    """What the flood changes; the sessions' and the drops are of one moment."""
    status = house.ask("show_status")
    sessions = {what: sum(worker[what] for worker in status["sessions"]["workers"]) for what in SESSION_COUNTS}
    drops = {reason: sum(row["packets"] for row in status["drops"] if row["reason"] == reason) for reason in REFUSED}
    received = {row["interface"]: row["rx_packets"] for row in house.ask("show_interfaces")["interfaces"]}
    stale = sum(row["packets"] for row in status["xdp_actions"] if row["action"] == "stale_dropped")
    return sessions | drops | {"lan0": received["lan0"], "lost": sum(house.losses("lan0").values()) + stale}


def flood(house):
    """How many packets were sent, in how many seconds, and the largest number of sessions that anybody saw."""
    sender = house.spawn("client", sys.executable, str(SUPPORT / "flow_flood.py"), "eth0", router_mac(house),
                         str(FLOWS), str(FLOWS_PER_SECOND), str(SEED), stdout=subprocess.PIPE)
    host, most = HostWatch(house), 0
    while sender.poll() is None:
        host.connect()
        most = max(most, house.sessions())
        time.sleep(0.2)
    report = json.loads(sender.communicate(timeout=10)[0])
    return report, host, most


def settled(house):
    """The counts when no packet moves any more."""
    last = []

    def quiet():
        last.append(counts(house))
        time.sleep(0.25)
        return len(last) > 1 and last[-1] == last[-2]

    wait_until(quiet, 20, lambda: f"never quiet: {last[-2:]}")
    return last[-1]


def peak_of_sessions(house):
    return max(row["peak"] for row in house.ask("show_buffers")["detail"] if row["resource"] == "sessions")


def assert_the_books_close(house, before, after, report):
    """Every packet got here or was lost before; every flow was judged once; a session came of it, or why not."""
    new = {what: after[what] - before[what] for what in after}
    refused = sum(new[reason] for reason in REFUSED)
    print(f"seed {SEED}: {report}; {new}; losses {house.losses('lan0')}")
    assert new["lan0"] >= ARRIVED * report["sent"], "too few got here to say anything"
    assert abs(new["lan0"] + new["lost"] - report["sent"]) <= 10, new  # a ping of ours that was lost is among them
    assert new["policy_evaluations"] == new["lan0"], new
    assert new["policy_evaluations"] == new["created"] + refused, new
    assert refused == sum(new[what] for what in ("refused_full", "refused_half_open", "refused_place")), new
    assert new["sessions"] == new["created"] - new["evicted"] - new["expired"], new
    assert new["evicted"] > 0, new


def main():
    mounts_of_our_own()
    with House(system="  fail: closed", interfaces=INTERFACES, config=ZONES) as house:
        route_the_flood(house)
        house.start_culvert()
        EchoServer(house)
        EchoServer(house, FAILSAFE_PORT, "router")
        own = house.spawn("router", "python3", "-c", SERVER, stdout=subprocess.PIPE)
        assert own.stdout.readline() == "ready\n"
        house.ping(house.server4)
        house.ping(house.server6)
        held = [Connections(house, address, CONNECTIONS // 2) for address in (house.server4, house.server6)]
        assert sum(connections.alive() for connections in held) == CONNECTIONS
        before = settled(house)
        report, host, most = flood(house)
        after = settled(house)
        pings = host.end()
        print(f"pings of this host (sent, answered): {pings}; {host.connected} connections to it; sessions: at most "
              f"{most} seen, peak {peak_of_sessions(house)}")
        alive = sum(connections.alive() for connections in held)
        assert alive == CONNECTIONS, f"{alive} of {CONNECTIONS} connections are left"
        assert_the_books_close(house, before, after, report)
        assert CONNECTIONS < peak_of_sessions(house) <= SESSIONS and most <= SESSIONS, (peak_of_sessions(house), most)
        for role, (sent, answered) in pings.items():
            assert sent > 10 and sent - answered <= 1 + sent // 50, f"{role}: {sent} pings, {answered} answered"
        assert host.connected >= 8
        house.assert_conservation()


main()
