# SPDX-License-Identifier: Apache-2.0
"""Resets from somebody who does not see the traffic end no connection; one that is exact ends it.

Against an idle connection and a busy one: 2,000 resets of the right addresses and ports and random sequence numbers
from each side, resets into the window, and resets that claim the client's address and come from outside. All of them
are dropped, or passed on without being believed for the receiver to judge (RFC 5961 3.2).
"""

import json
import random
import subprocess

from connections import Connections, EchoServer
from crafted import TCP, ip, send, tcp
from house import House, require_command, wait_until
from leftovers import mounts_of_our_own

ZONES = """
zones: {inside: {}, outside: {}}
policy:
  rules:
    - {name: out, from: inside, to: outside, action: permit}
"""
INTERFACES = "  lan0: {zone: inside}\n  wan0: {zone: outside}"
RESETS = 2000
IPERF_PORT = 5555  # the client's, of the stream


def session(house, destination, port):
    """The row of `show sessions` of the client's connection from this port."""
    rows = house.session_rows(destination=destination, port=port)
    assert len(rows) == 1, rows
    return rows[0]


def by_hping3(house, role, address, from_port, to_port, *options, count=RESETS):
    """Without --setseq each with a random sequence number. Only where nothing flows: it takes that for answers."""
    getattr(house, role)("hping3", "--quiet", "--numeric", "--rst", "--interval", "u200", "--count", str(count),
                         "--baseport", str(from_port), "--keep", "--destport", str(to_port), *options, address,
                         check=False, timeout=120)


def by_hand(house, role, source, destination, from_port, to_port, *sequences):
    resets = (tcp(source, destination, from_port, to_port, "R", sequence=sequence) for sequence in sequences)
    send(house, role, [ip(source, destination, TCP, reset) for reset in resets])


def random_sequences():
    return (random.getrandbits(32) for _ in range(RESETS))


class Fates:
    """What becomes of packets of one connection that were sent while nothing else was: dropped, or passed on.

    XDP drops what comes while the worker has had no CPU for 500 ms (fail: closed).
    """

    def __init__(self, house, destination, port):
        self.house, self.destination, self.port = house, destination, port
        self.before = self.now()

    def now(self):
        row = session(self.house, self.destination, self.port)
        drops = self.house.all_drops()
        return {reason: drops.get(reason, 0) for reason in ("tcp_out_of_window", "stale_dropped")} | row

    def assert_sum(self, count, passed_by):
        """All were dropped, or counted by the session in "packets" or "reply_packets": (dropped, passed)."""

        def grown():
            now = self.now()
            return tuple(now[what] - self.before[what] for what in ("tcp_out_of_window", passed_by, "stale_dropped"))

        wait_until(lambda: sum(grown()) == count, 5, lambda: f"{count} packets are dropped or passed: {grown()}")
        return grown()[:2]


def assert_alive(house, held, destination, numbers):
    assert held.alive() == held.count
    assert session(house, destination, numbers["port"])["state"] == "established"


def random_resets(house, held, client, server):
    """From both sides, as if from the other end: hping3 for IPv4, by hand for IPv6."""
    numbers = held.numbers()
    for role, source, destination, ports, passed_by in (
            ("server", server, client, (80, numbers["port"]), "reply_packets"),
            ("client", client, server, (numbers["port"], 80), "packets")):
        fates = Fates(house, server, numbers["port"])
        if ":" in client:
            by_hand(house, role, source, destination, *ports, *random_sequences())
        else:
            by_hping3(house, role, destination, *ports)
        dropped, passed = fates.assert_sum(RESETS, passed_by)
        print(f"{RESETS} random resets from {source}: {dropped} dropped, {passed} passed unbelieved")
        assert dropped > 0.9 * RESETS, dropped
        assert_alive(house, held, server, numbers)


