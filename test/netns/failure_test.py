# SPDX-License-Identifier: Apache-2.0
"""Death and restart under traffic: what a user of the network feels, fail: open and fail: closed."""

import json
import re
import signal
import subprocess
import time

from arrivals import Arrivals
from clients import CONNECT, python
from house import House, by_tier, usual, wait_until
from leftovers import mounts_of_our_own
from watch import Ping, Probe

CYCLES = by_tier(2, 5, 10)
PORTS = (20000, 20001)  # UDP of IPv4 and of IPv6
RATE = 3000  # packets a second of each


def lost_packets(ping_output):
    sent, received = re.search(r"(\d+) packets transmitted, (\d+) received", ping_output).groups()
    return int(sent) - int(received)


def ping_in_background(house, seconds):
    return house.spawn("client", "ping", "-q", "-i", "0.02", "-w", str(seconds), house.server4, stdout=subprocess.PIPE)


def fail_open(house):
    """kill -9: the kernel goes on at once; the restart takes over within a second."""
    for _ in range(CYCLES):
        house.start_culvert()
        ping = ping_in_background(house, 4)
        time.sleep(1)
        house.daemon.send_signal(signal.SIGKILL)
        house.daemon.wait()
        time.sleep(1)
        begin = time.monotonic()
        house.start_culvert()
        took = time.monotonic() - begin
        lost = lost_packets(ping.communicate(timeout=20)[0])
        print(f"fail open: kill -9 and restart ({took * 1000:.0f} ms) lost {lost} of 200 pings")
        assert lost <= 50, f"{lost} pings of 20 ms lost: more than a second"
        assert house.stop(house.daemon) == 0, house.log()


class Load:
    """UDP of both families and pings from inside; who looks at the server's side sees them."""

    def __init__(self, house):
        self.house = house
        self.arrivals = Arrivals(house, "server")
        self.ping = Ping(house, house.server4)
        self.probe = Probe(house, *PORTS)
        for port, address in zip(PORTS, (house.server4, house.server6)):
            self.probe.send(address, port, RATE, 100_000)
        wait_until(lambda: len(self.arrivals.take()) >= 3, 5, "both families' UDP and pings arrive")

    def end(self):
        for sender in self.probe.senders.values():
            self.house.stop(sender)

    def sent(self):
        link = json.loads(self.house.client("ip", "-j", "-s", "link", "show", "eth0").stdout)[0]
        return link["stats64"]["tx"]["packets"]

    def assert_nothing_arrives(self, seconds):
        time.sleep(0.2)  # what was under way
        self.arrivals.take()
        before, begin = self.sent(), time.monotonic()
        connection = python(self.house.client, CONNECT, self.house.server4, 80, seconds)
        sent, passed = self.sent() - before, time.monotonic() - begin
        arrived = self.arrivals.take()
        assert not arrived and connection == "timeout", f"fail: closed lets packets through: {arrived}, {connection}"
        assert sent > RATE * passed, f"only {sent} packets were sent in {passed:.1f} s"
        return sent

    def first_answer_s(self, since):
        """After how many seconds from `since` (time.time()) a ping was answered."""
        def later():
            return [when for when in self.ping.answers() if when > since]

        wait_until(later, 10, lambda: f"an answer\n{self.house.log()}")
        return later()[0] - since


def fail_closed():
    """Whatever end culvertd has: nothing from inside comes out until it is back, and then within a second."""
    with House(system="  fail: closed") as house:
        house.start_culvert()
        house.ping(house.server4)
        house.ping(house.server6)
        load, back_s = Load(house), []
        for _ in range(CYCLES):
            house.daemon.send_signal(signal.SIGKILL)
            house.daemon.wait()
            sent = load.assert_nothing_arrives(0.7)
            begin = time.time()
            house.start_culvert()
            back_s.append(load.first_answer_s(begin))
            print(f"fail closed: {sent} packets while culvertd was dead, none arrived; back after "
                  f"{back_s[-1] * 1000:.0f} ms")
        assert usual(back_s) <= 1, f"back after {back_s} s"
        assert house.stop(house.daemon) == 0, house.log()
        load.assert_nothing_arrives(0.3)
        load.end()
        print(house.culvert("detach").stdout.strip())
        house.ping(house.server4)


def main():
    mounts_of_our_own()
    with House() as house:
        fail_open(house)
    fail_closed()


main()
