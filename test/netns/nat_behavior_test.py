# SPDX-License-Identifier: Apache-2.0
"""What NAT looks like to programs that find out: RFC 5780's tests by coturn's natdiscovery, RFC 3489's by stun.

    mapping     one external port for all that an inside endpoint sends, whatever the filtering
    filtering   as the rule says: each of the three kinds
    hairpin     two sockets inside speak by what they have outside
    collision   two hosts inside with the same port have different ones outside
"""

import re
import signal
import subprocess

from clients import python
from house import by_tier, require_command, run, wait_until
from leftovers import mounts_of_our_own
from nat_house import Nat, config_text
from outside import Outside

SERVER_OTHER, SERVER_OTHER6 = "198.18.1.3", "2001:db8:1::3"  # the server's other addresses
CLIENT_OTHER = "198.18.0.3"
TIMEOUTS = "udp: 60s"
EXTERNAL = "198.18.1.1"

FILTERING = {"endpoint_independent": "NAT with Endpoint Independent Filtering!",
             "address_dependent": "NAT with Address Dependent Filtering!",
             "address_and_port_dependent": "NAT with Address and Port Dependent Filtering!"}

# One socket learns what it is outside from the mirror and says it; it answers everybody, and prints who that was.
LISTENER = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"who am I", (sys.argv[1], int(sys.argv[2])))
print(s.recv(100).decode(), flush=True)
while True:
    data, who = s.recvfrom(100)
    print(data.decode(), who[0], who[1], flush=True)
    s.sendto(b"heard " + data, who)
"""
# Tells everybody who he is.
MIRROR = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
while True:
    data, who = s.recvfrom(100)
    s.sendto(f"{who[0]} {who[1]}".encode(), who)
"""
# Sends from a source port, and perhaps an address, and prints the answer, or "nothing".
CALL = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.bind((sys.argv[5] if len(sys.argv) > 5 else "", int(sys.argv[3])))
s.settimeout(0.7)
s.sendto(sys.argv[4].encode(), (sys.argv[1], int(sys.argv[2])))
try:
    data, who = s.recvfrom(100)
    print(data.decode(), who[0], who[1])
except (TimeoutError, ConnectionRefusedError):
    print("nothing")
"""


def discovered(house, *options):
    return house.client("turnutils_natdiscovery", *options, house.server4, timeout=120).stdout


def configure(house, more):
    house.apply(config_text(more=more, timeouts=TIMEOUTS))
    house.culvert("clear", "nat", "mappings", "--all")
    assert not house.mappings()


def discoveries(house):
    """What coturn's client says of each kind of filtering; the mapping is the same for all."""
    for filtering, sentence in FILTERING.items():
        configure(house, f"filtering: {filtering}")
        said = discovered(house, "-m", "-f")
        assert "NAT with Endpoint Independent Mapping!" in said, said
        assert sentence in said, (filtering, said)
    configure(house, "mapping: address_and_port_dependent")
    said = discovered(house, "-m")
    assert "NAT with Address and Port Dependent Mapping!" in said, said


def hairpin_and_collision(house):
    configure(house, "filtering: endpoint_independent")
    assert "Received a request (maybe a successful hairpinning)" in discovered(house, "-H")
    said = discovered(house, "-c", "-L", house.client4, "-A", CLIENT_OTHER, "-l", "4321")
    seen = re.findall(rf"UDP reflexive addr: {EXTERNAL}:(\d+)", said)
    assert len(seen) == 2 and len(set(seen)) == 2, said
    # RFC 3489's own program: it knows fewer kinds, and asks for hairpinning as well.
    said = house.client("stun", house.server4, check=False, timeout=120).stdout
    assert "Independent Mapping, Independent Filter" in said and "will hairpin" in said, said


class Listener:
    """A socket inside that has asked the mirror what it is outside."""

    def __init__(self, house, mirror, where="client"):
        self.child = house.spawn(where, "python3", "-c", LISTENER, mirror, "99", stdout=subprocess.PIPE)
        address, port = self.child.stdout.readline().split()
        self.address, self.port = address, int(port)

    def heard(self):
        return self.child.stdout.readline().split()


def mapping_of(house, listener):
    rows = house.mappings("external", listener.address, "external-port", str(listener.port))
    assert len(rows) == 1, rows
    return rows[0]


