# SPDX-License-Identifier: Apache-2.0
"""Packets of old attacks, at a host behind a rule that permits everything: none arrives, each is counted by its reason.

By hping3 where it can make them, else by hand: what comes from the address that it goes to, flags that no sender
means, fragments that overlap, go beyond the longest packet or hide the ports. Then with all screens on: each drops what
it is for, and nothing else; as alarms they only count; and a source begins as many sessions as it may.
"""

import subprocess
import time

import screens
from arrivals import Arrivals
from clients import CONNECT, DATAGRAM, SERVER, python
from crafted import ICMP, ICMPV6, TCP, UDP, echo_request, ip, send, tcp, udp
from house import House, require_command, wait_until
from leftovers import mounts_of_our_own

ZONES = """
zones: {inside: {}, outside: {}}
policy:
  rules:
    - {name: all, from: any, to: any, action: permit}
"""
INTERFACES = "  lan0: {zone: inside}\n  wan0: {zone: outside}"
FRAGMENT_TIMEOUT_S = 1
COUNT = 50

# Attack: the reasons that it may be dropped for. Whatever else it is counted as is a mistake; but a machine that gave a
# worker no CPU for 500 ms may drop anything (fail: closed).
ALWAYS = {"stale_dropped"}
FLAGS = {"tcp_flags"}
REASONS = {
    "land": {"reverse_path", "session_reply_taken", "screen_land"},
    "land of UDP": {"reverse_path", "session_reply_taken", "screen_land"},
    "SYN and FIN": FLAGS | {"screen_syn_fin"},
    "SYN and RST": FLAGS,
    "no flags": FLAGS | {"screen_no_flags"},
    "FIN without ACK": FLAGS | {"screen_fin_no_ack"},
    "Xmas": FLAGS | {"screen_fin_no_ack"},
    "all flags": FLAGS | {"screen_syn_fin"},
    "ACK of no connection": {"tcp_no_session"},
    "ping of death": {"fragment_bad", "fragment_timeout", "datagram_spoiled", "fragment_source_share",
                      "fragment_queue_full", "datagram_too_many_fragments"},
    "teardrop": {"fragment_overlap", "datagram_spoiled"},
    "ports overwritten": {"fragment_bad", "fragment_overlap", "fragment_timeout", "datagram_spoiled",
                          "screen_tiny_fragment"},
    "tiny first fragment": {"transport_truncated", "fragment_bad", "fragment_timeout", "datagram_spoiled",
                            "screen_tiny_fragment"},
    "first fragment missing": {"fragment_timeout", "fragment_source_share", "fragment_queue_full"},
    "two ends": {"fragment_overlap", "datagram_spoiled"},
}


def grown(after, before):
    return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}


def attack(house, arrivals, name, sent, run, family="IPv4"):
    """Runs it, and waits until all that it sent is dropped for one of the reasons; fragments wait before."""
    arrivals.take()
    before = house.all_drops()
    run()

    def dropped():
        return grown(house.all_drops(), before)

    wait_until(lambda: sum(dropped().values()) >= sent, 3 * FRAGMENT_TIMEOUT_S + 5,
               lambda: f"{name}: {sent} sent, {dropped()} dropped, arrived {arrivals.take()}")
    time.sleep(0.15)
    arrived, reasons = arrivals.take(), dropped()
    assert not arrived, f"{name}: {arrived}"
    assert sum(reasons.values()) == sent and reasons.keys() <= REASONS[name] | ALWAYS, f"{name}: {sent} sent, {reasons}"
    print(f"{name}, {family}: {sent} sent, {reasons}")


# By hping3, IPv4.

def by_hping3(house):
    def hping3(*options, count=COUNT):
        return lambda: house.server("hping3", "--quiet", "--numeric", "--interval", "u1000", "--count", str(count),
                                    *options, house.client4, check=False, timeout=60)

    land = ("--spoof", house.client4, "--baseport", "80", "--keep", "--destport", "80")
    yield "land", COUNT, hping3("--syn", *land)
    yield "land of UDP", COUNT, hping3("--udp", *land)
    to_web = ("--destport", "80")
    yield "SYN and FIN", COUNT, hping3("--syn", "--fin", *to_web)
    yield "SYN and RST", COUNT, hping3("--syn", "--rst", *to_web)
    yield "no flags", COUNT, hping3(*to_web)
    yield "FIN without ACK", COUNT, hping3("--fin", *to_web)
    yield "Xmas", COUNT, hping3("--fin", "--push", "--urg", *to_web)
    yield "all flags", COUNT, hping3("--fin", "--syn", "--rst", "--push", "--ack", "--urg", *to_web)
    yield "ACK of no connection", COUNT, hping3("--ack", *to_web)


# By hand, both families. An attack of fragments: (name, fragments of one datagram).

def flags_by_hand(source, destination):
    for name, flags in (("SYN and FIN", "SF"), ("no flags", ""), ("FIN without ACK", "F"), ("Xmas", "FPU")):
        yield name, [ip(source, destination, TCP, tcp(source, destination, 1024 + port, 80, flags))
                     for port in range(COUNT)]
    yield "land", [ip(destination, destination, TCP, tcp(destination, destination, 80, 80, "S"))] * COUNT


