# SPDX-License-Identifier: Apache-2.0
"""Source NAT between two zones, with real clients: IPv4 behind the address of the interface, IPv6 behind a pool.

The server knows no way back to the client's addresses, so what answers has been translated; and whatever arrives there
is searched for the client's addresses, all the time, also while culvertd is killed, restarted and reconfigured.
"""

import signal
import time

from clients import CONNECT, DATAGRAM, SERVER, python
from connections import Connections, EchoServer
from house import by_tier, run, wait_until
from leftovers import mounts_of_our_own
from nat_house import POOL4, POOL6, Nat, config_text
from outside import Outside

# By the number of workers: they share ports in blocks of 64, so with two a host has one block of two.
FEW = {1: (5000, 5003), 2: (4992, 5119)}

# Datagrams from so many sockets, which stay open: how many were answered.
MANY = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
sockets = []
answered = 0
for _ in range(int(sys.argv[2])):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(0.5)
    s.connect((sys.argv[1], 80))
    s.send(b"x")
    sockets.append(s)
    try:
        answered += len(s.recv(100))
    except TimeoutError:
        pass
print(answered)
"""


def translated(house, outside):
    """Everything that has ports, in whole packets and in fragments, and errors about it."""
    outside.take()
    for address in (house.server4, house.server6):
        house.ping(address)
        assert python(house.client, CONNECT, address, 80, 5) == "open"
        assert python(house.client, DATAGRAM, address, 80, 100) == "100"
        assert python(house.client, DATAGRAM, address, 80, 4000) == "4000"
        house.client("ping", "-c2", "-s", "5000", "-W", "2", address)
        assert python(house.client, DATAGRAM, address, 9, 10) == "ECONNREFUSED", address
        assert python(house.client, CONNECT, address, 9, 5).split()[0] == "ECONNREFUSED", address
    seen = outside.take()
    assert not seen["inside"], seen
    senders = {who.split()[0] for who in seen["sources"]}
    assert {"198.18.1.1", POOL6} <= senders, senders
    rows = house.session_rows(destination=house.server4)
    assert rows and all(row["translated_source"] == "198.18.1.1" for row in rows), rows
    rows = house.session_rows(destination=house.server6)
    assert rows and all(row["translated_source"] == POOL6 for row in rows), rows


def one_port_a_session(house):
    """No two live sessions share an external address and port, whatever their other end."""
    assert python(house.client, MANY, house.server4, 200) == "200"
    rows = house.session_rows(destination=house.server4, protocol="udp")
    ports = [row["translated_source_port"] for row in rows]
    assert len(ports) >= 200 and len(set(ports)) == len(ports), len(ports)
    inside = {row["translated_source_port"]: row["source_port"] for row in rows}
    assert all(port % 2 == inside[port] % 2 for port in ports)
    # Those of before end meanwhile.
    wait_until(lambda: house.ports("198.18.1.1", "udp") == len(house.session_rows(destination=house.server4,
                                                                                  protocol="udp")),
               5, "each of them has a port")
    wait_until(lambda: house.ports("198.18.1.1", "udp") == 0, 10, "ports come back")


def host_lives_too(house):
    """The router's own connections use the address that is lent, and its services can be reached there."""
    house.router("ping", "-c1", "-W2", house.server4)
    assert python(house.router, CONNECT, house.server4, 80, 5) == "open"
    assert python(house.server, CONNECT, "198.18.1.1", 80, 5) == "open"  # SERVER runs there as well
    assert python(house.server, CONNECT, "198.18.1.1", 82, 5).split()[0] == "ECONNREFUSED"
    rows = house.show("nat", "pools")["addresses"]
    row = next(row for row in rows if row["address"] == "198.18.1.1")
    assert row["pool"] == "interface wan0" and row["last_port"] < 32768, row
    # A service of the host on a port of the range: sessions never get it.
    service = house.spawn("router", "python3", "-c",
                          "import socket, time\ns = socket.create_server(('', 5555))\ntime.sleep(60)")
    before = row["excluded"]
    wait_until(lambda: next(r for r in house.show("nat", "pools")["addresses"] if r["address"] == "198.18.1.1")
               ["excluded"] == before + 1, 5, "the host's new port is left out")
    assert python(house.server, CONNECT, "198.18.1.1", 5555, 5) == "open"
    house.stop(service)


