# SPDX-License-Identifier: Apache-2.0
"""Death and restart under traffic, fail: open and fail: closed; links that flap and vanish; nothing is left behind."""

import contextlib
import os
import pathlib
import re
import signal
import time

from house import House, run, wait_until

CYCLES = int(os.environ.get("CULVERT_CYCLES", "3"))


def lost_packets(ping_output):
    sent, received = re.search(r"(\d+) packets transmitted, (\d+) received", ping_output).groups()
    return int(sent) - int(received)


def ping_in_background(house, seconds):
    import subprocess
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


@contextlib.contextmanager
def bpf_file_system():
    """Where pins can outlive culvertd, whose mounts are its own below `ip netns exec`."""
    place = pathlib.Path("/run/culvert/bpf")
    if os.path.ismount(place):
        yield
        return
    place.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "bpf", "bpf", str(place))
    try:
        yield
    finally:
        run("umount", str(place))


def fail_closed():
    with bpf_file_system(), House(system="  fail: closed") as house:
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


def links(house):
    house.start_culvert()
    for _ in range(CYCLES):
        house.router("ip", "link", "set", "wan0", "down")
        time.sleep(0.2)
        house.router("ip", "link", "set", "wan0", "up")
        house.router("ip", "addr", "replace", "2001:db8:1::1/64", "dev", "wan0", "nodad")
        took = wait_until(lambda: house.client("ping", "-c1", "-W1", house.server4, check=False).returncode == 0, 5,
                          "traffic after a link flap")
        print(f"link flap: back after {took * 1000:.0f} ms")
    house.router("ip", "link", "del", "wan0")
    time.sleep(0.3)
    house.join("server", "wan0", 1)
    took = wait_until(lambda: house.client("ping", "-c1", "-W1", house.server4, check=False).returncode == 0, 5,
                      lambda: f"traffic after the interface was made anew\n{house.log()}")
    print(f"deleted and re-created: back after {took * 1000:.0f} ms")
    house.router("ip", "link", "set", "lan0", "mtu", "1400")
    house.router("ip", "link", "set", "lan0", "mtu", "1500")
    wait_until(lambda: house.client("ping", "-c1", "-W1", house.server4, check=False).returncode == 0, 5,
               "traffic after MTU changes")
    house.assert_conservation()
    assert house.show("system", "userspace", "status")["frames"]["unaccounted"] == 0


def nothing_left(house):
    house.stop(house.daemon)
    left = run("ip", "-n", house.names["router"], "-d", "link", check=False).stdout
    assert "prog/xdp" not in left and "culvert0" not in left, left
    assert "culvert0" not in house.router("ip", "rule").stdout


def main():
    with House() as house:
        fail_open(house)
    fail_closed()
    with House() as house:
        links(house)
        nothing_left(house)


main()
