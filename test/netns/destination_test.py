# SPDX-License-Identifier: Apache-2.0
"""Destination NAT with real clients: the host inside serves, and who is outside reaches it by forwarded ports, by an
address of its own, and by a translated prefix of IPv6 (NPTv6).

The server's namespace is "outside" here. Whatever arrives there is searched for the inside host's addresses, all the
time, also while culvertd is killed, restarted and reconfigured.
"""

import signal
import time

from clients import CONNECT, DATAGRAM, SERVER, python
from connections import Connections, EchoServer
from house import by_tier, require_command, run, wait_until
from leftovers import mounts_of_our_own
from nat_house import POOL6, Nat
from outside import Outside

WAN4, FIXED = "198.18.1.1", "198.18.1.120"
PREFIX = "2001:db8:99::/48"
HEAD = """
zones: {inside: {}, outside: {}}
policy:
  rules:
    - {name: out, from: inside, to: outside, action: permit}
    - {name: services, from: outside, to: inside, service: [tcp/7, tcp/80-81, udp/80-81, udp/9], action: permit}
    - {name: ping, from: outside, to: inside, service: [icmp, icmpv6], action: permit}
nat:
  timeouts: {udp: 60s}
  source:
    - {name: out, from: inside, to: outside, translate: interface}
"""
FORWARDED = HEAD + f"""
  destination:
    - {{name: web, from: outside, destination: interface, service: [tcp/8080, udp/8080], translate: 198.18.0.2,
       port: 80}}
    - {{name: echo, from: outside, destination: interface, service: tcp/7007, translate: 198.18.0.2, port: 7}}
    - {{name: many, from: outside, destination: {WAN4}, service: tcp/9080-9081, translate: 198.18.0.2, port: 80-81}}
    - {{name: closed, from: outside, destination: {WAN4}, service: udp/8099, translate: 198.18.0.2, port: 9}}
    - {{name: six, from: outside, destination: "{POOL6}", service: [tcp/8080, udp/8080], translate: "2001:db8::2",
       port: 80}}
"""
STATIC = HEAD + f"""
  static:
    - {{name: host, outside: outside, external: {FIXED}, internal: 198.18.0.2}}
    - {{name: prefix, outside: outside, external: "{PREFIX}", internal: "2001:db8::/48", checksum_neutral: true}}
"""
IDLE = 20


def reached(house, address, port):
    """From outside: TCP, datagrams, and datagrams in fragments."""
    assert python(house.server, CONNECT, address, port, 5) == "open", (address, port, house.log())
    for size in (100, 4000):
        answered = python(house.server, DATAGRAM, address, port, size)
        assert answered == str(size), (address, port, size, answered, house.all_drops())


def hidden(outside, what):
    seen = outside.take()
    assert not seen["inside"], (what, seen)
    return {who.split()[0] for who in seen["sources"]}


def forwarded(house, outside):
    reached(house, WAN4, 8080)
    reached(house, POOL6, 8080)
    for port in (9080, 9081):
        assert python(house.server, CONNECT, WAN4, port, 5) == "open", port
    assert python(house.server, CONNECT, WAN4, 9082, 5).split()[0] == "ECONNREFUSED"  # by the router itself
    assert python(house.server, DATAGRAM, WAN4, 8099, 10) == "ECONNREFUSED"  # an error from inside
    senders = hidden(outside, "forwarded ports")
    assert {WAN4, POOL6} <= senders, senders
    row = house.session_rows(destination=WAN4, protocol="udp")[0]
    assert (row["translated_destination"], row["translated_source"]) == ("198.18.0.2", None), row
    assert house.session_rows(external=WAN4, external_port=8080), "found by what they were sent to"
    assert not house.session_rows(external=house.server4)
    # The host inside reaches itself by what it has outside.
    assert python(house.client, CONNECT, WAN4, 8080, 5) == "open"
    told = house.culvert("policy", "test", "--from", "outside", "--to", "inside", "--source", house.server4,
                         "--destination", WAN4, "--protocol", "tcp", "--destination-port", "8080").stdout
    assert "permit: rule 2 'services' decides" in told and "nat: by 'web' it goes to 198.18.0.2:80" in told, told


def under_flood(house, outside):
    """A zone that gets more SYNs than its screen lets through: clients of a forwarded port come by SYN cookies."""
    zones = "zones: {inside: {}, outside: {screen: flood}}"
    house.apply(FORWARDED.replace("zones: {inside: {}, outside: {}}", zones) + "\nscreens: {flood: {syn_flood: 1/s}}\n")
    for _ in range(20):
        for address in (WAN4, POOL6):
            assert python(house.server, CONNECT, address, 8080, 5) == "open", house.log()
    accepted = house.sessions("syn_cookies_accepted")
    assert accepted > 10, f"{accepted} came by cookies"
    hidden(outside, "SYN cookies")
    house.apply(FORWARDED)


