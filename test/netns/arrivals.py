# SPDX-License-Identifier: Apache-2.0
"""What arrives at the client, or the server, packet by packet, before its kernel looks at it.

    arrivals = Arrivals(house)          # at the client; Arrivals(house, "server")
    ...
    arrivals.take()     {"198.18.1.2 tcp/80 S": 1, ...}: source, protocol and destination port, TCP's flags

What the router itself sends (neighbour discovery, its ICMP errors) is left out.
"""

import collections
import ipaddress
import json
import select
import socket
import subprocess
import sys

FLAGS = "FSRPAUEC"
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
SO_RCVBUFFORCE = 33


class Arrivals:
    def __init__(self, house, role="client"):
        number = {"client": 0, "server": 1}[role]
        routers = (f"198.18.{number}.1", f"2001:db8:{number}::1")
        self.child = house.spawn(role, sys.executable, __file__, "eth0", *routers, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
        assert self.child.stdout.readline() == "ready\n"

    def take(self):
        """What has arrived since the last time: {kind of packet: how many}"""
        self.child.stdin.write("take\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())


def kind_of(protocol, transport):
    """A fragment or a protocol that is not looked into: without ports."""
    name = PROTOCOLS.get(protocol, f"protocol/{protocol}")
    if name == "tcp" and len(transport) >= 14:
        flags = "".join(flag for bit, flag in enumerate(FLAGS) if transport[13] & 1 << bit)
        return f"tcp/{int.from_bytes(transport[2:4], 'big')} {flags or '-'}"
    if name == "udp" and len(transport) >= 4:
        return f"udp/{int.from_bytes(transport[2:4], 'big')}"
    if name.startswith("icmp") and transport:
        return f"{name}/{transport[0]}"
    return name


def describe(packet):
    """(source, what), or None: no IP."""
    if packet[0] >> 4 == 4 and len(packet) >= 20:
        later = int.from_bytes(packet[6:8], "big") & 0x1FFF
        what = f"protocol/{packet[9]} fragment" if later else kind_of(packet[9], packet[4 * (packet[0] & 15):])
        return str(ipaddress.ip_address(packet[12:16])), what
    if packet[0] >> 4 == 6 and len(packet) >= 40:
        return str(ipaddress.ip_address(packet[8:24])), kind_of(packet[6], packet[40:])
    return None


def main():
    interface, routers = sys.argv[1], {str(ipaddress.ip_address(router)) for router in sys.argv[2:]}
    receiver = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    receiver.bind((interface, 3))
    print("ready", flush=True)
    seen = collections.Counter()
    while True:
        readable = select.select([receiver, sys.stdin], [], [])[0]
        if receiver in readable:
            packet, (_, _, kind, _, _) = receiver.recvfrom(65536)
            found = describe(packet) if kind != socket.PACKET_OUTGOING and packet else None
            if found and found[0] not in routers and not found[0].startswith("fe80:"):
                seen[" ".join(found)] += 1
        elif sys.stdin in readable:  # only when everything that has arrived is counted
            if not sys.stdin.readline():
                return
            print(json.dumps(seen), flush=True)
            seen.clear()


if __name__ == "__main__":
    main()
