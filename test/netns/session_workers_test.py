# SPDX-License-Identifier: Apache-2.0
"""Two workers share the sessions: whichever queue a packet comes by, the owner of its session decides about it.

Each interface has two queues, one for each worker, so that about half of all packets are handed over. Everything works
as with one worker, both ways and with both families; packets of a session keep their order; a restart keeps them all.
With one queue, there is a worker without a lane, and half of the sessions are its own all the same.
"""

import json
import re
import signal
import subprocess

from clients import CONNECT, DATAGRAM, SERVER, python
from connections import Connections, EchoServer
from house import House, require_command, wait_until
from leftovers import mounts_of_our_own
from watch import Probe

ZONES = """
zones: {inside: {}, outside: {}}
policy:
  rules:
    - {name: out, from: inside, to: outside, action: permit}
    - {name: in, from: outside, to: inside, service: [tcp/80, udp/80, icmp, icmpv6], action: permit}
"""
INTERFACES = "  lan0: {zone: inside}\n  wan0: {zone: outside}"
CONNECTIONS = 100  # of each family: all of one worker's would be a chance of 2^-199
ECHO_PORT = 7
NUMBERED_PORTS = range(20000, 20008)


def workers(house):
    """[{created, handed_in, ...} of each worker]"""
    sessions = house.ask("show_status")["sessions"]["workers"]
    moved = house.ask("show_workers")["workers"]
    return [of_sessions | of_packets for of_sessions, of_packets in zip(sessions, moved)]


def everything_works(house, times=4):
    """TCP, UDP, echo requests and fragments, of both families, from both sides; several sessions of each."""
    for role, address in ((house.client, house.server4), (house.client, house.server6),
                          (house.server, house.client4), (house.server, house.client6)):
        for _ in range(times):
            assert python(role, CONNECT, address, 80, 5) == "open", address
            assert python(role, DATAGRAM, address, 80, 100) == "100", address
            assert python(role, DATAGRAM, address, 80, 4000) == "4000", address
            role("ping", "-c2", "-i", "0.01", "-s", "56", "-W", "2", address)
            role("ping", "-c2", "-i", "0.01", "-s", "5000", "-W", "2", address)


def errors_reach_their_session(house, times=8):
    """Port unreachable: it belongs to the worker of the session that it quotes."""
    for key in ("net.ipv4.icmp_ratelimit", "net.ipv6.icmp.ratelimit"):
        house.server("sysctl", "-qw", f"{key}=0")
    for address in (house.server4, house.server6):
        for _ in range(times):
            assert python(house.client, DATAGRAM, address, 9, 10) == "ECONNREFUSED", address


def assert_both_share(house):
    for number, row in enumerate(workers(house)):
        figures = {what: row[what] for what in ("created", "sessions", "received", "handed_in", "handed_out")}
        print(f"worker {number}: {figures}")
        assert all(figures.values()), f"worker {number}: {figures}"


def reordered(house, role):
    """Segments that TCP there has taken for reordered on the way."""
    lines = getattr(house, role)("nstat", "-az", "TcpExtTCPSACKReorder", "TcpExtTCPTSReorder").stdout.splitlines()
    return sum(int(line.split()[1]) for line in lines if not line.startswith("#"))


def streams_keep_their_order(house):
    for address in (house.server4, house.server6):
        for options in ((), ("--reverse",)):
            server = house.spawn("server", "iperf3", "--server", "--one-off")
            wait_until(lambda: ":5201" in house.server("ss", "-Hltn").stdout, 5, "iperf3 listens")
            done = house.client("iperf3", "--client", address, "--time", "1", "--json", *options, timeout=40)
            house.stop(server)
            sent, received = (json.loads(done.stdout)["end"][side] for side in ("sum_sent", "sum_received"))
            print(f"one stream, {address} {' '.join(options)}: {received['bits_per_second'] / 1e6:.0f} Mbit/s, "
                  f"{sent['retransmits']} segments sent again")
            assert received["bytes"] > 1_000_000, received
    print(f"taken for reordered: {reordered(house, 'client')} at the client, {reordered(house, 'server')} at the other")