def connections_go_on(house, outside):
    """Idle connections by a forwarded port, over everything that happens to culvertd."""
    EchoServer(house, 7, "client")
    held = Connections(house, WAN4, IDLE, port=7007, role="server")
    for what in ("kill", "stop", "restart", "reload"):
        if what == "restart":
            house.restart_culvert()
        elif what == "reload":
            house.daemon.send_signal(signal.SIGHUP)
            time.sleep(0.5)
        else:
            house.stop(house.daemon, signal.SIGKILL if what == "kill" else signal.SIGTERM)
            house.start_culvert()
        assert held.alive() == IDLE, (what, house.log())
    echo = "service: tcp/7007, translate: 198.18.0."
    house.apply(FORWARDED.replace(f"{echo}2", f"{echo}3"))
    assert held.alive(within=2) == 0, "the rule leads elsewhere"
    hidden(outside, "restarts")


def own_addresses(house, outside):
    address = house.session_rows(destination=house.server6)[0]["translated_source"]
    assert address.startswith("2001:db8:99:"), address
    for external in (FIXED, address):
        reached(house, external, 80)
        house.server("ping", "-c2", "-i", "0.1", "-W", "2", external)
    senders = hidden(outside, "addresses of its own")
    assert {FIXED, address} <= senders, senders
    row = house.session_rows(destination=house.server4, protocol="tcp")[0]
    assert (row["translated_source"], row["translated_source_port"]) == (FIXED, row["source_port"]), row
    return address


def traceroutes(house, outside, address):
    for options in (("-I",), ("-T", "-p", "80"), ("-U", "-p", "80")):
        there = house.client("traceroute", "-6", *options, "-n", "-q1", "-w1", "-m3", house.server6).stdout
        assert "2001:db8::1 " in there and there.splitlines()[2].split()[1] == house.server6, there
        back = house.server("traceroute", "-6", *options, "-n", "-q1", "-w1", "-m3", address).stdout
        assert "2001:db8:1::1 " in back and back.splitlines()[2].split()[1] == address, back
    hidden(outside, "traceroute")


def downloads(house, outside, address):
    """HTTP both ways over the prefix."""
    folder = house.work / "www"
    folder.mkdir()
    (folder / "file").write_bytes(b"x" * 1_000_000)
    for role, name, at in (("server", house.server6, house.client), ("client", address, house.server)):
        house.spawn(role, "python3", "-m", "http.server", "81", "--bind", "::", "-d", str(folder))
        wait_until(lambda role=role: ":81 " in getattr(house, role)("ss", "-ltn").stdout, 10, "the HTTP server listens")
        done = at("curl", "-s", "-g", "-m", "20", "-o", "/dev/null", "-w", "%{size_download}",
                  f"http://[{name}]:81/file")
        assert done.stdout == "1000000", (role, done)
    hidden(outside, "curl")


def ports_forwarded(workers):
    with Nat(config=FORWARDED, workers=workers, queues=workers) as house:
        house.start_culvert()
        inside = house.spawn("client", "python3", "-c", SERVER, stdout=-1)
        assert inside.stdout.readline() == "ready\n"
        outside = Outside(house)
        house.ping(house.server4)
        forwarded(house, outside)
        under_flood(house, outside)
        connections_go_on(house, outside)
        house.assert_conservation()


def addresses_of_their_own(workers):
    with Nat(config=STATIC, workers=workers, queues=workers) as house:
        run("ip", "-n", house.names["server"], "-6", "route", "add", PREFIX, "via", "2001:db8:1::1")
        run("ip", "-n", house.names["router"], "addr", "add", f"{FIXED}/32", "dev", "wan0")
        house.start_culvert()
        inside = house.spawn("client", "python3", "-c", SERVER.replace("(80, 81)", "(80,)"), stdout=-1)
        there = house.spawn("server", "python3", "-c", SERVER.replace("(80, 81)", "(80,)"), stdout=-1)
        assert inside.stdout.readline() == there.stdout.readline() == "ready\n"
        outside = Outside(house)
        for server in (house.server4, house.server6):
            house.ping(server)
            assert python(house.client, CONNECT, server, 80, 5) == "open"
        address = own_addresses(house, outside)
        traceroutes(house, outside, address)
        downloads(house, outside, address)
        house.stop(house.daemon, signal.SIGKILL)
        assert python(house.client, CONNECT, house.server6, 80, 1) == "timeout"  # fail: closed
        house.start_culvert()
        reached(house, FIXED, 80)
        reached(house, address, 80)
        hidden(outside, "kill -9")
        house.assert_conservation()


def main():
    mounts_of_our_own()
    require_command("traceroute")
    for workers in by_tier((2,), (1, 2), (1, 2)):
        ports_forwarded(workers)
        addresses_of_their_own(workers)


main()