def shown_is_what_happens(house, server, other):
    """`show nat mappings` says what the endpoint learnt, and that stays so over restarts, until it is cleared."""
    configure(house, "")  # filtering by address
    listener = Listener(house, server)
    row = mapping_of(house, listener)
    assert (row["protocol"], row["sessions"], row["open_sessions"]) == ("udp", 1, 1), row
    call = (house.server, CALL, listener.address, listener.port)
    assert python(*call, 5000, "hello", server).split()[:2] == ["heard", "hello"]
    assert listener.heard()[0] == "hello"
    before = house.drops().get("nat_filtered", 0)
    assert python(*call, 5001, "stranger", other) == "nothing"
    assert house.drops()["nat_filtered"] == before + 1
    inside = [r for r in house.session_rows(protocol="udp") if r["rule"] == "(nat mapping)"]
    assert [r["destination_port"] for r in inside] == [5000], inside
    for stop in (lambda: house.stop(house.daemon, signal.SIGKILL), lambda: house.stop(house.daemon)):
        stop()
        house.start_culvert()
        row = mapping_of(house, listener)
        assert (row["sessions"], row["open_sessions"]) == (2, 2), row
    house.restart_culvert()
    assert mapping_of(house, listener)["sessions"] == 2
    assert python(*call, 5002, "new", server).split()[:2] == ["heard", "new"]
    assert listener.heard()[0] == "new"
    house.culvert("clear", "nat", "mappings", "inside", row["inside"], "port", str(row["inside_port"]))
    assert not house.mappings("inside", row["inside"], "port", str(row["inside_port"]))
    assert python(*call, 5000, "late", server) == "nothing"
    house.stop(listener.child)


def mappings_told(house, kind, listener):
    """Events about the listener's mapping."""
    events = [event["fields"] for event in house.show("events")["events"] if event["kind"] == kind]
    outside = {"translated_source": listener.address, "translated_source_port": str(listener.port)}
    return [fields for fields in events if outside.items() <= fields.items()]


def logged(house, server, other):
    """Who had which port from when to when is told, and what somebody outside began; rules count their sessions."""
    configure(house, "log: sessions, filtering: endpoint_independent")
    listener = Listener(house, server)
    row = mapping_of(house, listener)
    wait_until(lambda: mappings_told(house, "nat_mapping_created", listener), 5, "the mapping is told")
    (created,) = mappings_told(house, "nat_mapping_created", listener)
    assert (created["source"], created["source_port"]) == (row["inside"], str(row["inside_port"])), created
    assert created["mapping"] == "endpoint_independent" and created["protocol"] == "udp", created
    assert python(house.server, CALL, listener.address, listener.port, 5003, "stranger", other).startswith("heard")
    wait_until(lambda: mappings_told(house, "session_opened", listener), 5, "the stranger's session is told")
    (opened,) = mappings_told(house, "session_opened", listener)
    assert (opened["destination"], opened["destination_port"]) == (other, "5003"), opened
    hits = {(rule["kind"], rule["family"]): rule["hits"] for rule in house.show("nat", "rules")["rules"]}
    assert hits["source", "ipv6" if ":" in server else "ipv4"] > 0, hits
    house.restart_culvert()  # and the end is told by another culvertd
    assert not mappings_told(house, "nat_mapping_deleted", listener)
    house.culvert("clear", "nat", "mappings", "inside", row["inside"], "port", str(row["inside_port"]))
    wait_until(lambda: mappings_told(house, "nat_mapping_deleted", listener), 5, "its end is told")
    assert len(mappings_told(house, "nat_mapping_deleted", listener)) == 1
    wait_until(lambda: mappings_told(house, "session_closed", listener), 5, "so is the stranger's session's")
    house.stop(listener.child)


def two_inside(house, server):
    """Each hears the other with its external address, and nothing of that leaves."""
    configure(house, "filtering: endpoint_independent")
    one, two = Listener(house, server), Listener(house, server)
    answer = python(house.client, CALL, two.address, two.port, 6000, "neighbour").split()
    assert answer == ["heard", "neighbour", two.address, str(two.port)], answer
    said, address, port = two.heard()
    assert (said, address) == ("neighbour", one.address) and int(port) != 6000, (said, address, port)
    for listener in (one, two):
        house.stop(listener.child)


def main():
    for command in ("turnserver", "turnutils_natdiscovery", "stun"):
        require_command(command)
    mounts_of_our_own()
    for workers in by_tier((2,), (1, 2), (1, 2)):
        with Nat(workers=workers, queues=workers, config=config_text(timeouts=TIMEOUTS)) as house:
            for role, address in (("server", SERVER_OTHER), ("client", CLIENT_OTHER)):
                run("ip", "-n", house.names[role], "addr", "add", f"{address}/24", "dev", "eth0")
            run("ip", "-n", house.names["server"], "addr", "add", f"{SERVER_OTHER6}/64", "dev", "eth0", "nodad")
            house.start_culvert()
            house.ping(house.server4, count=1)
            house.spawn("server", "turnserver", "-n", "-S", "-z", "-L", house.server4, "-L", SERVER_OTHER,
                        "--no-tls", "--no-dtls", "--no-cli", "-l", "stdout", "--pidfile", str(house.work / "turn.pid"))
            for address in (house.server4, house.server6):
                mirror = house.spawn("server", "python3", "-c", MIRROR, address, "99", stdout=subprocess.PIPE)
                assert mirror.stdout.readline() == "ready\n"
            wait_until(lambda: "3478" in house.server("ss", "-lun").stdout, 10, "the STUN server listens")
            outside = Outside(house)
            discoveries(house)
            hairpin_and_collision(house)
            for server, other in ((house.server4, SERVER_OTHER), (house.server6, SERVER_OTHER6)):
                shown_is_what_happens(house, server, other)
                logged(house, server, other)
                two_inside(house, server)
            seen = outside.take()
            assert not seen["inside"], seen
            house.assert_conservation()


main()
