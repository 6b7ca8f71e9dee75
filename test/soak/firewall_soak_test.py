# SPDX-License-Identifier: Apache-2.0
"""Short connections without end through a firewall with source NAT, while its configuration changes again and again.

Clients inside connect, send datagrams, of both families, and somebody outside uses a forwarded port, through two
workers and fail: closed. Meanwhile, in random order: other NAT and other policies by `config apply`, `clear sessions`,
`culvert restart`, questions. After each of them pings get through, no frame is unaccounted for, and no address inside
has been seen outside. When the load has ended no session, no port and no mapping is left, every packet has had one
fate, and memory and descriptors have not grown.

It takes half of CULVERT_SOAK_SECONDS; CULVERT_SEED repeats the order.
"""

import json
import os
import random
import signal
import subprocess
import time

from clients import SERVER
from house import wait_until
from leftovers import mounts_of_our_own
from life import Life, at_peace
from nat_house import Nat
from outside import Outside

SECONDS = float(os.environ.get("CULVERT_SOAK_SECONDS", "20")) / 2
SEED = int(os.environ.get("CULVERT_SEED") or random.SystemRandom().randrange(1, 2**32))
ESTABLISHED_SECONDS = 20

CONFIG = """
zones: {inside: {}, outside: {}}
sessions: {max: 16384}
policy:
  rules:
    - {name: out, from: inside, to: outside, action: permit%(log)s}
    - {name: in, from: outside, to: inside, service: tcp/%(service)s, action: permit}
nat:
  timeouts: {tcp_transitory: 2s, tcp_established: %(established)ds, udp: 2s, icmp: 2s}
  pools:
    four: {addresses: [198.18.1.100], ports: %(ports)s}
    six: {addresses: ["2001:db8:1::100"]}
  destination:
    - {name: web, from: outside, destination: interface, service: tcp/8080, translate: 198.18.0.2, port: 80}
  source:
    - {name: out, from: inside, to: outside, family: ipv4, translate: %(translate)s%(mapping)s}
    - {name: six, from: inside, to: outside, family: ipv6, translate: six%(mapping)s}
"""
MAPPINGS = ("", ", mapping: address_and_port_dependent", ", filtering: endpoint_independent",
            ", filtering: address_and_port_dependent")

# Targets as "tcp ADDRESS PORT"; each again and again until SIGTERM, then what became of all.
LOAD = """
import collections, json, signal, socket, sys, threading, time
counts, ended = collections.Counter(), threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())

def tcp(address, port):
    with socket.create_connection((address, port), timeout=1) as s:
        return s.recv(1) == b""  # the server closes at once

def udp(address, port):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect((address, port))
        s.send(b"x" * 100)
        return len(s.recv(1000)) == 100

def again(what, address, port):
    while not ended.is_set():
        try:
            counts[what.__name__] += what(address, port)
        except OSError:
            counts["failed"] += 1
        time.sleep(0.002)

threads = []
for target in sys.argv[1:]:
    what, address, port = target.split()
    threads.append(threading.Thread(target=again, args=({"tcp": tcp, "udp": udp}[what], address, int(port))))
for thread in threads:
    thread.start()
while not ended.is_set():
    ended.wait(1)
for thread in threads:
    thread.join()
print(json.dumps(counts))
"""


def config(translate="interface", mapping="", ports="1024-65535", service="80", log=""):
    return CONFIG % {"translate": translate, "mapping": mapping, "ports": ports, "service": service, "log": log,
                     "established": ESTABLISHED_SECONDS}


class Firewall(Life):
    """What happens in a firewall's life, while nobody inside may be seen outside."""

    def __init__(self, house, choose, outside):
        super().__init__(house, choose)
        self.outside = outside
        self.cleared = 0
        self.most_ports = 0

    def other_nat(self):
        self.house.apply(config(self.choose(["interface", "four"]), self.choose(MAPPINGS),
                                self.choose(["1024-65535", "20000-30000"])))

    def other_policy(self):
        self.house.apply(config(service=self.choose(["80", "81"]), log=self.choose(["", ", log: both"])))

    def clear(self):
        which = self.choose([["--all"], ["protocol", "tcp"], ["destination", self.house.server6]])
        answer = self.house.culvert("clear", "sessions", *which, "--json")
        self.cleared += json.loads(answer.stdout)["cleared"]

    def restart(self):
        self.house.restart_culvert()

    def questions(self):
        self.most_ports = max(self.most_ports, self.ports())
        self.house.show("nat", "mappings")
        self.house.show("sessions")
        self.house.culvert("clear", "system", "buffers", "peak")

    def ports(self):
        rows = self.house.show("nat", "pools")["addresses"]
        return sum(row[kind]["used"] for row in rows for kind in ("tcp", "udp", "icmp", "sctp"))

    def check(self):
        super().check()
        seen = self.outside.take()
        assert not seen["inside"], seen


def run_cycles(life, choice, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        life.cycle(life.choose(choice))


def start_load(house):
    for role in ("client", "server"):
        house.spawn(role, "python3", "-c", SERVER)
    time.sleep(0.5)
    targets = [f"{what} {address} 80" for what in ("tcp", "tcp", "udp") for address in (house.server4, house.server6)]
    return [house.spawn(role, "python3", "-c", LOAD, *whom, stdout=subprocess.PIPE)
            for role, whom in (("client", targets), ("server", ["tcp 198.18.1.1 8080"]))]


def stop_load(loads):
    """What became of all, inside and outside."""
    for load in loads:
        load.send_signal(signal.SIGTERM)
    return [json.loads(load.communicate(timeout=20)[0]) for load in loads]


def nothing_held(life):
    """What lives by time goes with time, and nothing else is left."""
    house = life.house

    def left():
        return {"sessions": house.sessions(), "ports": life.ports(), "mappings": len(house.mappings())}

    took = wait_until(lambda: not any(left().values()), ESTABLISHED_SECONDS + 15,
                      lambda: f"nothing is left of the load: {left()}, {house.session_rows()[:5]}")
    print(f"{took:.1f} s after the load nothing is left of it", flush=True)


def main():
    mounts_of_our_own()
    print(f"CULVERT_SEED={SEED}, {SECONDS:.0f} s", flush=True)
    with Nat(workers=2, queues=2, config=config()) as house:
        house.start_culvert()
        for address in (house.server4, house.server6):
            house.ping(address)
        life = Firewall(house, random.Random(SEED).choice, Outside(house))
        loads = start_load(house)
        gentle = [life.other_nat, life.other_policy, life.clear, life.questions]
        for happens in gentle:
            life.cycle(happens)
        before = life.size()
        run_cycles(life, gentle, SECONDS / 2)
        life.assert_no_growth(before)
        life.cycle(life.restart)
        run_cycles(life, gentle + [life.restart], SECONDS / 2)
        house.apply(config())
        life.cycle(life.questions)
        inside, outside = stop_load(loads)
        print(f"inside {inside}, outside {outside}, {life.cleared} sessions cleared, up to {life.most_ports} ports")
        nothing_held(life)
        life.assert_no_growth(before)
        totals = at_peace(house)
        life.check()
        assert house.stop(house.daemon) == 0, house.log()
    life.tell()
    print(f"the last culvertd: {totals}")
    for what in (inside["tcp"], inside["udp"], outside["tcp"]):
        assert what > SECONDS, "that was no load"
    assert life.cleared > 0 and life.most_ports > 0, "the load has not met what happened"


main()