def resets_in_the_window(house, held, client, server):
    """One to a thousand bytes beyond what the receiver expects: the receiver asks, by a challenge ACK, and goes on."""
    numbers = held.numbers()
    fates = Fates(house, server, numbers["port"])
    by_hand(house, "server", server, client, 80, numbers["port"],
            *(numbers["client_expects"] + 1 + 10 * beyond for beyond in range(100)))
    assert fates.assert_sum(100, "reply_packets")[0] == 0
    assert_alive(house, held, server, numbers)


def resets_from_the_wrong_side(house, held, client, server):
    """From outside with the client's address: even exact ones, for the client's packets come from inside."""
    numbers = held.numbers()
    before = house.drops().get("session_zone", 0)
    by_hand(house, "server", client, server, numbers["port"], 80, *[numbers["server_expects"]] * 100)
    wait_until(lambda: house.drops().get("session_zone", 0) - before == 100, 5, house.drops)
    assert_alive(house, held, server, numbers)


def random_resets_into_a_stream(house):
    """While iperf3 sends; the stream goes on to its end."""
    house.spawn("server", "iperf3", "--server", "--one-off")
    wait_until(lambda: ":5201" in house.server("ss", "-Hltn").stdout, 5, "iperf3 listens")
    before = house.drops().get("tcp_out_of_window", 0)
    stream = house.spawn("client", "iperf3", "--client", house.server4, "--cport", str(IPERF_PORT), "--time", "4",
                         "--json", stdout=subprocess.PIPE)
    wait_until(lambda: house.session_rows(port=IPERF_PORT), 5, "the stream's session")
    by_hand(house, "server", house.server4, house.client4, 5201, IPERF_PORT, *random_sequences())
    by_hand(house, "client", house.client4, house.server4, IPERF_PORT, 5201, *random_sequences())
    assert session(house, house.server4, IPERF_PORT)["state"] == "established"
    report = json.loads(stream.communicate(timeout=30)[0])
    assert "error" not in report, report["error"]
    dropped = house.drops().get("tcp_out_of_window", 0) - before
    end = report["end"]["sum_sent"]
    print(f"{2 * RESETS} random resets into a stream of {end['bits_per_second'] / 1e6:.0f} Mbit/s: {dropped} dropped, "
          f"{end['retransmits']} segments sent again")
    assert dropped > 0.9 * 2 * RESETS, dropped


def one_exact_reset(house, client, server, echo_server):
    """The number that the receiver expects next: it believes it, and so does the session."""
    held = Connections(house, server, 2)
    for place, role, source, destination in ((0, "server", server, client), (1, "client", client, server)):
        numbers = held.numbers(place)
        ports = (80, numbers["port"]) if role == "server" else (numbers["port"], 80)
        sequence = numbers["client_expects"] if role == "server" else numbers["server_expects"]
        if ":" in client:
            by_hand(house, role, source, destination, *ports, sequence)
        else:
            by_hping3(house, role, destination, *ports, "--setseq", str(sequence), count=1)
        wait_until(lambda port=numbers["port"]: session(house, server, port)["state"] == "reset", 2,
                   "the session is reset")
        if role == "server":
            assert held.ending(place) == "ECONNRESET"
        else:
            assert echo_server.next_reset() == numbers["port"]
    house.stop(held.child)


def main():
    mounts_of_our_own()
    require_command("hping3")
    require_command("iperf3")
    with House(system="  fail: closed", interfaces=INTERFACES, config=ZONES) as house:
        house.start_culvert()
        echo_server = EchoServer(house)
        for client, server in ((house.client4, house.server4), (house.client6, house.server6)):
            house.ping(server)
            held = Connections(house, server, 1)
            assert held.alive() == 1
            random_resets(house, held, client, server)
            resets_in_the_window(house, held, client, server)
            resets_from_the_wrong_side(house, held, client, server)
            one_exact_reset(house, client, server, echo_server)
            assert held.alive() == 1
        random_resets_into_a_stream(house)
        house.assert_conservation()


main()
