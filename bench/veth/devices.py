# SPDX-License-Identifier: Apache-2.0
"""What forwards between lan0 and wan0 of a bed. All work on DEVICE_CPU where they can choose.

start(bed) makes it forward, stop() ends it; rest() and work() bracket each trial, so that a device that polls leaves
the core to the others meanwhile; lost() tells packets that it lost by its own choice, by reason, since it started.
"""

import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

from bed import ABOVE_GENERATOR, DEVICE_CPU, GENERATOR_CPU, REAL_TIME_PRIORITY, cpu_ns, first, real_time
from house import run

TRANSMIT_FAILED = "transmit_failed"  # counted by wan0 too


class Device:
    name = ""
    story = ""

    def start(self, bed):
        self.bed = bed

    def stop(self):
        pass

    def work(self):
        pass

    def rest(self):
        pass

    def forget(self):
        """No connection of an earlier trial is known any more."""

    def lost(self):
        return {}

    def cpu_ns(self):
        return 0


class Culvertd(Device):
    name = "culvertd"
    story = "parse with every check, route, neighbour, TTL, checksum, all counters"
    zones = {"lan0": "", "wan0": ""}
    config = ""

    def start(self, bed):
        self.bed = bed
        bed.config_text = f"""
system:
  workers: [{DEVICE_CPU}]
  control_socket: {bed.work}/control.sock
  state_directory: {bed.work}/state
  fail: open
metrics: {{enabled: false}}
interfaces:
  lan0: {{{self.zones["lan0"]}}}
  wan0: {{{self.zones["wan0"]}}}
{self.config}
"""
        bed.start_culvert()
        if real_time():
            self.put_first()

    def lost(self):
        drops = self.bed.show("drops")["drops"]
        return {f"culvertd: {drop['reason']}": drop["packets"] for drop in drops if drop["reason"] != TRANSMIT_FAILED}

    def cpu_ns(self):
        return cpu_ns(self.bed.daemon.pid)

    def put_first(self):
        """The worker as all that moves packets; the others' short work comes before the generator, whose core it is."""
        worker = str(self.worker_thread())
        for thread in os.listdir(f"/proc/{self.bed.daemon.pid}/task"):
            priority = REAL_TIME_PRIORITY if thread == worker else ABOVE_GENERATOR
            run("chrt", "--fifo", "--pid", priority, thread)

    def worker_thread(self):
        return self.bed.show("workers")["workers"][0]["thread_id"]


class CulvertdNat(Culvertd):
    """Room for a million sessions, on huge pages ("Sizing" in docs/operating.md), and ports for twice as many."""

    name = "culvertd-nat"
    story = "the same as a firewall with one rule and source NAT: a session and a mapping for each flow"
    zones = {"lan0": "zone: inside", "wan0": "zone: outside"}
    config = """
zones: {inside: {}, outside: {}}
policy:
  rules: [{name: out, from: inside, to: outside, action: permit}]
nat:
  pools: {outside: {addresses: [198.18.1.64-198.18.1.95]}}
  source: [{name: out, from: inside, to: outside, translate: outside}]
sessions: {max: 1200000, directory: FOLDER}
"""

    def start(self, bed):
        self.config = self.config.replace("FOLDER", str(bed.huge_folder()))
        super().start(bed)

    def forget(self):
        self.bed.culvert("clear", "sessions", "--all")


class Kernel(Device):
    name = "kernel"
    story = "ip_forward, no netfilter; wholly on the generator's core, in its softirq"

    def start(self, bed):
        self.bed = bed
        bed.router("ethtool", "-K", "lan0", "gro", "on")  # else veth takes no packet from an XDP program

    def lost(self):
        keys, values = self.bed.router("grep", "^Ip:", "/proc/net/snmp").stdout.splitlines()
        snmp = dict(zip(keys.split()[1:], map(int, values.split()[1:])))
        return {f"kernel: {key}": snmp[key] for key in ("InHdrErrors", "InAddrErrors", "InDiscards", "OutDiscards",
                                                        "OutNoRoutes")}