def nobody_comes_in(house):
    for address in (house.client4, "198.18.1.1", POOL4):
        how = python(house.server, CONNECT, address, 4321, 1)
        assert how.split()[0] in ("timeout", "ECONNREFUSED", "ENETUNREACH"), (address, how)


def outlives(house, outside, count):
    """Connections keep their external ports over restarts and kill -9, and nothing goes out untranslated."""
    EchoServer(house, 7)
    idle = Connections(house, house.server4, count, 7)

    def ports():
        rows = house.session_rows(destination=house.server4, protocol="tcp", port=7)
        return sorted(row["translated_source_port"] for row in rows if row["state"] == "established")

    before = ports()
    assert len(before) == count, len(before)
    for how in ("kill", "restart", "stop", "reload"):
        ping = house.spawn("client", "ping", "-i", "0.01", "-w", "4", house.server4)
        if how == "restart":
            house.restart_culvert()
        elif how == "reload":
            house.daemon.send_signal(signal.SIGHUP)
        else:
            house.stop(house.daemon, signal.SIGKILL if how == "kill" else signal.SIGTERM)
            house.start_culvert()
        assert idle.alive() == count, how
        assert ports() == before, how
        assert house.ports("198.18.1.1", "tcp") >= count, how
        # New ones get others.
        assert python(house.client, CONNECT, house.server4, 80, 5) == "open"
        house.stop(ping)
        seen = outside.take()
        assert not seen["inside"], (how, seen)


def exhausted(house, outside, workers):
    """A host has all ports of a small pool: further sessions are refused, and counted, and go out in no other way."""
    first, last = FEW[workers]
    room = (last - first + 1) // workers
    house.apply(config_text(f"    few: {{addresses: [{POOL4}], ports: {first}-{last}}}\n", "few"))
    wait_until(lambda: POOL4 in {row["address"] for row in house.show("nat", "pools")["addresses"]}, 5, "the pool runs")
    house.ping(house.server4, count=1)
    outside.take()
    before = house.drops().get("nat_ports_exhausted", 0)
    assert python(house.client, MANY, house.server4, room + 2) == str(room)
    assert house.drops()["nat_ports_exhausted"] == before + 2
    seen = outside.take()
    assert not seen["inside"], seen
    rows = house.session_rows(destination=house.server4, protocol="udp")
    ports = {row["translated_source_port"] for row in rows}
    assert len(ports) == room and min(ports) >= first and max(ports) <= last, rows
    assert all(row["translated_source"] == POOL4 for row in rows)


def follows_the_interface(house):
    """The interface's address changes: sessions get the new one."""
    house.apply(config_text())
    assert python(house.client, DATAGRAM, house.server4, 80, 100) == "100"
    router = house.names["router"]
    house.router("sysctl", "-qw", "net.ipv4.conf.wan0.promote_secondaries=1")
    run("ip", "-n", router, "addr", "add", "198.18.1.9/24", "dev", "wan0")
    run("ip", "-n", router, "addr", "del", "198.18.1.1/24", "dev", "wan0")
    wait_until(lambda: python(house.client, DATAGRAM, house.server4, 80, 100) == "100", 10, "datagrams pass again")
    rows = house.session_rows(destination=house.server4, protocol="udp")
    assert "198.18.1.9" in {row["translated_source"] for row in rows}, rows


def with_workers(workers, queues, connections):
    with Nat(workers=workers, queues=queues) as house:
        house.start_culvert()
        house.spawn("server", "python3", "-c", SERVER)
        house.spawn("router", "python3", "-c", SERVER)
        time.sleep(0.5)
        outside = Outside(house)
        translated(house, outside)
        one_port_a_session(house)
        host_lives_too(house)
        nobody_comes_in(house)
        outlives(house, outside, connections)
        exhausted(house, outside, workers)
        follows_the_interface(house)
        house.assert_conservation()


def main():
    mounts_of_our_own()
    connections = by_tier(50, 500, 500)
    with_workers(1, 1, connections)
    with_workers(2, 2, connections)


main()
