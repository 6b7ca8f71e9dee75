# SPDX-License-Identifier: Apache-2.0
"""All screens of a zone at once: what each of them drops, what passes, and what only raises an alarm.

    with House(..., interfaces=INTERFACES, config=CONFIG) as house:
        prepare(house)
        house.start_culvert()
        each_screen_drops(house, Arrivals(house))
        alarms_only(house, Arrivals(house))
        sessions_of_a_source(house, Arrivals(house))

Sources are behind the server and destinations behind the client, so that nobody answers. Each attack has a source and a
destination of its own: counting screens forget neither within ten seconds.
"""

import dataclasses
import itertools
import json
import struct
import time

from crafted import ICMP, ICMPV6, TCP, UDP, checksum, echo_request, ip, ipv4, ipv6, packed, send, tcp, udp
from house import wait_until

CONFIG = """
zones: {inside: {}, outside: {screen: all}}
screens:
  all: {icmp_flood: 20/s, udp_flood: 150/s, syn_flood: 200/s, port_scan: 20, address_sweep: 20}
policy:
  rules:
    - {name: all, from: any, to: any, action: permit}
"""
INTERFACES = "  lan0: {zone: inside}\n  wan0: {zone: outside}"
COUNT = 15  # less than any flood
ROUTING = 43  # an extension header
DATAGRAMS, MOST_SESSIONS = 400, 25
places = itertools.count(1)


def prepare(house):
    for prefix4, prefix6, host4, host6 in (("198.19.0.0/17", "2001:db8:b::/48", house.server4, house.server6),
                                           ("198.19.128.0/17", "2001:db8:a::/48", house.client4, house.client6)):
        house.router("ip", "route", "add", prefix4, "via", host4)
        house.router("ip", "-6", "route", "add", prefix6, "via", host6)
    for host in (house.client, house.server):
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            host("sysctl", "-qw", f"{key}=0")


def source(family, place, host=1):
    return f"198.19.{place}.{host}" if family == 4 else f"2001:db8:b:{place:x}::{host:x}"


def destination(family, place, host=1):
    return f"198.19.{128 + place}.{host}" if family == 4 else f"2001:db8:a:{place:x}::{host:x}"


# What one packet is enough for: (screen, packets).

def routed_by_its_source(one, other):
    """IPv4: a loose source route (RFC 791 3.1). IPv6: a routing header of type 0 (RFC 5095)."""
    data = udp(one, other, 1024, 9, bytes(40))
    if ":" in one:
        return ipv6(one, other, ROUTING, bytes([UDP, 2, 0, 1]) + bytes(4) + packed(other) + data)
    whole = ipv4(one, other, UDP, bytes([131, 7, 4]) + packed(other) + bytes(1) + data)
    head = bytes([0x47]) + whole[1:10] + bytes(2) + whole[12:28]
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + whole[28:]


def single_packets(family):
    def segment(port, flags):
        one, other = source(family, next(places)), destination(family, next(places))
        return [ip(one, other, TCP, tcp(one, other, 1024 + which, port, flags)) for which in range(COUNT)]

    one, other = source(family, next(places)), destination(family, next(places))
    yield "land", [ip(other, other, UDP, udp(other, other, 7, 9, bytes(40)))] * COUNT
    yield "winnuke", segment(139, "AU")
    yield "syn_fin", segment(80, "SF")
    yield "no_flags", segment(80, "")
    yield "fin_no_ack", segment(80, "FPU")
    yield "source_route", [routed_by_its_source(one, other)] * COUNT
    datagram = udp(one, other, 1024, 9, bytes(120))
    yield "tiny_fragment", [ip(one, other, UDP, datagram[:40], fragment=(0, True), identification=which)
                            for which in range(COUNT)]


# What counts packets of no session.

def pings(family):
    one, other = source(family, next(places)), destination(family, next(places))
    protocol = ICMP if family == 4 else ICMPV6
    return [ip(one, other, protocol, echo_request(one, other, bytes(8), which)) for which in range(200)]


def datagrams(family):
    one, other = source(family, next(places)), destination(family, next(places))
    return [ip(one, other, UDP, udp(one, other, 1024 + which, 9, bytes(8))) for which in range(DATAGRAMS)]


def connections(family):
    one, other = source(family, next(places)), destination(family, next(places))
    return [ip(one, other, TCP, tcp(one, other, 1024 + which, 80, "S")) for which in range(800)]


def port_scan(family):
    one, other = source(family, next(places)), destination(family, next(places))
    return [ip(one, other, UDP, udp(one, other, 1024, 1 + port, bytes(8))) for port in range(100)]


def address_sweep(family):
    one, place = source(family, next(places)), next(places)
    others = [destination(family, place, 1 + host) for host in range(100)]
    return [ip(one, other, UDP, udp(one, other, 1024, 9, bytes(8))) for other in others]