class Masquerade(Kernel):
    name = "masquerade"
    story = "the same with nftables: connection tracking, one rule that accepts, masquerade"
    RULES = """
table ip filter {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "lan0" oifname "wan0" accept
  }
}
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "wan0" masquerade
  }
}
"""

    @staticmethod
    def missing():
        return shutil.which("nft") is None or shutil.which("conntrack") is None

    def start(self, bed):
        super().start(bed)
        rules = bed.work / "rules.nft"
        rules.write_text(self.RULES, encoding="ascii")
        bed.router("nft", "-f", str(rules))
        self.make_room()  # behind the rules, which load connection tracking
        # As long as culvertd keeps a UDP session, so that both find those of the trial before.
        bed.router("sysctl", "-qw", "net.netfilter.nf_conntrack_udp_timeout=300")

    def forget(self):
        self.bed.router("conntrack", "--flush")

    def stop(self):
        for path, value in getattr(self, "before", {}).items():
            path.write_text(value, encoding="ascii")

    def make_room(self):
        """For a million connections; the machine's table, which all namespaces share."""
        folder = pathlib.Path("/proc/sys/net/netfilter")
        self.before = {}
        for name, least in (("nf_conntrack_buckets", 1 << 20), ("nf_conntrack_max", 1 << 21)):
            path = folder / name
            value = path.read_text(encoding="ascii")
            if int(value) >= least:
                continue
            path.write_text(str(least), encoding="ascii")
            self.before[path] = value

    def lost(self):
        text = self.bed.router("conntrack", "--stats").stdout
        return super().lost() | {"kernel: conntrack drop": sum(map(int, re.findall(r"\bdrop=(\d+)", text)))}


class Testpmd(Device):
    name = "testpmd"
    story = "DPDK net_af_xdp, forward mode mac: writes two MAC addresses; no parsing, no lookup, no TTL"
    PROMPT = "testpmd> "

    @staticmethod
    def missing():
        return shutil.which("dpdk-testpmd") is None

    def start(self, bed):
        self.bed = bed
        vdevs = [f"--vdev=net_af_xdp{i},iface={name}" for i, name in enumerate(("lan0", "wan0"))]
        self.process = subprocess.Popen(
            first("ip", "netns", "exec", bed.names["router"], "dpdk-testpmd", "-l", f"{GENERATOR_CPU},{DEVICE_CPU}",
                  "--no-shconf", "--no-huge", "-m", "512", "--no-pci", "--no-telemetry", *vdevs, "--", "--interactive",
                  "--forward-mode=mac", "--nb-cores=1", "--burst=64", "--rxd=2048", "--txd=2048",
                  "--total-num-mbufs=16384", f"--eth-peer=1,{bed.mac('server', 'eth0')}"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        self.output = ""
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.wait_for_prompt(0, 30)

    def stop(self):
        process = getattr(self, "process", None)
        if process is None:
            return
        if process.poll() is None:
            process.stdin.write(b"quit\n")
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.reader.join()

    def work(self):
        self.command("start")

    def rest(self):
        self.command("stop")

    def lost(self):
        def total(pattern, text):
            return sum(map(int, re.findall(pattern, text)))
        return {"testpmd: not sent": total(r"TX-dropped: +(\d+)", self.command("show fwd stats all")),
                "testpmd: errors": total(r"[RT]X-errors: +(\d+)", self.command("show port stats all"))}

    def cpu_ns(self):
        return cpu_ns(self.process.pid)

    def read(self):
        while chunk := self.process.stdout.read(4096):
            self.output += chunk.decode(errors="replace")

    def wait_for_prompt(self, since, seconds):
        end = time.monotonic() + seconds
        while self.PROMPT not in self.output[since:]:
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"testpmd does not answer:\n{self.output[-4000:]}")
            time.sleep(0.005)

    def command(self, text):
        since = len(self.output)
        self.process.stdin.write(text.encode() + b"\n")
        self.wait_for_prompt(since, 10)
        return self.output[since:]
