# SPDX-License-Identifier: Apache-2.0
"""A bed: a client that makes packets, a router where the device under test runs, a server that counts and drops.

    client eth0 ==veth== lan0 [device] wan0 ==veth== eth0 server

The namespaces are those of test/netns/house.py, made silent: no IPv6, no ARP, so that every packet is the benchmark's.
run(...) sends once and accounts for every packet; what does not add up is void, and says why.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test" / "netns"))

from house import House, run  # noqa: E402

GENERATOR_CPU, DEVICE_CPU = 0, 1
SENT, NOT_TAKEN = "sent", "queue of lan0 full"
# Packets that still wait in a ring when the last was sent have so long to arrive.
SETTLE_SECONDS = 3
# With --real-time: of what moves packets, and of what shares the generator's core with it.
REAL_TIME_PRIORITY, ABOVE_GENERATOR = "10", "11"


def first(*command, priority=REAL_TIME_PRIORITY):
    """The command, to come before whatever else this machine does; generator and devices alike (--real-time)."""
    return ("chrt", "--fifo", priority, *command) if real_time() else command


def real_time():
    return "CULVERT_BENCH_REAL_TIME" in os.environ


@dataclass
class Order:
    """What to send. Lengths are from the Ethernet header and without FCS, as AF_XDP sees them."""

    length: int = 64
    flows: int = 65536
    packets: int = 1 << 20
    rate: int = 0  # packets a second; 0: as fast as it goes
    batch: int = 64  # packets that leave together
    new: bool = False  # the device has forgotten all flows before


@dataclass
class Trial:
    answer: dict  # of bench_veth_traffic
    lost: dict = field(default_factory=dict)  # where -> packets
    void: str = ""
    cpu_ns: int = 0  # of generator and device, all their threads and what ran in softirqs on top of them
    stolen_s: float = 0.0  # by the hypervisor, both cores

    @property
    def mpps(self):
        """At the far end, from the first packet to the last that was timed."""
        return self.answer["seen_timed"] * 1e3 / self.answer["seen_ns"] if self.answer["seen_ns"] else 0.0

    @property
    def offered_mpps(self):
        return self.answer["made"] * 1e3 / self.answer["made_ns"] if self.answer["made_ns"] else 0.0

    @property
    def lossless(self):
        return self.answer["seen"] == self.answer["made"]

    @property
    def cpu_ns_per_packet(self):
        return self.cpu_ns / max(1, self.answer["seen"])


class Bed(House):
    def __init__(self, device):
        super().__init__(memory=True)  # as /run is, where sessions are by default
        self.device = device
        self.id = f"culvert-veth-{os.getpid()}-{device.name}"
        self.names = {role: f"{self.id}-{role[0]}" for role in ("client", "router", "server")}
        self.traffic = None

    def __enter__(self):
        super().__enter__()
        try:
            for namespace in self.names.values():
                run("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                    "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")
            self.pin_neighbour("client", "lan0", "198.18.0.2")
            self.pin_neighbour("server", "wan0", "198.18.1.2")
            self.router("ip", "route", "add", "198.18.4.0/22", "via", "198.18.0.2")
            self.router("ip", "route", "add", "198.19.0.0/22", "via", "198.18.1.2")
            self.device.start(self)
            self.start_traffic()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.traffic is not None:
            self.traffic.stdin.close()
            self.stop(self.traffic)
        self.device.stop()
        super().__exit__()

    def mac(self, role, interface):
        links = json.loads(run("ip", "-n", self.names[role], "-j", "link", "show", interface).stdout)
        return links[0]["address"]

    def pin_neighbour(self, role, interface, address):
        self.router("ip", "neigh", "replace", address, "lladdr", self.mac(role, "eth0"), "dev", interface, "nud",
                    "permanent")

    def start_traffic(self):
        self.traffic = subprocess.Popen(
            first(str(self.build / "bench/veth/bench_veth_traffic"), self.names["client"], self.names["server"],
                  self.mac("router", "lan0"), str(GENERATOR_CPU)),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, *words):
        self.traffic.stdin.write(" ".join(map(str, words)) + "\n")
        self.traffic.stdin.flush()
        line = self.traffic.stdout.readline()
        if not line:
            raise AssertionError(f"bench_veth_traffic ended with {self.traffic.wait()}")
        return json.loads(line)

    # One trial.

    def run(self, order):
        if order.new:
            self.device.forget()
        self.device.work()
        try:
            return self.account_for(order)
        finally:
            self.device.rest()

    def account_for(self, order):
        before, device_before = self.counters(), self.device.lost()
        stolen_before, cpu_before = stolen_s(), self.device.cpu_ns()
        made = self.tell("send", order.packets, order.length, order.flows, order.rate, order.batch)
        cpu = self.device.cpu_ns() - cpu_before + made["cpu_ns"]
        stolen = stolen_s() - stolen_before
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            answer = made | self.tell("seen")
            change = difference(self.counters(), before)
            lost = change | difference(self.device.lost(), device_before)
            lost = {where: count for where, count in lost.items() if count and where != SENT}
            void = why_void(answer, change, lost)
            if not void or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return Trial(answer, lost, void, cpu, stolen)

    def counters(self):
        """Packets so far: that left the generator, and that the kernel lost on each way between the programs."""
        client, lan, server = (self.ethtool(*end) for end in (("client", "eth0"), ("router", "lan0"),
                                                              ("server", "eth0")))
        wan = json.loads(run("ip", "-n", self.names["router"], "-s", "-j", "link", "show", "wan0").stdout)[0]
        return {
            SENT: client["tx_queue_0_xdp_xmit"],
            NOT_TAKEN: client["tx_queue_0_xdp_xmit_errors"],
            "rx of lan0: no frame, or ring full": lan["rx_queue_0_drops"] + lan["rx_queue_0_xdp_drops"],
            "tx of wan0: queue of its peer full": wan["stats64"]["tx"]["dropped"],
            "rx of the server": server["rx_queue_0_drops"],
        }

    def ethtool(self, role, interface):
        text = run("ip", "netns", "exec", self.names[role], "ethtool", "-S", interface).stdout
        return {name: int(value) for name, value in re.findall(r"(\w+): (\d+)", text)}


def why_void(answer, change, lost):
    """sent = received + counted losses, or the trial says nothing."""
    made, seen = answer["made"], answer["seen"]
    if answer["strangers"]:
        return f"{answer['strangers']} packets that nobody sent"
    if made != change[SENT] + change[NOT_TAKEN]:
        return f"{made} packets made, but {change['sent']} sent"
    if made != seen + sum(lost.values()):
        return f"{made} packets sent, {seen} received, {sum(lost.values())} counted as lost: {lost}"
    return ""


def difference(after, before):
    return {key: count - before.get(key, 0) for key, count in after.items()}


def cpu_ns(pid, thread=None):
    """CPU time of one thread, or of all threads that the process has now."""
    total = 0
    for one in [thread] if thread else os.listdir(f"/proc/{pid}/task"):
        total += int(pathlib.Path(f"/proc/{pid}/task/{one}/schedstat").read_text(encoding="ascii").split()[0])
    return total


def stolen_s():
    """Seconds of all cores that the hypervisor gave to others, since boot."""
    ticks = pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[8]
    return int(ticks) / os.sysconf("SC_CLK_TCK")
