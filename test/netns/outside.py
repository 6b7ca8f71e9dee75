# SPDX-License-Identifier: Apache-2.0
"""What a host outside sees of NAT: who sends to it, and whether an inside address is anywhere in a packet.

    outside = Outside(house)
    ...
    outside.take()     {"sources": {"198.18.1.1 tcp": 12}, "inside": []}

Whatever is sent outside is looked at, as it is on the wire: headers, what ICMP errors quote, and data.
"""

import collections
import json
import select
import socket
import subprocess
import sys

from arrivals import SO_RCVBUFFORCE, describe

MOST_SHOWN = 5


class Outside:
    def __init__(self, house):
        inside = (house.client4, house.client6)
        self.child = house.spawn("server", sys.executable, __file__, "eth0", *inside, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
        assert self.child.stdout.readline() == "ready\n"

    def take(self):
        """What has been seen since the last time."""
        self.child.stdin.write("take\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())


def bytes_of(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def main():
    interface, inside = sys.argv[1], [bytes_of(address) for address in sys.argv[2:]]
    receiver = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    receiver.bind((interface, 3))
    print("ready", flush=True)
    sources, leaks = collections.Counter(), []
    while True:
        readable = select.select([receiver, sys.stdin], [], [])[0]
        if receiver in readable:
            packet, (_, _, kind, _, _) = receiver.recvfrom(65536)
            if kind == socket.PACKET_OUTGOING or not packet:
                continue
            found = describe(packet)
            if found:
                sources[" ".join(found).split("/")[0]] += 1
            if any(address in packet for address in inside):
                leaks.append(packet[:120].hex())
        elif sys.stdin in readable:  # only when everything that has arrived is counted
            if not sys.stdin.readline():
                return
            print(json.dumps({"sources": sources, "inside": leaks[:MOST_SHOWN]}), flush=True)
            sources.clear()
            leaks.clear()


if __name__ == "__main__":
    main()
