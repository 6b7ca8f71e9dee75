# SPDX-License-Identifier: Apache-2.0
"""Numbered, stamped UDP packets, and who receives them: what was lost, for how long, and how late the rest came.

    udp_probe.py send SECONDS PACKETS_PER_SECOND ADDRESS PORT    prints {"sent": N}
    udp_probe.py sink PORT [PORT ...]                            until SIGTERM; prints {PORT: {...}, ...}

The sender stamps each packet before sendto(); the sink takes the kernel's receive timestamp of the same clock
(SO_TIMESTAMPNS, taken when the packet enters the receiver's stack), so the delay has no wake-up of the sink in it.
Ports from 20000 on are sinks of whoever tests; the payload is 64 bytes.
"""

import json
import select
import signal
import socket
import statistics
import struct
import sys
import time

SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
HEADER = struct.Struct("<QQ")


def send(seconds, rate, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sender = socket.socket(family, socket.SOCK_DGRAM)
    begin, sent = time.monotonic(), 0
    while (passed := time.monotonic() - begin) < seconds:
        while sent < passed * rate:
            try:
                # The address each time: a connected socket would fail with the ICMP errors of others.
                sender.sendto(HEADER.pack(sent, time.clock_gettime_ns(time.CLOCK_REALTIME)).ljust(64), (address, port))
            except OSError:
                continue  # not taken, so not sent: the next one has the same number
            sent += 1
        time.sleep(max(0.0005, sent / rate - (time.monotonic() - begin)))
    return {"sent": sent}


class Sink:
    def __init__(self, port):
        self.numbers = bytearray()
        self.delays_ns = []
        self.last_ns, self.gap_ns, self.received, self.twice, self.overtaken = 0, 0, 0, 0, 0
        self.highest = -1
        self.socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self.socket.bind(("::", port))

    def take(self):
        data, control, _, _ = self.socket.recvmsg(64, 64)
        number, sent_ns = HEADER.unpack_from(data)
        seconds, nanoseconds = struct.unpack("qq", control[0][2])
        came_ns = seconds * 1_000_000_000 + nanoseconds
        self.delays_ns.append(came_ns - sent_ns)
        if self.last_ns:
            self.gap_ns = max(self.gap_ns, came_ns - self.last_ns)
        self.last_ns = came_ns
        self.received += 1
        self.overtaken += number < self.highest
        self.highest = max(self.highest, number)
        if number >= len(self.numbers):
            self.numbers.extend(bytes(number + 1 - len(self.numbers)))
        self.twice += self.numbers[number]
        self.numbers[number] = 1

    def report(self):
        late = sorted(self.delays_ns) or [0]
        return {"received": self.received, "twice": self.twice, "overtaken": self.overtaken,
                "longest_gap_ms": self.gap_ns / 1e6,
                "delay_us": {"median": statistics.median(late) / 1e3, "p90": late[len(late) * 9 // 10] / 1e3,
                             "max": late[-1] / 1e3}}


def sink(ports):
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    sinks = {port: Sink(port) for port in ports}
    by_socket = {each.socket: each for each in sinks.values()}
    print("ready", flush=True)
    while True:
        readable = select.select(list(by_socket), [], [], 0.05)[0]
        for each in readable:
            by_socket[each].take()
        if stop and not readable:
            return {port: each.report() for port, each in sinks.items()}


def main():
    verb, *rest = sys.argv[1:]
    if verb == "send":
        report = send(float(rest[0]), float(rest[1]), rest[2], int(rest[3]))
    else:
        report = sink([int(port) for port in rest])
    print(json.dumps(report))


main()
