# SPDX-License-Identifier: Apache-2.0
"""Real clients behind source NAT, with addresses of a pool: HTTP, streams in both directions, thousands of short
connections, DNS, SIP, QUIC that changes its port on the way, traceroute, and paths with a smaller MTU.

Outside no inside address is ever seen, but for SIP, which writes it into its messages (there is no ALG).
"""

import re
import time

from clients import SERVER
from house import by_tier, require_command, run, wait_until
from leftovers import mounts_of_our_own
from nat_house import Nat, config_text
from outside import Outside

POOL = ("198.18.1.101", "198.18.1.102")
CONFIG = config_text(pools=f"    many: {{addresses: [{', '.join(POOL)}]}}\n", translate="many", timeouts="udp: 60s")
FILE_BYTES = 3_000_000

# HTTP of one answer a connection, quick enough for thousands a second.
HTTP = """
import select, socket
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("", 8080))
server.listen(4096)
server.setblocking(False)
events = select.epoll()
events.register(server.fileno(), select.EPOLLIN)
clients = {}
while True:
    for descriptor, _ in events.poll():
        if descriptor == server.fileno():
            try:
                while True:
                    client, _ = server.accept()
                    clients[client.fileno()] = client
                    events.register(client.fileno(), select.EPOLLIN)
            except BlockingIOError:
                continue
        client = clients.pop(descriptor)
        try:
            if client.recv(4096):
                client.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
        except OSError:
            pass
        client.close()
"""
# Answers every question for an address with 192.0.2.1.
DNS = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 53))
while True:
    question, who = s.recvfrom(512)
    end = question.index(b"\\0", 12) + 5
    record = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4\\xc0\\0\\2\\1"
    s.sendto(question[:2] + b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + question[12:end] + record, who)
