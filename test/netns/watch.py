# SPDX-License-Identifier: Apache-2.0
"""Looking at culvertd while something happens to it: its control socket, its buffers ten times a second, pings."""

import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

SUPPORT = pathlib.Path(__file__).resolve().parent.parent / "support"


class Control:
    """A connection to the control socket; one request, one answer."""

    def __init__(self, path, timeout=5):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.stream = self.socket.makefile("rb")

    def close(self):
        self.stream.close()
        self.socket.close()

    def line(self, command, **arguments):
        """The answer as it came."""
        self.socket.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
        line = self.stream.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError(f"{command}: the answer ended after {len(line)} bytes")
        return line

    def ask(self, command, **arguments):
        answer = json.loads(self.line(command, **arguments))
        assert answer["ok"], f"{command}: {answer}"
        return answer["result"]


def buffer_defects(buffers):
    """What must never be: more used than there is, a peak below what is used."""
    for row in buffers["detail"]:
        if row["max"] is None:
            assert row["unknown"], f"not known, and no reason: {row}"
            continue
        if row["used"] > row["max"]:
            yield f"used > max: {row}"
        if row["peak"] is not None and row["peak"] < row["used"]:
            yield f"peak < used: {row}"
        if row["peak"] is not None and row["peak"] > row["max"]:
            yield f"peak > max: {row}"
    for row in buffers["resources"]:
        if row["max"] is not None and row["used"] > row["max"]:
            yield f"used > max in sum: {row}"


class BufferWatch:
    """`with BufferWatch(house):` samples `show system buffers` ten times a second; a defect fails when it ends."""

    def __init__(self, house, interval_s=0.1):
        self.path = house.control_path
        self.interval_s = interval_s
        self.samples = 0
        self.defects = []
        self.slowest_s = 0.0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.ended.set()
        self.thread.join()
        if kind is None:
            assert not self.defects, "\n".join(self.defects[:10])
            assert self.samples > 0, "never sampled"

    def run(self):
        try:
            control = Control(self.path)
            while not self.ended.is_set():
                begin = time.monotonic()
                self.defects.extend(buffer_defects(control.ask("show_buffers")))
                took = time.monotonic() - begin
                frames = control.ask("show_status")["frames"]
                if frames["unaccounted"] not in (0, None):  # None: with the reason in "unknown"
                    self.defects.append(f"frames that nobody has: {frames}")
                self.slowest_s = max(self.slowest_s, took)
                self.samples += 1
                self.ended.wait(max(0, self.interval_s - took))
            control.close()
        except (OSError, AssertionError, KeyError) as error:
            self.defects.append(f"sampling: {error!r}")


class Ping:
    """A ping every 10 ms in the background, and when each answer came."""

    def __init__(self, house, address):
        self.path = house.work / f"ping-{time.monotonic_ns()}"
        with open(self.path, "w", encoding="utf-8") as out:
            self.child = house.spawn("client", "ping", "-n", "-D", "-i", "0.01", address, stdout=out)

    def answers(self):
        """Seconds of CLOCK_REALTIME at which answers came."""
        text = self.path.read_text(encoding="utf-8")
        return [float(found) for found in re.findall(r"^\[([0-9.]+)\] \d+ bytes", text, re.MULTILINE)]

    def silence_s(self, since, seconds, limit=10):
        """The longest time between two answers in the `seconds` after `since` (time.time()), and until one came."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            answers = self.answers()
            if answers and answers[-1] >= since + seconds:
                begin = max((at for at, when in enumerate(answers) if when < since), default=0)
                return max(later - earlier for earlier, later in zip(answers[begin:], answers[begin + 1:]))
            time.sleep(0.05)
        raise AssertionError(f"no answer within {limit} s")

    def end(self):
        self.child.send_signal(signal.SIGINT)
        self.child.wait(5)


class Probe:
    """Numbered UDP packets from the client to the server: see test/support/udp_probe.py."""

    PROGRAM = str(SUPPORT / "udp_probe.py")

    def __init__(self, house, *ports, role="server"):
        self.house = house
        self.senders = {}
        self.sink = house.spawn(role, sys.executable, self.PROGRAM, "sink", *map(str, ports), stdout=subprocess.PIPE)
        assert self.sink.stdout.readline() == "ready\n"

    def send(self, address, port, rate, seconds):
        """In the background."""
        self.senders[port] = self.house.spawn("client", sys.executable, self.PROGRAM, "send", str(seconds), str(rate),
                                              address, str(port), stdout=subprocess.PIPE)

    def wait(self):
        """{port: the sink's report and "sent", "lost"} when all senders have ended."""
        sent = {port: json.loads(child.communicate(timeout=300)[0])["sent"] for port, child in self.senders.items()}
        time.sleep(0.3)  # what is on the way arrives
        self.sink.send_signal(signal.SIGTERM)
        reports = {int(port): report for port, report in json.loads(self.sink.communicate(timeout=60)[0]).items()}
        for port, count in sent.items():
            report = reports[port]
            report.update(sent=count, lost=count - (report["received"] - report["twice"]))
        return reports
