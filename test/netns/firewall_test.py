# SPDX-License-Identifier: Apache-2.0
"""A policy between two zones, with real clients: what it permits goes both ways, the rest goes nowhere."""

import collections
import time

from arrivals import Arrivals
from clients import CONNECT, DATAGRAM, SERVER, python
from crafted import TCP, UDP, ip, send, tcp, udp, unreachable
from house import House, wait_until

ZONES = """
zones:
  inside: {}
  outside: {}
policy:
  rules:
    - {name: no-81, from: inside, to: outside, service: [tcp/81, udp/81], action: reject, log: open}
    - {name: seen, from: inside, to: outside, service: udp/80, action: permit, log: both}
    - {name: out, from: inside, to: outside, action: permit}
sessions: {timeouts: {tcp_fin: 5s}}
"""
INTERFACES = "  lan0: {zone: inside}\n  wan0: {zone: outside}"

# Opens so many connections one after the other and closes each when the other end has.
CONNECTIONS = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
for _ in range(int(sys.argv[2])):
    with socket.create_connection((sys.argv[1], 80), timeout=5) as s:
        assert s.recv(1) == b""
"""


def permitted(house):
    for address in (house.server4, house.server6):
        house.ping(address)
        assert python(house.client, CONNECT, address, 80, 5) == "open"
        assert python(house.client, DATAGRAM, address, 80, 100) == "100"
        # In fragments, there and back.
        assert python(house.client, DATAGRAM, address, 80, 4000) == "4000"
        house.client("ping", "-c2", "-s", "5000", "-W", "2", address)


def refused(house):
    for address in (house.client4, house.client6):
        assert python(house.server, CONNECT, address, 80, 1) == "timeout"
        assert house.server("ping", "-c1", "-W1", address, check=False).returncode == 1
    assert house.drops()["policy_deny"] > 0
    for address in (house.server4, house.server6):
        how, after_ms = python(house.client, CONNECT, address, 81, 5).split()
        assert how == "ECONNREFUSED" and int(after_ms) < 1000, (how, after_ms)
        # Administratively prohibited, RFC 1812 5.2.7.1 and RFC 4443 3.1.
        assert python(house.client, DATAGRAM, address, 81, 10) in ("EHOSTUNREACH", "EACCES"), address
    assert house.drops()["policy_reject"] >= 4


def errors_of_sessions(house):
    """Port unreachable comes from the server's own stack, about a datagram that was permitted."""
    for address in (house.server4, house.server6):
        assert python(house.client, DATAGRAM, address, 9, 10) == "ECONNREFUSED", address


# Who claims to be a router on the way, and the port of a session that is there.
ROUTERS = {4: "198.18.1.77", 6: "2001:db8:1::77"}
PORT = 40000
GRE, IPIP, AUTHENTICATION, ESP, NO_SESSION = 47, 4, 51, 50, "icmp_unrelated"


def quotes(client, server):
    """(beginning of a packet, why an error about it is dropped; None: it is about the session's)."""
    def datagram(source, destination, source_port, destination_port):
        return ip(source, destination, UDP, udp(source, destination, source_port, destination_port, bytes(40)))

    right = datagram(client, server, PORT, 9)
    header = len(right) - 48
    # Both ports are the least that names a flow.
    for length in range(header + 8 + 1):
        yield right[:length], "icmp_quote_bad" if length < header + 4 else None
    yield right, None
    yield datagram(client, server, PORT + 1, 9), NO_SESSION
    yield datagram(client, server, PORT, 10), NO_SESSION
    yield datagram(server, client, 9, PORT), NO_SESSION  # which the client has not sent
    yield ip(client, server, TCP, tcp(client, server, PORT, 9, "A")), NO_SESSION
    yield unreachable(client, server, right), "icmp_quote_bad"  # no error is about an error
    yield bytes([right[0] ^ 0x20]) + right[1:], "icmp_quote_bad"  # of the other family
    for protocol in (GRE, IPIP, ESP):
        for data in (b"", bytes(4), bytes(28)):
            yield ip(client, server, protocol, data), NO_SESSION
    # IPv6 has it between its headers (RFC 4302 3.1.1): what follows is judged, and a length that can't be is refused.
    malformed = "icmp_quote_bad" if ":" in client else NO_SESSION
    other_port = datagram(client, server, PORT + 1, 9)[header:]
    yield ip(client, server, AUTHENTICATION, bytes([UDP, 4]) + bytes(22) + other_port), NO_SESSION
    yield ip(client, server, AUTHENTICATION, bytes([UDP, 0]) + bytes(30)), malformed
    yield ip(client, server, AUTHENTICATION, b""), malformed


