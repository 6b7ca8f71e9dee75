# SPDX-License-Identifier: Apache-2.0
"""Real clients with default offloads through two interfaces: no stalls, no checksum errors, every packet accounted."""

import json

from house import House, by_tier, require_command, wait_until
from watch import BufferWatch, buffer_defects

require_command("iperf3")
SECONDS = by_tier("1", "2", "4")  # of each iperf3


def iperf(house, address, *options):
    # A server for each run: between two of them iperf3 closes its listening socket, and resets who comes just then.
    server = house.spawn("server", "iperf3", "--server", "--one-off")
    wait_until(lambda: ":5201" in house.server("ss", "-Hltn").stdout, 5, "iperf3 listens")
    done = house.client("iperf3", "--client", address, "--time", SECONDS, "--json", *options, timeout=40)
    house.stop(server)
    end = json.loads(done.stdout)["end"]
    assert "sum_received" in end or "sum" in end, done.stdout
    received = end.get("sum_received") or end["sum"]
    assert received["bytes"] > 1_000_000, f"iperf3 to {address} {options} moved only {received['bytes']} bytes"


def checksum_errors(house, role):
    names = ("TcpInCsumErrors", "UdpInCsumErrors", "IpInHdrErrors")
    counters = getattr(house, role)("nstat", "-az", *names).stdout
    return {line.split()[0]: int(line.split()[1]) for line in counters.splitlines() if not line.startswith("#")}


def main():
    for queues, workers in ((1, 1), (2, 2)):
        with House(queues=queues, workers=workers) as house:
            house.start_culvert()
            house.ping(house.server4)
            house.ping(house.server6)
            with BufferWatch(house) as watch:
                for address in (house.server4, house.server6):
                    iperf(house, address)
                    iperf(house, address, "--reverse")
                    iperf(house, address, "--parallel", "4")
                    iperf(house, address, "--udp", "--bitrate", "50M")
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