"""


def hidden(outside, what):
    seen = outside.take()
    assert not seen["inside"], (what, seen)


def files(house, outside):
    folder = house.work / "www"
    folder.mkdir()
    (folder / "file").write_bytes(b"x" * FILE_BYTES)
    house.spawn("server", "python3", "-m", "http.server", "8000", "--bind", "::", "-d", str(folder))
    wait_until(lambda: ":8000" in house.server("ss", "-ltn").stdout, 10, "the HTTP server listens")
    for address in (house.server4, f"[{house.server6}]"):
        done = house.client("curl", "-s", "-m", "30", "-o", "/dev/null", "-w", "%{size_download}",
                            f"http://{address}:8000/file")
        assert int(done.stdout) == FILE_BYTES, done.stdout
    hidden(outside, "curl")


def streams(house, outside, seconds):
    house.spawn("server", "iperf3", "-s")
    wait_until(lambda: ":5201" in house.server("ss", "-ltn").stdout, 10, "iperf3 listens")
    for direction in ((), ("-R",), ("-u", "-b", "50M"), ("-u", "-b", "50M", "-R")):
        house.client("iperf3", "-c", house.server4, "-t", str(seconds), *direction, timeout=60 + seconds)
    hidden(outside, "iperf3")


def short_connections(house, outside, seconds):
    """Each of them has a port for its time, and none fails."""
    house.spawn("server", "python3", "-c", HTTP)
    wait_until(lambda: ":8080" in house.server("ss", "-ltn").stdout, 10, "the HTTP server listens")
    house.client("sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535")
    said = house.client("wrk", "-t1", "-c50", f"-d{seconds}", "-H", "Connection: close",
                        f"http://{house.server4}:8080/", timeout=60 + seconds).stdout
    requests = int(re.search(r"(\d+) requests in", said)[1])
    print("wrk:", *re.findall(r"Requests/sec: +\S+", said))
    assert requests > 1000 and "errors" not in said and "Non-2xx" not in said, said
    refused = [reason for reason in house.drops() if reason.startswith(("nat_", "session_"))]
    assert not refused, refused
    hidden(outside, "wrk")


def names(house, outside, seconds):
    house.spawn("server", "python3", "-c", DNS)
    wait_until(lambda: ":53 " in house.server("ss", "-lun").stdout, 10, "the DNS server listens")
    questions = house.work / "questions"
    questions.write_text("a.example A\nb.example A\n")
    said = house.client("dnsperf", "-s", house.server4, "-d", str(questions), "-l", str(seconds), "-c", "50",
                        "-q", "50", timeout=60 + seconds).stdout
    assert re.search(r"Queries lost: +0 ", said) and re.search(r"NOERROR \d+ \(100.00%\)", said), said
    hidden(outside, "dnsperf")


def rebinding(house, outside):
    """A QUIC client goes on from another port while it fetches a file."""
    key, certificate, down = house.work / "key.pem", house.work / "certificate.pem", house.work / "down"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate),
        "-days", "2", "-subj", "/CN=server")
    down.mkdir()
    house.spawn("server", "gtlsserver", "-q", "-d", str(house.work / "www"), house.server4, "4433", str(key),
                str(certificate))
    wait_until(lambda: ":4433" in house.server("ss", "-lun").stdout, 10, "the QUIC server listens")
    house.client("gtlsclient", "-q", "--exit-on-all-streams-close", "--download", str(down),
                 "--change-local-addr=100ms", "--nat-rebinding", "--delay-stream=300ms", house.server4, "4433",
                 f"https://{house.server4}/file", timeout=60)
    assert (down / "file").stat().st_size == FILE_BYTES
    rows = house.session_rows(protocol="udp", port=4433)
    assert len({row["translated_source_port"] for row in rows}) == len(rows) >= 2, rows
    hidden(outside, "QUIC")


def paths(house, outside):
    """Errors of routers find the host that asked for them."""
    house.server("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0")
    for kind in (["-I"], ["-T"], ["-U", "-p", "9"], []):
        said = house.client("traceroute", *kind, "-n", "-q1", "-w2", house.server4).stdout
        hops = re.findall(r"^ *\d+ +(\S+)", said, re.M)
        assert hops == ["198.18.0.1", house.server4], (kind, said)
    hidden(outside, "traceroute")
    # A smaller link outside: the router says so to the client.
    router = house.names["router"]
    run("ip", "-n", router, "link", "set", "wan0", "mtu", "1400")
    wait_until(lambda: "mtu=1400" in house.client("ping", "-c1", "-W1", "-M", "do", "-s", "1400", house.server4,
                                                  check=False).stdout.replace("mtu = ", "mtu="), 10,
               "an error says 1400")
    run("ip", "-n", router, "link", "set", "wan0", "mtu", "1500")
    house.client("ip", "route", "flush", "cache")
    # And inside: to the server, which sees the external address alone.
    run("ip", "-n", router, "link", "set", "lan0", "mtu", "1400")
    time.sleep(1)
    done = house.client("curl", "-s", "-m", "30", "-o", "/dev/null", "-w", "%{size_download}",
                        f"http://{house.server4}:8000/file")
    assert int(done.stdout) == FILE_BYTES, done.stdout
    routes = house.server("ip", "route", "get", house.session_rows(port=8000)[0]["translated_source"]).stdout
    assert "mtu 1400" in routes, routes
    run("ip", "-n", router, "link", "set", "lan0", "mtu", "1500")
    hidden(outside, "smaller links")


def calls(house):
    house.spawn("server", "sipp", "-sn", "uas", "-i", house.server4, "-p", "5060", "-nostdin", cwd=str(house.work))
    wait_until(lambda: ":5060" in house.server("ss", "-lun").stdout, 10, "sipp listens")
    said = house.client("sipp", "-sn", "uac", f"{house.server4}:5060", "-i", house.client4, "-m", "200", "-r", "100",
                        "-d", "500", "-nostdin", "-timeout", "30", cwd=str(house.work)).stdout
    assert re.search(r"Successful call +\| +\d+ +\| +200 ", said), said


def main():
    for command in ("curl", "iperf3", "openssl", "wrk", "dnsperf", "sipp", "gtlsclient", "gtlsserver", "traceroute"):
        require_command(command)
    mounts_of_our_own()
    seconds = by_tier(1, 5, 20)
    workers = by_tier(1, 2, 2)
    with Nat(workers=workers, queues=workers, config=CONFIG) as house:
        for address in POOL:
            run("ip", "-n", house.names["router"], "addr", "add", f"{address}/32", "dev", "wan0")
        house.start_culvert()
        house.ping(house.server4, count=1)
        house.spawn("server", "python3", "-c", SERVER)
        outside = Outside(house)
        files(house, outside)
        streams(house, outside, seconds)
        short_connections(house, outside, seconds)
        names(house, outside, seconds)
        rebinding(house, outside)
        paths(house, outside)
        calls(house)
        house.assert_conservation()


main()