def pieces(source, destination, protocol, parts, identification):
    """`parts`: (offset in bytes, data, more to come)."""
    return [ip(source, destination, protocol, data, fragment=(offset, more), identification=identification)
            for offset, data, more in parts]


def ping_of_death(source, destination, identification):
    """An echo request in fragments, whose last one ends beyond 65535."""
    echo = echo_request(source, destination, bytes(65528))
    parts = [(offset, echo[offset:offset + 1440], True) for offset in range(0, 1440 * 44, 1440)]
    parts.append((65528, bytes(1000), False))
    return pieces(source, destination, ICMP if ":" not in source else ICMPV6, parts, identification)


def teardrop(source, destination, identification):
    """The second fragment lies within the first (CVE-1999-0015)."""
    data = udp(source, destination, 1024, 80, bytes(72))
    return pieces(source, destination, UDP, [(0, data[:64], True), (24, data[24:32], False)], identification)


def ports_overwritten(source, destination, identification):
    """A first fragment that looks harmless, and another one that would put other flags there (RFC 1858 3.2)."""
    data = tcp(source, destination, 1024, 80, "A") + bytes(12)
    parts = [(0, data, True), (8, data[8:] + bytes(4), False)]
    return pieces(source, destination, TCP, parts, identification)


def tiny_first_fragment(source, destination, identification):
    """The ports and no flags; those come in the second (RFC 1858 3)."""
    data = tcp(source, destination, 1024, 80, "S") + bytes(12)
    return pieces(source, destination, TCP, [(0, data[:8], True), (8, data[8:], False)], identification)


def first_fragment_missing(source, destination, identification):
    return pieces(source, destination, UDP, [(64, bytes(64), True), (128, bytes(64), False)], identification)


def two_ends(source, destination, identification):
    """Two last fragments that disagree about how long the datagram is."""
    data = udp(source, destination, 1024, 80, bytes(184))
    parts = [(128, data[128:], False), (64, data[64:128], False), (0, data[:64], True)]
    return pieces(source, destination, UDP, parts, identification)


FRAGMENTS = {
    "ping of death": (ping_of_death, 2),
    "teardrop": (teardrop, COUNT),
    "ports overwritten": (ports_overwritten, COUNT),
    "tiny first fragment": (tiny_first_fragment, COUNT),
    "first fragment missing": (first_fragment_missing, COUNT),
    "two ends": (two_ends, COUNT),
}


def by_hand(source, destination):
    yield from flags_by_hand(source, destination)
    for number, (name, (datagram, count)) in enumerate(FRAGMENTS.items()):
        packets = []
        for which in range(count):
            packets += datagram(source, destination, 1000 * (number + 1) + which)
        yield name, packets


def what_is_right_passes(house, arrivals):
    """The same tools and the same rule: without this, nothing would have to be attacked."""
    for server, client in ((house.server4, house.client4), (house.server6, house.client6)):
        assert python(house.server, CONNECT, client, 80, 5) == "open"
        assert python(house.server, DATAGRAM, client, 80, 4000) == "4000"
        arrivals.take()
        datagram = udp(server, client, 1024, 9, bytes(120))
        parts = [(64, datagram[64:], False), (0, datagram[:64], True)]
        send(house, "server", pieces(server, client, UDP, parts, 1) +
             [ip(server, client, TCP, tcp(server, client, 1023, 80, "S"))])
        seen = {}
        wait_until(lambda: seen.update(arrivals.take()) or len(seen) >= 3, 5, lambda: f"a SYN and fragments: {seen}")


def every_screen():
    with House(system="  fail: closed", interfaces=screens.INTERFACES, config=screens.CONFIG,
               limits=", fragment_timeout: 200ms") as house:
        screens.prepare(house)
        house.start_culvert()
        house.ping(house.server4)
        house.ping(house.server6)
        arrivals = Arrivals(house)
        screens.each_screen_drops(house, arrivals)
        screens.alarms_only(house, arrivals)
        screens.sessions_of_a_source(house, arrivals)
        house.assert_conservation()


def main():
    mounts_of_our_own()
    require_command("hping3")
    with House(system="  fail: closed", interfaces=INTERFACES, config=ZONES,
               limits=f", fragment_timeout: {FRAGMENT_TIMEOUT_S}s") as house:
        house.start_culvert()
        inside = house.spawn("client", "python3", "-c", SERVER, stdout=subprocess.PIPE)
        assert inside.stdout.readline() == "ready\n"
        house.ping(house.server4)
        house.ping(house.server6)
        arrivals = Arrivals(house)
        what_is_right_passes(house, arrivals)
        for name, sent, run in by_hping3(house):
            attack(house, arrivals, name, sent, run)
        for family, source, destination in (("IPv4", house.server4, house.client4),
                                            ("IPv6", house.server6, house.client6)):
            for name, packets in by_hand(source, destination):
                attack(house, arrivals, name, len(packets), lambda packets=packets: send(house, "server", packets),
                       family)
        what_is_right_passes(house, arrivals)
        house.assert_conservation()
    every_screen()


main()
