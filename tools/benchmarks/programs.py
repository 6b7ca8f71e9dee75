# SPDX-License-Identifier: Apache-2.0
"""Which programs measure what: the one table of tools/bench."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    name: str
    path: str  # below the build folder; a .py is below the source folder
    bars: tuple = ()  # ids that it must judge
    bars_only: tuple = ()  # arguments that leave out what no bar needs
    quick: tuple = ("--rounds", "5")
    root: bool = False


PROGRAMS = (
    Program("checksum", "bench/micro/bench_checksum"),
    Program("counter", "bench/micro/bench_counter", ("C1",)),
    Program("hash", "bench/micro/bench_hash", ("S8",)),
    Program("lane_ring", "bench/micro/bench_lane_ring"),
    Program("lpm", "bench/micro/bench_lpm", ("R1",)),
    Program("maglev", "bench/micro/bench_maglev", ("L1", "PICK")),
    Program("parse", "bench/micro/bench_parse", ("PARSE",)),
    Program("policy", "bench/micro/bench_policy", ("R2",)),
    Program("ports", "bench/micro/bench_ports", ("N1",)),
    Program("ring", "bench/micro/bench_ring"),
    Program("sessions", "bench/micro/bench_sessions", ("S1", "S2", "S3", "S4", "S5", "S6", "S7", "S9", "FLOOD")),
    Program("turn", "bench/turn/bench_turn", ("P1", "P2", "P3", "P5", "P7", "P8", "P9")),
    Program("veth", "bench/veth/run.py", ("V1", "V2", "V3", "V4"), ("--bars",), ("--quick",), root=True),
)

# What else must be built for run.py of bench/veth.
ALSO_BUILT = ("app/culvertd", "tools/culvert/culvert", "bench/veth/bench_veth_traffic")


@dataclass(frozen=True)
class Counted:
    """A comparison (--only) and its contenders whose instructions are counted."""

    program: str
    comparison: str
    contenders: tuple


# Nothing with AVX-512, which valgrind does not know, nor with a table of a million routes, which takes it minutes.
COUNTED = (
    Counted("turn", "forward, 64 B, 1 flow", ("culvert", "reference", "lanes only")),
    Counted("turn", "forward, 64 B, 64k flows", ("culvert", "reference", "lanes only")),
    Counted("turn", "forward, IMIX, 64k flows", ("culvert", "reference", "lanes only")),
    Counted("turn", "forward, IPv6, 64k flows", ("culvert", "lanes only")),
    Counted("turn", "established, 64 B, 64k sessions", ("culvert", "reference", "lanes only")),
    Counted("turn", "source NAT, 64 B, 64k sessions", ("culvert", "reference")),
    Counted("turn", "hand-off, 64 B, 64k sessions, one thread", ("handed off", "own")),
    Counted("parse", "parse, IPv4 UDP 64 B", ("culvert",)),
    Counted("parse", "parse, IPv4 TCP 64 B", ("culvert",)),
    Counted("parse", "parse, IPv6 TCP", ("culvert",)),
    Counted("parse", "parse, headers not in the cache", ("parse_burst", "one by one", "only filling the burst")),
    Counted("checksum", "TTL with its checksum", ("culvert",)),
    Counted("checksum", "verify IPv4 UDP, 64 B", ("culvert",)),
    Counted("counter", "counter update", ("Cell::add", "lock xadd", "plain +=")),
    Counted("hash", "keyed hash, 16 bytes", ("keyed", "crc32c")),
    Counted("hash", "keyed hash, 40 bytes", ("keyed", "crc32c")),
    Counted("maglev", "Maglev table, 65537 slots", ("culvert", "the paper's loop")),
    Counted("maglev", "backend for a new flow, 65537 slots, 1000 backends", ("all up",)),
    Counted("sessions", "worst operations: find, insert, find, delete at the last of eight buckets", ("culvert",)),
    Counted("ring", "ring, both ends on one thread, push + pop an item", ("packets, bursts of 32",)),
    Counted("lane_ring", "rings, an entry in and out, no kernel", ("rx and tx (16 B)",)),
)
