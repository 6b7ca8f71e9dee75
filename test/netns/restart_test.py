# SPDX-License-Identifier: Apache-2.0
"""Sessions outlive the process: a restart and kill -9 under load, and the connections go on.

200 idle TCP connections, 20,000 sessions that nobody answers, iperf3 -P 8 and a ping every 10 ms cross each restart.
Afterwards every idle connection must still carry a byte there and back, and pings must be answered again within a
second: in the median of all restarts of a kind, of which there are three when the first one took longer.
Printed: how many sessions there were and are, and how long no ping was answered.
"""

import json
import re
import signal
import subprocess
import time

from connections import Connections, EchoServer
from flooding import begin_sessions, route_the_flood
from house import SANITIZED, House, by_tier, require_command, usual
from leftovers import mounts_of_our_own

ZONES = """
zones: {inside: {}, outside: {}}
policy:
  rules:
    - {name: out, from: inside, to: outside, action: permit}
"""
TIMEOUTS = "timeouts: {tcp_syn: 1h, tcp_fin: 1h, tcp_reset: 1h, udp: 1h, icmp: 1h}"  # none ends meanwhile
INTERFACES = "  lan0: {zone: inside}\n  wan0: {zone: outside}"
IDLE = 200
SESSIONS = 2_000 if SANITIZED else 20_000
BACK_MS, NEVER_MS = 1000, 1500
SMALL, HUGE = "4 KB pages", "transparent huge pages"
SIGNALS = {"restart": signal.SIGTERM, "kill -9": signal.SIGKILL}
LEAST = {"restart": 0.999, "kill -9": 0.99}  # of the sessions that there were


def longest_gap_ms(text):
    """Of the answers to a ping every 10 ms, by the times that it prints."""
    times = [float(match) for match in re.findall(r"^\[(\d+\.\d+)\].*bytes from", text, re.M)]
    assert len(times) > 100, text[-500:]
    return max(b - a for a, b in zip(times, times[1:])) * 1000


def cross(house, idle, with_signal):
    """One restart under load: (sessions before, sessions taken over, longest gap in ms)."""
    iperf = house.spawn("client", "iperf3", "-c", house.server4, "-P", "8", "-t", "4", "--json",
                        stdout=subprocess.PIPE)
    ping = house.spawn("client", "ping", "-D", "-i", "0.01", "-w", "4", house.server4, stdout=subprocess.PIPE)
    time.sleep(1)
    before = house.sessions()
    logged = len(house.log())
    house.stop(house.daemon, with_signal)
    house.start_culvert()
    took_over = re.search(r"(\d+) sessions of an earlier run go on", house.log()[logged:])
    assert took_over, house.log()[logged:]
    gap = longest_gap_ms(ping.communicate(timeout=30)[0])
    sent = json.loads(iperf.communicate(timeout=30)[0])
    assert "error" not in sent, sent["error"]
    alive = idle.alive()
    assert alive == IDLE, f"{alive} of {IDLE} idle connections are left"
    return before, int(took_over.group(1)), gap


def cross_well(house, idle, name):
    """A restart of a kind, by which most sessions go on: for how many ms no ping was answered."""
    begin_sessions(house, SESSIONS)
    before, after, gap = cross(house, idle, SIGNALS[name])
    print(f"{name}: {before} sessions, {after} taken over, no answer for {gap:.0f} ms")
    assert after >= LEAST[name] * before, (before, after)
    assert gap < NEVER_MS, gap
    return gap


def go_through(pages, kinds):
    """Restarts with the files of sessions on such pages: beside the control socket, or in a tmpfs of their own."""
    # Closed, so that no packet goes around the policy meanwhile, and the gap is the one that people see.
    with House(system="  fail: closed", interfaces=INTERFACES, config=ZONES, memory=True) as house:
        directory = f"directory: {house.huge_folder()}, " if pages == HUGE else ""
        house.config_text += f"sessions: {{{directory}{TIMEOUTS}}}\n"
        route_the_flood(house)
        house.start_culvert()
        EchoServer(house)
        house.spawn("server", "iperf3", "-s")
        time.sleep(0.5)
        house.ping(house.server4)
        idle = Connections(house, house.server4, IDLE)
        print(house.memory_text())
        assert house.memory_text().endswith(f"sessions on {pages}"), house.memory_text()
        for name, count in kinds.items():
            gaps = [cross_well(house, idle, name) for _ in range(count)]
            while usual(gaps) > BACK_MS and len(gaps) < 3:
                gaps.append(cross_well(house, idle, name))
            assert SANITIZED or usual(gaps) <= BACK_MS, f"{name}: no answer for {gaps} ms"
        house.assert_conservation()


def main():
    require_command("iperf3")
    mounts_of_our_own()
    go_through(SMALL, by_tier({"restart": 1}, {"restart": 1, "kill -9": 1}, {"restart": 5, "kill -9": 25}))
    go_through(HUGE, by_tier({"kill -9": 1}, {"restart": 1, "kill -9": 2}, {"restart": 5, "kill -9": 25}))


main()
