# SPDX-License-Identifier: Apache-2.0
"""Real clients with default offloads through two interfaces: no stalls, no checksum errors, every packet accounted."""

import collections
import json
import subprocess

from house import House, by_tier, require_command, wait_until
from watch import BufferWatch, buffer_defects

require_command("iperf3")
SECONDS = by_tier("1", "2", "4")  # of each iperf3
INTERVAL_S = 0.5
RUNS = ((), ("--reverse",), ("--parallel", "4"), ("--parallel", "4", "--reverse"),
        ("--udp", "--bitrate", "50M", "--bidir"))
ERRORS = ("TcpInCsumErrors", "UdpInCsumErrors", "Udp6InCsumErrors", "IcmpInCsumErrors", "Icmp6InCsumErrors",
          "IpInHdrErrors", "Ip6InHdrErrors")


def received(side, direction):
    """(bytes of all streams in each interval, bytes of each stream) of what a side received; it may have sent only."""
    moved, streams = [], collections.Counter()
    for interval in side["intervals"]:
        whole = interval.get(direction)
        if whole is None or whole["sender"] or whole["seconds"] < INTERVAL_S / 2:  # the last one may be a moment
            continue
        moved.append(whole["bytes"])
        for stream in interval["streams"]:
            if not stream["sender"]:
                streams[stream["socket"]] += stream["bytes"]
    return moved, streams


def iperf(house, address, *options):
    """Each direction moves enough, each stream something, and so does each half second."""
    # A server for each run: between two of them iperf3 closes its listening socket, and resets who comes just then.
    interval = ("--interval", str(INTERVAL_S), "--json")
    server = house.spawn("server", "iperf3", "--server", "--one-off", *interval, stdout=subprocess.PIPE)
    wait_until(lambda: ":5201" in house.server("ss", "-Hltn").stdout, 5, "iperf3 listens")
    done = house.client("iperf3", "--client", address, "--time", SECONDS, *interval, *options, timeout=40)
    sides = json.loads(done.stdout), json.loads(server.communicate(timeout=20)[0])
    name, directions = f"iperf3 to {address} {' '.join(options)}", 0
    for side in sides:
        for direction in ("sum", "sum_bidir_reverse"):
            moved, streams = received(side, direction)
            directions += bool(moved)
            assert not moved or sum(moved) > 1_000_000, f"{name} moved only {sum(moved)} bytes"
            assert all(moved), f"{name} stalled: {moved} bytes in each {INTERVAL_S} s"
            assert all(streams.values()), f"{name}: a stream that moved nothing: {streams}"
    assert directions == (2 if "--bidir" in options else 1), f"{name}: {directions} directions\n{sides}"


def checksum_errors(house, role):
    counters = getattr(house, role)("nstat", "-az", *ERRORS).stdout
    found = {line.split()[0]: int(line.split()[1]) for line in counters.splitlines() if not line.startswith("#")}
    assert found.keys() == set(ERRORS), counters
    return found


def main():
    for queues, workers in ((1, 1), (2, 2)):
        with House(queues=queues, workers=workers) as house:
            house.start_culvert()
            modes = {lane["mode_got"] for lane in house.ask("show_status")["lanes"]}
            assert modes == {"native/copy"}, modes  # what veth can; another one is another test's
            house.ping(house.server4)
            house.ping(house.server6)
            with BufferWatch(house) as watch:
                for address in (house.server4, house.server6):
                    for options in RUNS:
                        iperf(house, address, *options)
            for role in ("client", "server"):
                for name, errors in checksum_errors(house, role).items():
                    assert errors == 0, f"{role}: {name} is {errors}"
            totals = house.assert_conservation()
            assert totals["forwarded"] > 10_000, totals
            defects = list(buffer_defects(house.show("system", "buffers")))  # as a person asks; the watch: the socket
            assert not defects, defects
            assert house.show("system", "userspace", "status")["frames"]["unaccounted"] == 0
            if workers == 2:
                assert totals["handed_out"] == totals["handed_in"], totals
            print(f"{queues} queues, {workers} workers: {totals}; {watch.samples} samples of the buffers, "
                  f"slowest {watch.slowest_s * 1000:.0f} ms")


main()
