# SPDX-License-Identifier: Apache-2.0
"""Broken packets: valid ones of every protocol that packet/ parses, each changed a little, from a seed.

    mutated_packets.py INTERFACE ROUTER_MAC COUNT SEED PACKETS_PER_SECOND     prints {"sent": N, "refused": N}

They go out of a raw socket. A tenth stays as it is, so that forwarding goes on between the broken ones. "refused" did
not reach the interface (too long, or its queue was full).
"""

import ipaddress
import json
import random
import socket
import struct
import sys
import time

CLIENT4, SERVER4 = ipaddress.ip_address("198.18.0.2").packed, ipaddress.ip_address("198.18.1.2").packed
CLIENT6, SERVER6 = ipaddress.ip_address("2001:db8::2").packed, ipaddress.ip_address("2001:db8:1::2").packed
TCP, UDP, ICMP, ICMPV6, SCTP, GRE, FRAGMENT = 6, 17, 1, 58, 132, 47, 44
LONGEST = 1514
# Values that lengths, offsets and types break at.
ODD_BYTES = (0, 1, 4, 5, 0x0F, 0x40, 0x45, 0x46, 0x4F, 0x60, 0x7F, 0x80, 0xFE, 0xFF, TCP, UDP, ICMPV6, GRE, FRAGMENT)


def checksum(data):
    words = sum(struct.unpack(f">{len(data) // 2}H", data)) if len(data) % 2 == 0 else checksum_sum(data + b"\0")
    while words > 0xFFFF:
        words = (words & 0xFFFF) + (words >> 16)
    return ~words & 0xFFFF


def checksum_sum(data):
    return sum(struct.unpack(f">{len(data) // 2}H", data))


def ipv4(protocol, payload, options=b"", fragment=0):
    words = 5 + len(options) // 4
    length = 4 * words + len(payload)
    head = struct.pack(">BBHHHBBH", 0x40 | words, 0, length, 7, fragment, 64, protocol, 0) + CLIENT4 + SERVER4 + options
    return 0x0800, head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ipv6(next_header, payload):
    return 0x86DD, struct.pack(">IHBB16s16s", 0x60000000, len(payload), next_header, 64, CLIENT6, SERVER6) + payload


def tcp(data=b"x" * 32, options=b"\2\4\5\xb4"):
    return struct.pack(">HHIIBBHHH", 1024, 80, 1, 1, (5 + len(options) // 4) << 4, 0x18, 65535, 0, 0) + options + data


def udp(data=b"x" * 32):
    return struct.pack(">HHHH", 1024, 20009, 8 + len(data), 0x1234) + data


def icmp(kind, rest=b"x" * 32):
    return struct.pack(">BBHI", kind, 0, 0x1234, 1) + rest


def extension(next_header, data=bytes(6)):
    return struct.pack(">BB", next_header, (len(data) + 2) // 8 - 1) + data


def templates():
    sctp = struct.pack(">HHII", 1024, 80, 1, 0) + b"x" * 32
    inner4, inner6 = ipv4(UDP, udp())[1], ipv6(UDP, udp())[1]
    fragment6 = struct.pack(">BBHI", UDP, 0, 1, 77)
    packets = [ipv4(TCP, tcp()), ipv4(UDP, udp()), ipv4(UDP, udp(b"x" * 1400)), ipv4(ICMP, icmp(8)),
               ipv4(ICMP, icmp(3, inner4)), ipv4(SCTP, sctp), ipv4(GRE, b"\0\0\x08\0" + inner4),
               ipv4(GRE, b"\xb0\0\x86\xdd" + bytes(12) + inner6), ipv4(UDP, udp(), b"\x94\4\0\0\1\1\1\0"),
               ipv4(UDP, udp(), b"\x83\7\4" + SERVER4 + b"\0"), ipv4(TCP, tcp(b"")), ipv4(UDP, udp(), b"", 0x2000),
               ipv4(UDP, b"x" * 64, b"", 3), ipv4(99, b"x" * 40),
               ipv6(TCP, tcp()), ipv6(UDP, udp()), ipv6(ICMPV6, icmp(128)), ipv6(ICMPV6, icmp(1, inner6)),
               ipv6(ICMPV6, icmp(135, SERVER6)), ipv6(SCTP, sctp), ipv6(GRE, b"\0\0\x08\0" + inner4),
               ipv6(0, extension(60) + extension(UDP) + udp()), ipv6(43, extension(TCP, bytes(22)) + tcp()),
               ipv6(FRAGMENT, fragment6 + udp(b"x" * 48)), ipv6(51, extension(UDP, bytes(14)) + udp()),
               ipv6(0, extension(FRAGMENT) + fragment6 + udp(b"x" * 48)), ipv6(59, b"")]
    return packets


def frames(router, client):
    """Untagged three times, with one tag and with two once: XDP leaves tags to the kernel, but those of VLAN 0."""
    mac = router + client
    for kind, packet in templates():
        plain = mac + struct.pack(">H", kind) + packet
        yield from (plain, plain, plain, plain)
        yield mac + struct.pack(">HHH", 0x8100, 0, kind) + packet
        yield mac + struct.pack(">HHH", 0x8100, 7, kind) + packet
        yield mac + struct.pack(">HHHHH", 0x88A8, 0, 0x8100, 0, kind) + packet


def repair_ipv4(frame):
    """A right header checksum again, so that what is behind it is looked at."""
    if frame[12:14] == b"\x08\0" and len(frame) >= 34:
        end = 14 + 4 * (frame[14] & 15)
        if 34 <= end <= len(frame):
            frame[24:26] = b"\0\0"
            frame[24:26] = struct.pack(">H", checksum(bytes(frame[14:end])))


def mutate(frame, chance):
    frame = bytearray(frame)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        kind = chance.randrange(7)
        # Mostly in the headers; seldom in the Ethernet addresses.
        at = min(chance.randrange(0 if chance.random() < 0.05 else 12, 90), len(frame) - 1)
        if kind == 0:
            frame[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            frame[at] = chance.choice(ODD_BYTES)
        elif kind == 2:
            frame[at:at + 2] = chance.randrange(65536).to_bytes(2, "big")
        elif kind == 3:
            del frame[max(14, chance.randrange(14, len(frame) + 1)):]
        elif kind == 4:
            frame += chance.randbytes(chance.randrange(1, 60))
        elif kind == 5:
            frame[at:at] = chance.randbytes(chance.choice((1, 2, 4, 8)))
        else:
            del frame[at:at + chance.choice((1, 2, 4, 8))]
        frame = frame.ljust(14, b"\0")
    if chance.random() < 0.7:
        repair_ipv4(frame)
    return bytes(frame[:LONGEST])


def main():
    interface, router = sys.argv[1:3]
    count, seed, rate = map(int, sys.argv[3:6])
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind((interface, 0))
    chance = random.Random(seed)
    good = list(frames(bytes.fromhex(router.replace(":", "")), sender.getsockname()[4]))
    sent, refused, begin = 0, 0, time.monotonic()
    for number in range(count):
        frame = chance.choice(good)
        if chance.random() > 0.1:
            frame = mutate(frame, chance)
        try:
            sender.send(frame)
            sent += 1
        except OSError:
            refused += 1
        if number % 32 == 0 and (ahead := number / rate - (time.monotonic() - begin)) > 0:
            time.sleep(ahead)
    print(json.dumps({"sent": sent, "refused": refused}))


main()
