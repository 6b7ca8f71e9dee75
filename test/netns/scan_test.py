# SPDX-License-Identifier: Apache-2.0
"""Every way of nmap to look inside from outside reaches nobody, and finds the one service that a rule permits."""

import re
import subprocess
import time

from arrivals import Arrivals
from clients import CONNECT, SERVER, python
from house import House, require_command
from leftovers import mounts_of_our_own

ZONES = """
zones: {inside: {}, outside: {}}
policy:
  rules:
    - {name: out, from: inside, to: outside, action: permit}
    - {name: web, from: outside, to: inside, service: tcp/80, action: permit}
"""
INTERFACES = "  lan0: {zone: inside}\n  wan0: {zone: outside}"
# There are hosts' services behind 80 and 81; a scan of 80 that is no handshake must not reach it either.
CLOSED, TCP_PORTS, UDP_PORTS = "22,81,443", "22,80,81,443", "53,81,161"
NMAP = ("nmap", "-n", "--send-ip", "--max-retries", "0", "-T5", "--host-timeout", "30s")
# Scans of which nothing may arrive: (options, of which families).
BLOCKED = (
    (("-sS", "-p", CLOSED), (4, 6)),
    (("-sT", "-p", CLOSED), (4, 6)),
    (("-sA", "-p", TCP_PORTS), (4, 6)),
    (("-sW", "-p", TCP_PORTS), (4, 6)),
    (("-sF", "-p", TCP_PORTS), (4, 6)),
    (("-sN", "-p", TCP_PORTS), (4, 6)),
    (("-sX", "-p", TCP_PORTS), (4, 6)),
    (("-sM", "-p", TCP_PORTS), (4, 6)),
    (("-sS", "--scanflags", "SYNFIN", "-p", TCP_PORTS), (4, 6)),
    (("-sS", "--scanflags", "SYNRST", "-p", TCP_PORTS), (4, 6)),
    (("-sU", "-p", UDP_PORTS), (4, 6)),
    (("-sO", "-p", "1,2,6,17,47,50,58,89,132"), (4, 6)),
    (("-sY", "-p", CLOSED), (4, 6)),  # SCTP: INIT
    (("-sZ", "-p", CLOSED), (4, 6)),  # and COOKIE ECHO
    (("-sS", "-f", "-p", TCP_PORTS), (4,)),  # 8 bytes a fragment: the ports in one, the flags in the next
    (("-sF", "-f", "-p", TCP_PORTS), (4,)),
    (("-sS", "--mtu", "16", "-p", TCP_PORTS), (4,)),
    (("-sS", "-g", "53", "-p", CLOSED), (4, 6)),  # as if it were an answer of DNS
    (("-sU", "-g", "53", "-p", UDP_PORTS), (4, 6)),
)
# What asks whether there is a host at all, one packet each; ICMPv6 has no time stamps and masks.
PINGS = {4: ("-PE", "-PP", "-PM", "-PS81", "-PA80,81", "-PU", "-PY"), 6: ("-PE", "-PS81", "-PA80,81", "-PU", "-PY")}


def nmap(house, address, *options):
    family = ("-6",) if ":" in address else ()
    return house.server(*NMAP, *family, *options, address, timeout=120).stdout


def ports(report):
    """{"80/tcp": "open", ...}"""
    return dict(re.findall(r"^(\d+(?:/\w+)?)\s+(\S+)", report, re.M))


def only_handshakes_with(arrived, port):
    """Nothing of another port, and no flags but those of one that begins connections and gives them up."""
    allowed = {f"tcp/{port} {flags}" for flags in ("S", "SEC", "R", "A", "RA", "FA")}
    return {kind: count for kind, count in arrived.items() if kind.split(" ", 1)[1] not in allowed}


def nothing_arrives(house, arrivals, addresses):
    slowest, scans = (0.0, ()), 0
    for options, families in BLOCKED:
        for family in families:
            before, begin = sum(house.all_drops().values()), time.monotonic()
            report = nmap(house, addresses[family], "-Pn", *options)
            slowest = max(slowest, (time.monotonic() - begin, options))
            time.sleep(0.15)
            arrived, dropped = arrivals.take(), sum(house.all_drops().values()) - before
            assert not arrived, f"nmap {options} to {addresses[family]}: {arrived}\n{report}"
            assert dropped > 0, f"nmap {options} to {addresses[family]}: nothing was dropped\n{report}"
            found = ports(report)
            assert found and not {"open", "unfiltered", "closed"} & set(found.values()), report
            scans += 1
    print(f"{scans} scans, of which nothing arrived; the slowest took {slowest[0]:.1f} s: {' '.join(slowest[1])}")


def nobody_is_at_home(house, arrivals, addresses):
    """A host answers none of nmap's pings, but one that asks for the service."""
    begin = time.monotonic()
    for family, address in addresses.items():
        before = sum(house.all_drops().values())
        report = nmap(house, address, "-sn", *PINGS[family])
        time.sleep(0.15)
        arrived, dropped = arrivals.take(), sum(house.all_drops().values()) - before
        assert not arrived and dropped > len(PINGS[family]), f"{address}: {arrived}, {dropped} dropped\n{report}"
        assert "(0 hosts up)" in report, report
        report = nmap(house, address, "-sn", "-PS80")
        arrived = arrivals.take()
        assert "(1 host up)" in report, report
        assert arrived and not only_handshakes_with(arrived, 80), arrived
    print(f"pings of nmap, of which only -PS80 was answered: {time.monotonic() - begin:.1f} s")


def the_service_is_found(house, arrivals, addresses):
    for address in addresses.values():
        for scan in ("-sS", "-sT"):
            found = ports(nmap(house, address, "-Pn", scan, "-p", TCP_PORTS))
            assert found == {"22/tcp": "filtered", "80/tcp": "open", "81/tcp": "filtered", "443/tcp": "filtered"}, found
        arrived = arrivals.take()
        assert arrived and not only_handshakes_with(arrived, 80), arrived


def the_system_is_not_told(house, arrivals, addresses):
    """-O also sends what no connection begins with, to an open port and to a closed one, and echo requests."""
    begin = time.monotonic()
    nmap(house, addresses[4], "-Pn", "-O", "--max-os-tries", "1", "-p", "80,81")
    arrived = arrivals.take()
    print(f"nmap -O: {time.monotonic() - begin:.1f} s, arrived {arrived}")
    assert arrived and not only_handshakes_with(arrived, 80), arrived


def main():
    mounts_of_our_own()
    require_command("nmap")
    with House(system="  fail: closed", interfaces=INTERFACES, config=ZONES) as house:
        house.start_culvert()
        inside = house.spawn("client", "python3", "-c", SERVER, stdout=subprocess.PIPE)
        assert inside.stdout.readline() == "ready\n"
        house.ping(house.server4)
        house.ping(house.server6)
        arrivals = Arrivals(house)
        addresses = {4: house.client4, 6: house.client6}
        for address in addresses.values():
            assert python(house.server, CONNECT, address, 80, 5) == "open"
        assert sum(arrivals.take().values()) >= 6, "two handshakes at least"
        the_service_is_found(house, arrivals, addresses)
        nothing_arrives(house, arrivals, addresses)
        nobody_is_at_home(house, arrivals, addresses)
        the_system_is_not_told(house, arrivals, addresses)
        house.assert_conservation()


main()
