# SPDX-License-Identifier: Apache-2.0
"""Packets made by hand, and sent to the router as they are: whatever source, whatever nonsense.

    send(house, "server", [ipv4(a, b, TCP, tcp(a, b, 80, 1024, "R", sequence=7))])

Addresses are texts. They leave a raw socket of the role's namespace, so nothing of its kernel looks at them.
"""

import ipaddress
import json
import socket
import struct
import sys
import time

ICMP, TCP, UDP, FRAGMENT, ICMPV6 = 1, 6, 17, 44, 58
FLAGS = "FSRPAUEC"  # bits 0 to 7 of the TCP header's
LAN = {"client": "lan0", "server": "wan0"}


def packed(address):
    return ipaddress.ip_address(address).packed


def checksum(data):
    data += bytes(len(data) % 2)
    words = sum(struct.unpack(f">{len(data) // 2}H", data))
    while words > 0xFFFF:
        words = (words & 0xFFFF) + (words >> 16)
    return ~words & 0xFFFF


def transport_checksum(source, destination, protocol, segment):
    """The pseudo headers of both families have the same sum, but for their addresses (RFC 9293 3.1, RFC 8200 8.1)."""
    return checksum(packed(source) + packed(destination) + struct.pack(">II", len(segment), protocol) + segment)


# Of the transport.

def tcp(source, destination, source_port, destination_port, flags, sequence=0, acknowledgment=0, data=b"", options=b""):
    """`flags`: letters of FLAGS; no window, but a right checksum."""
    bits = sum(1 << FLAGS.index(flag) for flag in flags)
    words = 5 + len(options) // 4
    segment = struct.pack(">HHIIBBHHH", source_port, destination_port, sequence & 0xFFFFFFFF,
                          acknowledgment & 0xFFFFFFFF, words << 4, bits, 0, 0, 0) + options + data
    return segment[:16] + struct.pack(">H", transport_checksum(source, destination, TCP, segment)) + segment[18:]


def udp(source, destination, source_port, destination_port, data):
    datagram = struct.pack(">HHHH", source_port, destination_port, 8 + len(data), 0) + data
    return datagram[:6] + struct.pack(">H", transport_checksum(source, destination, UDP, datagram)) + datagram[8:]


def icmp(source, destination, kind, code, rest, data=b""):
    """Of the family that the addresses have; `rest` are the header's last four bytes."""
    message = struct.pack(">BBHI", kind, code, 0, rest) + data
    if ":" in source:
        right = transport_checksum(source, destination, ICMPV6, message)
    else:
        right = checksum(message)
    return message[:2] + struct.pack(">H", right) + message[4:]


def echo_request(source, destination, data, identifier=7):
    return icmp(source, destination, 128 if ":" in source else 8, 0, identifier << 16 | 1, data)


def unreachable(source, destination, quote):
    """A whole packet: the host that `quote` (the beginning of a packet) was for can't be reached."""
    if ":" in source:
        return ipv6(source, destination, ICMPV6, icmp(source, destination, 1, 3, 0, quote))
    return ipv4(source, destination, ICMP, icmp(source, destination, 3, 1, 0, quote))


# Of IP. A fragment is (offset in bytes, more to come).

def ipv4(source, destination, protocol, payload, fragment=(0, False), identification=7):
    place = fragment[0] // 8 | (0x2000 if fragment[1] else 0)
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), identification, place, 64, protocol, 0)
    head += packed(source) + packed(destination)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ipv6(source, destination, protocol, payload, fragment=(0, False), identification=7):
    if fragment != (0, False):
        payload = struct.pack(">BBHI", protocol, 0, fragment[0] | fragment[1], identification) + payload
        protocol = FRAGMENT
    return struct.pack(">IHBB", 0x60000000, len(payload), protocol, 64) + packed(source) + packed(destination) + payload


def ip(source, destination, protocol, payload, **more):
    """Of the family that the addresses have."""
    return (ipv6 if ":" in source else ipv4)(source, destination, protocol, payload, **more)


# The sender.

def send(house, role, packets, per_second=5000):
    """To the router, from the role's eth0."""
    path = house.work / "crafted"
    path.write_text("".join(packet.hex() + "\n" for packet in packets), encoding="ascii")
    link = json.loads(house.router("ip", "-j", "link", "show", LAN[role]).stdout)[0]
    getattr(house, role)(sys.executable, __file__, "eth0", link["address"], str(path), str(per_second))


def main():
    interface, router, path, per_second = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", "")), *sys.argv[3:5]
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind((interface, 0))
    kinds = {4: b"\x08\x00", 6: b"\x86\xdd"}
    begin = time.monotonic()
    with open(path, encoding="ascii") as lines:
        for number, line in enumerate(lines):
            packet = bytes.fromhex(line)
            sender.send(router + sender.getsockname()[4] + kinds[packet[0] >> 4] + packet)
            time.sleep(max(0, begin + number / float(per_second) - time.monotonic()))


if __name__ == "__main__":
    main()