def errors_of_nobody(house):
    """Whatever an ICMP error quotes: it reaches who sent a session's packet, or nobody, and is counted as that."""
    arrivals = Arrivals(house)
    for family, client, server in ((4, house.client4, house.server4), (6, house.client6, house.server6)):
        send(house, "client", [ip(client, server, UDP, udp(client, server, PORT, 9, bytes(40)))])
        wait_until(lambda: house.session_rows(source=client, port=PORT), 5, "the session that is quoted")
        before = house.drops()
        expected = collections.Counter(why for _, why in quotes(client, server))
        send(house, "server", [unreachable(ROUTERS[family], client, quote) for quote, _ in quotes(client, server)])
        passed = expected.pop(None)

        def dropped():
            return {why: count - before.get(why, 0) for why, count in house.drops().items()
                    if why.startswith("icmp_") and count != before.get(why, 0)}

        wait_until(lambda: dropped() == expected, 5, lambda: f"drops {expected}: {dropped()}")
        arrived = {kind: count for kind, count in arrivals.take().items() if kind.startswith(ROUTERS[family])}
        assert arrived == {f"{ROUTERS[family]} {'icmp/3' if family == 4 else 'icmpv6/1'}": passed}, arrived
        print(f"IPv{family}: {passed} errors about a session's packet arrived, of others were dropped {dropped()}")
        house.ping(server)


def one_evaluation_a_connection(house, connections=500):
    before = house.sessions("policy_evaluations")
    for address in (house.server4, house.server6):
        python(house.client, CONNECTIONS, address, connections)
    evaluations = house.sessions("policy_evaluations") - before
    assert evaluations == 2 * connections, evaluations


def logged(house):
    """What rules with `log` let in and refuse becomes events, and what has passed when it ends."""
    def told(kind):
        return [event["fields"] for event in house.show("events")["events"] if event["kind"] == kind]

    assert python(house.client, DATAGRAM, house.server4, 80, 100) == "100"
    opened = told("session_opened")
    assert {(event["destination"], event["destination_port"]) for event in opened} == \
        {(house.server4, "80"), (house.server6, "80")}, opened
    assert all(event["rule"] == "seen" and event["protocol"] == "udp" for event in opened), opened
    denied = told("session_denied")
    assert {(event["protocol"], event["action"]) for event in denied} == {("tcp", "reject"), ("udp", "reject")}, denied
    assert all(event["rule"] == "no-81" and event["to_zone"] == "outside" for event in denied), denied
    assert not told("session_closed")
    house.culvert("clear", "sessions", "policy", "seen")
    wait_until(lambda: len(told("session_closed")) >= len(opened), 5, "the end of each session is told")
    for event in told("session_closed"):
        assert event["reason"] == "cleared" and event["rule"] == "seen", event
        assert event["packets"] == event["reply_packets"] == "1" or int(event["bytes"]) > 4000, event
    row = house.ask("show_status")["sessions"]["workers"][0]
    assert row["log_records"] == len(opened) + len(denied) + len(told("session_closed")), row
    assert row["log_lost"] == 0, row


def sessions_end(house):
    """Closed connections leave the table after their timeout, and nothing else does."""
    assert house.sessions() > 0
    wait_until(lambda: house.sessions() < 50, 60, lambda: f"{house.sessions()} sessions are left")


def main():
    with House(system="  fail: open", interfaces=INTERFACES, config=ZONES) as house:
        house.start_culvert()
        house.spawn("server", "python3", "-c", SERVER)
        house.spawn("client", "python3", "-c", SERVER)
        time.sleep(0.5)
        permitted(house)
        refused(house)
        errors_of_sessions(house)
        errors_of_nobody(house)
        logged(house)
        one_evaluation_a_connection(house)
        sessions_end(house)
        house.assert_conservation()


main()
