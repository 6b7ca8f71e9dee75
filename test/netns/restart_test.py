# SPDX-License-Identifier: Apache-2.0
"""Sessions outlive the process: a restart and kill -9 under load, and the connections go on.

200 idle TCP connections, iperf3 -P 8 and a ping every 10 ms cross each restart. Afterwards every idle connection must
still carry a byte there and back. Printed: how many sessions there were and are, and how long no ping was answered.
"""

import json
import re
import signal
import subprocess
import time

from connections import Connections, EchoServer
from house import House, by_tier, require_command
from leftovers import mounts_of_our_own

ZONES = """
zones: {inside: {}, outside: {}}
policy:
  rules:
    - {name: out, from: inside, to: outside, action: permit}
"""
INTERFACES = "  lan0: {zone: inside}\n  wan0: {zone: outside}"
IDLE = 200
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


def go_through(pages, kinds):
    """Restarts with the files of sessions on such pages: beside the control socket, or in a tmpfs of their own."""
    # Closed, so that no packet goes around the policy meanwhile, and the gap is the one that people see.
    with House(system="  fail: closed", interfaces=INTERFACES, config=ZONES, memory=True) as house:
        if pages == HUGE:
            house.config_text += f"sessions: {{directory: {house.huge_folder()}}}\n"
        house.start_culvert()
        EchoServer(house)
        house.spawn("server", "iperf3", "-s")
        time.sleep(0.5)
        house.ping(house.server4)
        idle = Connections(house, house.server4, IDLE)
        print(house.memory_text())
        assert house.memory_text().endswith(f"sessions on {pages}"), house.memory_text()
        for name, count in kinds.items():
            for _ in range(count):
                before, after, gap = cross(house, idle, SIGNALS[name])
                print(f"{name}: {before} sessions, {after} taken over, no answer for {gap:.0f} ms")
                assert after >= LEAST[name] * before, (before, after)
                assert gap < 1500, gap
        house.assert_conservation()


def main():
    require_command("iperf3")
    mounts_of_our_own()
    go_through(SMALL, by_tier({"restart": 1}, {"restart": 1, "kill -9": 1}, {"restart": 5, "kill -9": 25}))
    go_through(HUGE, by_tier({"kill -9": 1}, {"restart": 1, "kill -9": 2}, {"restart": 5, "kill -9": 25}))


main()
