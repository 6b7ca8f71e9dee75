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
from watch import Probe

# By the number of workers: they share ports in blocks of 64, so with two a host has one block of two.
FEW = {1: (40000, 40999), 2: (4992, 5119)}

# Datagrams from so many sockets, which stay open: how many were answered, and how many of these a second time.
MANY = """
import resource, select, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
count = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(count)]
def answered(some):
    heard = []
    for begin in range(0, len(some), 50):
        waiting = {}
        poll = select.poll()
        for s in some[begin:begin + 50]:
            s.connect((sys.argv[1], 80))
            s.send(b"x")
            waiting[s.fileno()] = s
            poll.register(s, select.POLLIN)
        while waiting and (ready := poll.poll(int(sys.argv[3]))):
            for number, _ in ready:
                poll.unregister(number)
                if waiting[number].recv(100) == b"x":
                    heard.append(waiting[number])
                del waiting[number]
    return heard
first = answered(sockets)
print(len(first), len(answered(first)))
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
    assert python(house.client, MANY, house.server4, 200, 500) == "200 200"
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


def leaves_with(house, address):
    if python(house.client, DATAGRAM, house.server4, 80, 100) != "100":
        return False
    rows = house.session_rows(destination=house.server4, protocol="udp")
    return address in {row["translated_source"] for row in rows}


def hides_the_inside(house, outside):
    """Datagrams of both families and pings go on while NAT changes, and while culvertd is dead for longer than its
    heartbeat may be old: never does anything leave with an address of the inside."""
    other = config_text(f"    other: {{addresses: [{POOL4}]}}\n", "other")
    probe = Probe(house, 7001, 7002)
    probe.send(house.server4, 7001, 1000, 8)
    probe.send(house.server6, 7002, 1000, 8)
    ping = house.spawn("client", "ping", "-i", "0.01", "-w", "20", house.server4)
    for change, address in ((other, POOL4), (config_text(), "198.18.1.1"), (None, "198.18.1.1"), (other, POOL4)):
        if change is None:
            house.stop(house.daemon, signal.SIGKILL)
            time.sleep(1)
            assert python(house.client, CONNECT, house.server4, 80, 0.5) == "timeout"
            assert not outside.take()["inside"]
            house.start_culvert()
        else:
            house.apply(change)
        wait_until(lambda address=address: leaves_with(house, address), 5, f"datagrams leave with {address}")
        seen = outside.take()
        assert not seen["inside"], seen
        assert {f"{address} udp", f"{POOL6} udp"} <= set(seen["sources"]), seen
    house.stop(ping)
    probe.wait()
    seen = outside.take()
    assert not seen["inside"], seen
    house.apply(config_text())


def exhausted(house, outside, workers):
    """A host has all ports of a pool: what it begins besides is refused, and counted, and goes out in no other way. Who
    has a port goes on, and ports come back."""
    first, last = FEW[workers]
    room = (last - first + 1) // workers
    flows = 5 * room
    house.apply(config_text(f"    few: {{addresses: [{POOL4}], ports: {first}-{last}}}\n", "few",
                            timeouts="tcp_transitory: 2s, udp: 4s, icmp: 2s"))
    wait_until(lambda: POOL4 in {row["address"] for row in house.show("nat", "pools")["addresses"]}, 5, "the pool runs")
    wait_until(lambda: house.ports(POOL4, "udp") == 0, 10, "those of before have ended")
    house.ping(house.server4, count=1)
    seen = outside.take()
    assert not seen["inside"], seen
    before = house.drops().get("nat_ports_exhausted", 0)
    assert python(house.client, MANY, house.server4, flows, 10) == f"{room} {room}"
    assert house.drops()["nat_ports_exhausted"] == before + flows - room
    assert house.ports(POOL4, "udp") == room, house.show("nat", "pools")
    seen = outside.take()
    assert not seen["inside"], seen
    assert seen["sources"][f"{POOL4} udp"] == 2 * room, seen
    rows = house.session_rows(destination=house.server4, protocol="udp")
    ports = {row["translated_source_port"] for row in rows}
    assert len(ports) == room and min(ports) >= first and max(ports) <= last, (len(rows), len(ports))
    assert all(row["translated_source"] == POOL4 for row in rows)
    wait_until(lambda: house.ports(POOL4, "udp") == 0, 10, "ports come back")
    assert python(house.client, MANY, house.server4, room, 500) == f"{room} {room}"


def follows_the_interface(house, outside):
    """The interface's address changes: sessions get the new one."""
    house.apply(config_text())
    assert python(house.client, DATAGRAM, house.server4, 80, 100) == "100"
    router = house.names["router"]
    house.router("sysctl", "-qw", "net.ipv4.conf.wan0.promote_secondaries=1")
    run("ip", "-n", router, "addr", "add", "198.18.1.9/24", "dev", "wan0")
    run("ip", "-n", router, "addr", "del", "198.18.1.1/24", "dev", "wan0")
    wait_until(lambda: leaves_with(house, "198.18.1.9"), 10, "datagrams leave with the interface's new address")
    seen = outside.take()
    assert not seen["inside"], seen


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
        hides_the_inside(house, outside)
        exhausted(house, outside, workers)
        follows_the_interface(house, outside)
        house.assert_conservation()


def main():
    mounts_of_our_own()
    connections = by_tier(50, 500, 500)
    with_workers(1, 1, connections)
    with_workers(2, 2, connections)


main()
