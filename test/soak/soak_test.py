# SPDX-License-Identifier: Apache-2.0
"""Load without end, and meanwhile everything that happens in the life of a router, in random order, again and again.

TCP streams and small UDP packets, IPv4 and IPv6, flow between a client and a server through two workers. Each life
cycle must be over within seconds: pings get through, no frame is unaccounted for, no row of `show system buffers`
contradicts itself. In the end memory and descriptors have not grown, and nothing is left behind.

CULVERT_SOAK_SECONDS says how long, CULVERT_SEED repeats the order.
"""

import os
import random
import signal
import time

from house import House, require_command, run
from life import Life, at_peace

require_command("iperf3")

SECONDS = float(os.environ.get("CULVERT_SOAK_SECONDS", "20"))
SEED = int(os.environ.get("CULVERT_SEED") or random.SystemRandom().randrange(1, 2**32))


class Router(Life):
    """What happens in a router's life."""

    def __init__(self, house, choose):
        super().__init__(house, choose)
        self.forwarded = 0
        self.spin = 0

    def killed(self):
        """The process dies without a word; fail: open lets the kernel forward until the next one takes over."""
        self.count_forwarded()
        self.house.daemon.send_signal(signal.SIGKILL)
        self.house.daemon.wait()
        self.house.start_culvert()

    def stopped(self):
        self.count_forwarded()
        code = self.house.stop(self.house.daemon)
        assert code == 0, f"culvertd ended with {code}\n{self.house.log()}"
        self.house.start_culvert()

    def link_flap(self):
        name, number = self.choose([("lan0", 0), ("wan0", 1)])
        self.house.router("ip", "link", "set", name, "down")
        self.house.router("ip", "link", "set", name, "up")
        # The kernel takes IPv6 addresses away with the link.
        self.house.router("ip", "addr", "replace", f"2001:db8:{number}::1/64", "dev", name, "nodad")

    def interface_made_anew(self):
        self.house.router("ip", "link", "del", "wan0")
        time.sleep(0.2)
        self.house.join("server", "wan0", 1)

    def mtu_change(self):
        for mtu in ("1400", "1500"):
            self.house.router("ip", "link", "set", "lan0", "mtu", mtu)
            time.sleep(0.1)

    def route_flap(self):
        lines = [f"route {verb} 203.0.113.{i}/32 via 198.18.1.2" for i in range(100) for verb in ("add", "del")]
        batch = self.house.work / "routes"
        batch.write_text("\n".join(lines) + "\n")
        self.house.router("ip", "-force", "-batch", str(batch))

    def neighbor_flush(self):
        self.house.router("ip", "neigh", "flush", "dev", self.choose(["lan0", "wan0"]))

    def configuration(self):
        """A trial that is confirmed, and one that is rolled back."""
        self.spin += 1
        path = self.house.work / "trial.yaml"
        spin = f"system:\n  idle: {{spin: {50 + self.spin % 9}us}}"
        path.write_text(self.house.config_text.replace("system:", spin, 1))
        self.house.culvert("config", "apply", str(path), "--confirm", "60")
        self.house.culvert("config", self.choose(["confirm", "rollback"]))

    def questions(self):
        for _ in range(20):
            self.house.show("system", "userspace", "status")
            self.house.culvert("clear", "system", "buffers", "peak")

    def count_forwarded(self):
        self.forwarded += self.house.totals()["forwarded"]


def start_load(house):
    for port, options in (("5201", ["--parallel", "3", "--client", house.server4]),
                          ("5202", ["--udp", "--length", "100", "--bitrate", "8M", "--client", house.server6])):
        # Both ends begin again when a connection dies with an interface.
        house.spawn("server", "sh", "-c", f"while :; do iperf3 --server --port {port}; sleep 0.2; done",
                    start_new_session=True)
        load = f"timeout --foreground 20 iperf3 --port {port} --time 15 {' '.join(options)}"
        house.spawn("client", "sh", "-c", f"while :; do {load}; sleep 0.5; done", start_new_session=True)


def stop_load(house):
    """The loops and what they started, by their sessions."""
    for child in house.children:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def steady(life):
    """Without a restart in between: what grows with the number of cycles is a leak."""
    gentle = [life.link_flap, life.mtu_change, life.route_flap, life.neighbor_flush, life.configuration, life.questions]
    for happens in gentle:
        life.cycle(happens)
    before = life.size()
    end = time.monotonic() + SECONDS / 2
    while time.monotonic() < end:
        life.cycle(life.choose(gentle))
    life.assert_no_growth(before)


def violent(life):
    all_of_it = [life.killed, life.stopped, life.link_flap, life.interface_made_anew, life.mtu_change, life.route_flap]
    end = time.monotonic() + SECONDS / 2
    for happens in all_of_it:
        life.cycle(happens)
    while time.monotonic() < end:
        life.cycle(life.choose(all_of_it))


def nothing_left(house):
    assert house.stop(house.daemon) == 0, house.log()
    left = run("ip", "-n", house.names["router"], "-d", "link").stdout
    assert "prog/xdp" not in left and "culvert0" not in left, left
    assert "culvert0" not in house.router("ip", "rule").stdout


def main():
    print(f"CULVERT_SEED={SEED}, {SECONDS:.0f} s", flush=True)
    life = None
    with House(queues=2, workers=2) as house:
        house.start_culvert()
        for address in (house.server4, house.server6):
            house.ping(address)
        life = Router(house, random.Random(SEED).choice)
        start_load(house)
        try:
            steady(life)
            violent(life)
        finally:
            stop_load(house)
        at_peace(house)
        life.count_forwarded()
        nothing_left(house)
    assert life.forwarded > 1000 * SECONDS, f"only {life.forwarded} packets were forwarded: that was no load"
    life.tell()
    print(f"{life.forwarded} packets forwarded")


main()