# Packets of no session: how they are made, how many of them are no attack, and how many more a second. SYNs count by
# zone: those of a second ago have used up a part.
COUNTING = {"icmp_flood": (pings, 20, 20), "udp_flood": (datagrams, 150, 150), "port_scan": (port_scan, 20, 0),
            "address_sweep": (address_sweep, 20, 0), "syn_flood": (connections, 200, 200)}


def attacks(family):
    """{screen: packets}, in the order in which they are sent"""
    return dict(single_packets(family)) | {screen: make(family) for screen, (make, _, _) in COUNTING.items()}


def harmless(screen, sent, seconds):
    """(at least, at most) so many of `sent` packets are no attack."""
    if screen not in COUNTING:
        return 0, 0
    _, free, per_second = COUNTING[screen]
    if per_second != 0:
        return free * 0.75 if screen == "syn_flood" else free - 1, min(sent, free + per_second * seconds + 2)
    # Things tried are counted within some 10 %, and from anew when their ten seconds end.
    return free * 0.8, min(sent, 2.5 * free)


# The checks.

@dataclasses.dataclass
class Fates:
    arrived: int
    dropped: dict  # by reason
    alarmed: dict  # by screen
    lost: int
    seconds: float


def lost(house):
    """Packets that never got to a worker: a queue was full, or the machine gave the worker no CPU for 500 ms."""
    link = json.loads(house.server("ip", "-j", "-s", "link", "show", "eth0").stdout)[0]["stats64"]
    rings = house.losses("wan0")
    return link["tx"]["dropped"] + rings["kernel_rx_ring_full"] + rings["kernel_rx_dropped"] + \
        house.all_drops().get("stale_dropped", 0)


def alarms(house):
    return {row["screen"]: row["packets"] for row in house.ask("show_status")["screen_alarms"]}


def grown(after, before):
    return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}


def fates(house, arrivals, packets):
    """Sends them, and waits until each has arrived, or was dropped or lost."""
    arrivals.take()
    drops, alarmed, away = house.drops(), alarms(house), lost(house)
    begin = time.monotonic()
    send(house, "server", packets, per_second=2000)
    got = Fates(0, {}, {}, 0, time.monotonic() - begin)

    def missing():
        got.arrived += sum(arrivals.take().values())
        got.lost, got.dropped = lost(house) - away, grown(house.drops(), drops)
        return len(packets) - got.lost - got.arrived - sum(got.dropped.values())

    wait_until(lambda: missing() <= 0, 5, lambda: f"{missing()} of {len(packets)} have no fate: {got}")
    time.sleep(0.15)  # the next figures, and what should not arrive
    assert missing() == 0, f"{len(packets)} sent: {got}"
    got.alarmed = grown(alarms(house), alarmed)
    return got


def judge(family, name, sent, found, got):
    """Each screen has found its attack, but for what is none; `found`: {screen: packets}"""
    assert found.keys() == sent.keys(), f"IPv{family}, {name}: {got}"
    for screen, packets in sent.items():
        least, most = harmless(screen, len(packets), got.seconds)
        others = len(packets) - found[screen]
        print(f"screen {screen}, IPv{family}: {len(packets)} sent, {found[screen]} {name}")
        assert least <= others <= most + got.lost, f"{screen}: {others}, not {least} to {most}, were no attack: {got}"


def each_screen_drops(house, arrivals):
    for family in (4, 6):
        sent = attacks(family)
        got = fates(house, arrivals, sum(sent.values(), []))
        assert not got.alarmed and all(reason.startswith("screen_") for reason in got.dropped), got
        judge(family, "dropped", sent, {reason[len("screen_"):]: count for reason, count in got.dropped.items()}, got)


def alarms_only(house, arrivals):
    """The same again: each is counted; those that count packets of no session let them all pass."""
    names = ", ".join(attacks(4))
    apply(house, house.config_text.replace("sweep: 20}", f"sweep: 20, alarm_only: [{names}]}}"))
    for family in (4, 6):
        sent = attacks(family)
        got = fates(house, arrivals, sum(sent.values(), []))
        assert not any(reason.startswith("screen_") for reason in got.dropped), got
        judge(family, "found", sent, got.alarmed, got)
        pass_all = sum(len(sent[screen]) for screen in COUNTING)
        assert pass_all - got.lost <= got.arrived <= pass_all, f"{pass_all} should pass: {got}"


def sessions_of_a_source(house, arrivals):
    """As many as it may have pass, the rest is refused; another source has as many for itself."""
    apply(house, house.config_text.replace("{screen: all}", f"{{limits: {{sessions_per_source: {MOST_SESSIONS}}}}}"))
    for family in (4, 6):
        for _ in range(2):
            got = fates(house, arrivals, datagrams(family))
            print(f"at most {MOST_SESSIONS} sessions a source, IPv{family}: {got}")
            refused = DATAGRAMS - MOST_SESSIONS
            assert got.arrived == MOST_SESSIONS and got.dropped == {"source_sessions": refused - got.lost}, got


def apply(house, text):
    path = house.work / "screens.yaml"
    path.write_text(text)
    house.culvert("config", "apply", str(path))