def datagrams_keep_their_order(house, seconds=2):
    """Of eight flows at once, four of each family; what a full queue lost is no matter of order."""
    probe = Probe(house, *NUMBERED_PORTS)
    for port in NUMBERED_PORTS:
        probe.send(house.server6 if port % 2 else house.server4, port, 2000, seconds)
    reports = probe.wait()
    received, sent = (sum(report[what] for report in reports.values()) for what in ("received", "sent"))
    print(f"{sent} numbered datagrams in {len(reports)} flows, {received} arrived")
    assert received > 0.5 * sent, reports
    for port, report in reports.items():
        assert report["overtaken"] == 0 and report["twice"] == 0, f"port {port}: {report}"


def restart_keeps_sessions(house, held):
    """The sessions of both workers, by the files of both."""
    before = [row["sessions"] for row in workers(house)]
    logged = len(house.log())
    house.stop(house.daemon, signal.SIGTERM)
    house.start_culvert()
    after = [int(count) for count in re.findall(r"(\d+) sessions of an earlier run go on", house.log()[logged:])]
    print(f"sessions of the workers before {before}, taken over {after}")
    assert len(after) == 2 and min(after) > 0, house.log()[logged:]
    rows = house.session_rows(protocol="tcp", port=ECHO_PORT)
    assert {row["worker"] for row in rows} == {0, 1} and len(rows) == 2 * CONNECTIONS, len(rows)
    created = house.sessions("created")
    assert sum(connections.alive() for connections in held) == 2 * CONNECTIONS
    assert house.sessions("created") == created, "an idle connection became another session"


def answering(house):
    for role in ("server", "client"):
        child = house.spawn(role, "python3", "-c", SERVER, stdout=subprocess.PIPE)
        assert child.stdout.readline() == "ready\n"
    EchoServer(house, ECHO_PORT)
    house.ping(house.server4)
    house.ping(house.server6)


def two_queues():
    with House(queues=2, workers=2, system="  fail: closed", interfaces=INTERFACES, config=ZONES, memory=True) as house:
        house.start_culvert()
        answering(house)
        held = [Connections(house, address, CONNECTIONS, ECHO_PORT) for address in (house.server4, house.server6)]
        everything_works(house)
        errors_reach_their_session(house)
        streams_keep_their_order(house)
        datagrams_keep_their_order(house)
        assert sum(connections.alive() for connections in held) == 2 * CONNECTIONS
        assert_both_share(house)
        totals = house.assert_conservation()
        assert totals["handed_out"] > 0, totals
        # A packet may be on its way between two workers at any moment.
        wait_until(lambda: (now := house.totals())["handed_in"] == now["handed_out"], 3, house.totals)
        restart_keeps_sessions(house, held)
        house.assert_conservation()


def one_queue():
    """The worker without a lane receives nothing and owns its half."""
    with House(queues=1, workers=2, system="  fail: closed", interfaces=INTERFACES, config=ZONES) as house:
        house.start_culvert()
        answering(house)
        held = [Connections(house, address, CONNECTIONS, ECHO_PORT) for address in (house.server4, house.server6)]
        everything_works(house, times=1)
        errors_reach_their_session(house, times=2)
        datagrams_keep_their_order(house, seconds=1)
        assert sum(connections.alive() for connections in held) == 2 * CONNECTIONS
        with_lanes = {lane["worker"] for lane in house.ask("show_status")["lanes"]}
        for number, row in enumerate(workers(house)):
            figures = {what: row[what] for what in ("created", "sessions", "received", "handed_in", "handed_out")}
            print(f"one queue, worker {number}{'' if number in with_lanes else ' without a lane'}: {figures}")
            assert (row["received"] > 0) == (number in with_lanes) and row["created"] > 0, f"{number}: {figures}"
        assert len(with_lanes) == 1, with_lanes
        rows = house.session_rows(protocol="tcp", port=ECHO_PORT)
        assert {row["worker"] for row in rows} == {0, 1} and len(rows) == 2 * CONNECTIONS, len(rows)
        wait_until(lambda: (now := house.totals())["handed_in"] == now["handed_out"] > 0, 3, house.totals)
        house.assert_conservation()


def main():
    mounts_of_our_own()
    require_command("iperf3")
    two_queues()
    one_queue()


main()
