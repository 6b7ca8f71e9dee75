# SPDX-License-Identifier: Apache-2.0
"""A client, a router that runs culvertd, and a server, in network namespaces of their own.

    with House() as house:
        house.start_culvert()
        house.client("ping", "-c1", house.server4)

Everything that a House makes is gone when it ends, also when the test fails. Traffic never leaves its namespaces.
"""

import contextlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from watch import Control

SKIP = 77
# Tests do more where there is time (tools/suites/plan.py); under a sanitizer everything takes several times as long.
SANITIZED = os.environ.get("CULVERT_SANITIZED", "")  # address, thread, or nothing
TIER = "short" if SANITIZED else os.environ.get("CULVERT_TEST_TIER", "short")


def skip(reason):
    print(f"SKIP: {reason}")
    sys.exit(SKIP)


def require_root():
    if os.geteuid() != 0:
        skip("needs root for network namespaces and XDP")


def require_command(name):
    if shutil.which(name) is None:
        skip(f"needs the command {name}")


def run(*command, check=True, timeout=60, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done


def by_tier(short, everything, soak):
    """How long, how often: in every change's tests, in --all, in --soak. Under a sanitizer the short one."""
    return {"all": everything, "soak": soak}.get(TIER, short)


def usual(figures):
    """The median; of two in the middle the lower one."""
    return sorted(figures)[(len(figures) - 1) // 2]


def wait_until(condition, seconds, what):
    """Polls until condition() is true; the time that it took, in seconds."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if condition():
            return time.monotonic() - begin
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")


class Adopted:
    """A process that is nobody's child here, with the part of Popen that a house needs."""

    def __init__(self, pid):
        self.pid = pid
        self.handle = os.pidfd_open(pid)
        self.returncode = None

    def poll(self):
        if self.returncode is None and select.select([self.handle], [], [], 0)[0]:
            self.returncode = 0  # nobody can know
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            signal.pidfd_send_signal(self.handle, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout=None):
        if not select.select([self.handle], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return self.poll()


class House:
    client4, server4 = "198.18.0.2", "198.18.1.2"
    client6, server6 = "2001:db8:0::2", "2001:db8:1::2"

    def __init__(self, queues=1, workers=1, config="", system="", interfaces=None, metrics="{enabled: false}",
                 memory=False, limits=""):
        require_root()
        self.id = f"culvert-{pathlib.Path(sys.argv[0]).stem[:12]}-{os.getpid()}"
        self.names = {role: f"{self.id}-{role[0]}" for role in ("client", "router", "server")}
        # In memory, sessions outlive culvertd (they are files beside the control socket).
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="culvert-test-", dir="/dev/shm" if memory else None))
        self.queues = queues
        self.build = pathlib.Path(os.environ["CULVERT_BUILD"])
        self.control_path = self.work / "control.sock"
        self.children = []
        self.daemon = None
        self.config_text = f"""
system:
  workers: {workers}
  control_socket: {self.control_path}
  state_directory: {self.work}/state
  huge_pages: never
  limits: {{routes_ipv4: 20000, routes_ipv6: 20000{limits}}}
{system}
metrics: {metrics}
interfaces:
{interfaces or "  lan0: {}" + chr(10) + "  wan0: {}"}
{config}
"""

    def __enter__(self):
        try:
            for name in self.names.values():
                run("ip", "netns", "add", name)
                run("ip", "-n", name, "link", "set", "lo", "up")
                # A link-local address under detection (RFC 4862 5.4) asks for no neighbours for two seconds.
                run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
            for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
                self.router("sysctl", "-qw", f"{key}=1")
            self.join("client", "lan0", 0)
            self.join("server", "wan0", 1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for child in self.children:
            self.stop(child)
        if self.daemon is not None:
            self.stop(self.daemon)
        for name in self.names.values():
            # A successor that nobody has adopted, when a test fails between the two.
            for pid in run("ip", "netns", "pids", name, check=False).stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            run("ip", "netns", "del", name, check=False)
        run("umount", str(self.work / "huge"), check=False)
        shutil.rmtree(self.work, ignore_errors=True)

    def join(self, role, interface, number):
        router, host = self.names["router"], self.names[role]
        count = str(self.queues)
        run("ip", "link", "add", interface, "netns", router, "numrxqueues", count, "numtxqueues", count, "type", "veth",
            "peer", "name", "eth0", "netns", host, "numrxqueues", count, "numtxqueues", count)
        run("ip", "-n", router, "addr", "add", f"198.18.{number}.1/24", "dev", interface)
        run("ip", "-n", router, "addr", "add", f"2001:db8:{number}::1/64", "dev", interface, "nodad")
        run("ip", "-n", host, "addr", "add", f"198.18.{number}.2/24", "dev", "eth0")
        run("ip", "-n", host, "addr", "add", f"2001:db8:{number}::2/64", "dev", "eth0", "nodad")
        run("ip", "-n", router, "link", "set", interface, "up")
        run("ip", "-n", host, "link", "set", "eth0", "up")
        run("ip", "-n", host, "route", "add", "default", "via", f"198.18.{number}.1")
        run("ip", "-n", host, "-6", "route", "add", "default", "via", f"2001:db8:{number}::1")

    # Commands in a namespace.

    def client(self, *command, **options):
        return run("ip", "netns", "exec", self.names["client"], *command, **options)

    def router(self, *command, **options):
        return run("ip", "netns", "exec", self.names["router"], *command, **options)

    def server(self, *command, **options):
        return run("ip", "netns", "exec", self.names["server"], *command, **options)

    def spawn(self, role, *command, **options):
        """A background process in the role's namespace; ended with the house."""
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.DEVNULL)
        options.setdefault("stdin", subprocess.DEVNULL)
        child = subprocess.Popen(["ip", "netns", "exec", self.names[role], *command], text=True, **options)
        self.children.append(child)
        return child

    @staticmethod
    def stop(child, with_signal=signal.SIGTERM, seconds=10):
        if child.poll() is None:
            child.send_signal(with_signal)
            try:
                child.wait(seconds)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        return child.returncode

    # Culvert.

    def start_culvert(self, wait=True):
        path = self.work / "culvert.yaml"
        path.write_text(self.config_text)
        log = open(self.work / "culvertd.log", "a", encoding="utf-8")
        # `ip netns exec` becomes the command, so the child's pid is culvertd's.
        self.daemon = subprocess.Popen(
            ["ip", "netns", "exec", self.names["router"], str(self.build / "app/culvertd"), "--config", str(path)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            wait_until(self.ready, 30, lambda: f"culvertd answers and its lanes are up\n{self.log()}")
        return self.daemon

    def restart_culvert(self):
        """A successor takes over; what the command said."""
        answer = json.loads(self.culvert("restart", "--json").stdout)
        self.adopt(answer["pid"])
        return answer

    def adopt(self, pid):
        """The daemon has a successor."""
        before, self.daemon = self.daemon, Adopted(pid)
        assert self.stop(before, signal.SIGCONT) == 0, self.log()
        wait_until(self.ready, 30, lambda: f"the successor's lanes are up\n{self.log()}")

    def ready(self):
        if self.daemon.poll() is not None:
            raise AssertionError(f"culvertd ended with {self.daemon.returncode}:\n{self.log()}")
        try:
            lanes = self.ask("show_status")["lanes"]
        except OSError:
            return False
        return bool(lanes) and all(lane["state"] == "up" for lane in lanes)

    def ask(self, command, **arguments):
        """One request to the control socket, without a process of its own."""
        control = Control(self.control_path)
        try:
            return control.ask(command, **arguments)
        finally:
            control.close()

    def culvert(self, *command, **options):
        return self.router(str(self.build / "tools/culvert/culvert"), "--socket", str(self.control_path),
                           *command, **options)

    def show(self, *what):
        return json.loads(self.culvert("show", *what, "--json").stdout)

    def log(self):
        path = self.work / "culvertd.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    # Checks that several tests make.

    def ping(self, address, count=3, interval=0.05):
        """Reaches the address, if need be after a moment: the first packets wait for neighbours."""
        wait_until(lambda: self.client("ping", "-c", "1", "-W", "1", address, check=False).returncode == 0, 10,
                   lambda: f"{address} answers\n{self.log()}")
        self.client("ping", "-c", str(count), "-i", str(interval), "-W", "2", address)

    def drops(self):
        """{reason: packets}"""
        reasons = {}
        for row in self.ask("show_status")["drops"]:
            reasons[row["reason"]] = reasons.get(row["reason"], 0) + row["packets"]
        return reasons

    def all_drops(self):
        """{reason: packets}, those of the XDP program too: stale_dropped when a worker has had no CPU for 500 ms."""
        by_xdp = {}
        for row in self.ask("show_status")["xdp_actions"]:
            if row["verdict"] == "drop" and row["packets"]:
                by_xdp[row["action"]] = by_xdp.get(row["action"], 0) + row["packets"]
        return self.drops() | by_xdp

    def sessions(self, what="sessions"):
        """A count of the sessions' workers, summed."""
        return sum(worker[what] for worker in self.ask("show_status")["sessions"]["workers"])

    def memory_text(self):
        """What figures of a restart depend on: "262144 sessions at most, packet memory on 4 KB pages, ..."."""
        most = sum(row["max"] for row in self.ask("show_buffers")["resources"] if row["resource"] == "sessions")
        packets = re.findall(r"packet memory on ([^,(]*[^,( ])", self.log())[-1]
        sessions = re.findall(r", sessions on ([^,;\n]*)", self.log())[-1]
        return f"{most} sessions at most, packet memory on {packets}, sessions on {sessions}"

    def huge_folder(self):
        """A folder of this test's whose files have huge pages, for a test with mounts_of_our_own()."""
        folder = self.work / "huge"
        folder.mkdir()
        run("mount", "-t", "tmpfs", "-o", "mode=0700,huge=within_size", "culvert-test", str(folder))
        return folder

    def session_rows(self, **which):
        """What `show sessions` tells of the sessions that fit: destination="198.18.1.2", port=80, ..."""
        page = self.ask("show_sessions", **which)
        rows = page["sessions"]
        while page["next"] is not None:
            page = self.ask("show_sessions", after=page["next"], **which)
            rows += page["sessions"]
        return rows

    def losses(self, scope=""):
        """{counter: packets} that the kernel lost before or after the workers; tx_busy is transmit_failed as well.

        sender_queue_full never got here: veth takes 256 packets until the receiver's CPU comes by, UDP does not hear.
        """
        client = json.loads(self.client("ip", "-j", "-s", "link", "show", "eth0").stdout)[0]["stats64"]
        lost = dict.fromkeys(("kernel_rx_ring_full", "kernel_rx_dropped", "tx_busy"), 0)
        for row in self.ask("show_status")["pressure"]:
            if row["counter"] in lost and row["scope"].startswith(scope):
                lost[row["counter"]] += row["value"]
        return lost | {"sender_queue_full": client["tx"]["dropped"]}

    def totals(self):
        """Packets by fate, summed over workers."""
        workers = self.ask("show_workers")["workers"]
        keys = ("received", "handed_in", "generated", "forwarded", "dropped", "punted", "handed_out", "held")
        return {key: sum(worker[key] for worker in workers) for key in keys}

    def assert_conservation(self):
        """Every packet has one fate. To be called when no traffic flows."""
        deadline = time.monotonic() + 3
        while True:
            t = self.totals()
            into = t["received"] + t["handed_in"] + t["generated"]
            out = t["forwarded"] + t["dropped"] + t["punted"] + t["handed_out"] + t["held"]
            if into == out:
                return t
            if time.monotonic() > deadline:
                raise AssertionError(f"packets in {into}, out {out}: {t}")
            time.sleep(0.1)
