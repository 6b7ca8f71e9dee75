# SPDX-License-Identifier: Apache-2.0
"""Death and restart under traffic: what a user of the network feels, fail: open and fail: closed."""

import re
import signal
import subprocess
import time

from house import House, by_tier
from leftovers import mounts_of_our_own

CYCLES = by_tier(2, 5, 10)


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


def fail_closed():
    with House(system="  fail: closed") as house:
        house.start_culvert()
        house.ping(house.server4)
        house.daemon.send_signal(signal.SIGKILL)
        house.daemon.wait()
        time.sleep(0.7)
        out = house.client("ping", "-c3", "-i", "0.2", "-W1", house.server4, check=False).stdout
        assert "100% packet loss" in out, out
        house.start_culvert()
        house.ping(house.server4)
        house.stop(house.daemon)
        out = house.client("ping", "-c2", "-i", "0.2", "-W1", house.server4, check=False).stdout
        assert "100% packet loss" in out, "fail: closed lets packets through after a stop\n" + out
        print(house.culvert("detach").stdout.strip())
        house.ping(house.server4)


def main():
    mounts_of_our_own()
    with House() as house:
        fail_open(house)
    fail_closed()


main()
