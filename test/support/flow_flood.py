# SPDX-License-Identifier: Apache-2.0
"""Packets of random flows, each of another one: UDP and TCP SYNs, IPv4 and IPv6 in turn.

    flow_flood.py INTERFACE ROUTER_MAC COUNT PACKETS_PER_SECOND SEED [syn]     prints {"sent": N, "seconds": S}

With the last word all are SYNs.

From 198.19.128.0/17 and 2001:db8:f000::/64 to 198.19.0.0/17 and 2001:db8:e000::/64, any ports. They go out of a raw
socket, 64 with one system call, which takes Python's cost off the packets. Checksums stay
right: IPv4's identification, a word of UDP's data and one of TCP's sequence number take up what the rest adds.
"""

import ctypes
import json
import random
import socket
import struct
import sys
import time

BATCH = 64
LONGEST = 80
SOURCE6 = bytes.fromhex("20010db8f0000000") + bytes(8)
DESTINATION6 = bytes.fromhex("20010db8e0000000") + bytes(8)
TCP, UDP = 6, 17


class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Header(ctypes.Structure):
    """struct msghdr."""
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32), ("vector", ctypes.POINTER(IoVec)),
                ("vectors", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class Message(ctypes.Structure):
    """struct mmsghdr."""
    _fields_ = [("header", Header), ("sent", ctypes.c_uint)]


def checksum(data):
    words = sum(struct.unpack(f">{len(data) // 2}H", data))
    while words > 0xFFFF:
        words = (words & 0xFFFF) + (words >> 16)
    return ~words & 0xFFFF


def transports():
    """Protocol, header with data, where its checksum is, and where the word that keeps it right."""
    yield UDP, struct.pack(">HHHH", 0, 0, 26, 0) + bytes(18), 6, 8
    yield TCP, struct.pack(">HHIIBBHHH", 0, 0, 1 << 16, 0, 5 << 4, 2, 65535, 0, 0), 16, 6


def summed(protocol, transport, place, addresses):
    pseudo = addresses + struct.pack(">HH", len(transport), protocol)
    return transport[:place] + struct.pack(">H", checksum(pseudo + transport)) + transport[place + 2:]


def ipv4(protocol, transport, place):
    transport = summed(protocol, transport, place, struct.pack(">HHHH", 0xC613, 0, 0xC613, 0))
    head = struct.pack(">BBHHHBBHHHHH", 0x45, 0, 20 + len(transport), 0, 0, 64, protocol, 0, 0xC613, 0, 0xC613, 0)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + transport


def ipv6(protocol, transport, place):
    transport = summed(protocol, transport, place, SOURCE6 + DESTINATION6)
    return struct.pack(">IHBB", 0x60000000, len(transport), protocol, 64) + SOURCE6 + DESTINATION6 + transport


class Frames:
    """A batch in one buffer, and the headers that one call of sendmmsg takes."""

    def __init__(self, ethernet, only_syn):
        self.buffer = bytearray(BATCH * LONGEST)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.buffer))
        self.messages = (Message * BATCH)()
        self.vectors = (IoVec * BATCH)()
        self.places = []  # (is IPv6, where the IP header begins, where the word that keeps the checksum right)
        templates = [(kind, make(*transport[:3]), transport[3])
                     for transport in transports() if transport[0] == TCP or not only_syn
                     for kind, make in ((b"\x08\x00", ipv4), (b"\x86\xdd", ipv6))]
        for number in range(BATCH):
            kind, packet, word = templates[number % len(templates)]
            frame = ethernet + kind + packet
            at = number * LONGEST
            self.buffer[at:at + len(frame)] = frame
            self.vectors[number] = IoVec(base + at, len(frame))
            self.messages[number].header.vector = ctypes.pointer(self.vectors[number])
            self.messages[number].header.vectors = 1
            is_ipv6 = kind == b"\x86\xdd"
            self.places.append((is_ipv6, at + 14, at + 14 + (40 if is_ipv6 else 20) + word))

    def change(self, chance):
        """Another flow in each frame. IPv4's identification takes up what the addresses add to the checksum."""
        pack, buffer = struct.pack_into, self.buffer
        for is_ipv6, at, word in self.places:
            random_bits = chance.getrandbits(64)
            ports = random_bits & 0xFFFFFFFF
            source, destination = random_bits >> 32 & 0x7FFF | 0x8000, random_bits >> 48 & 0x7FFF
            added = source + destination
            # A multiple of 65535 adds nothing to a sum of ones' complements.
            pack(">H", buffer, word, -(added + (ports >> 16) + (ports & 0xFFFF)) % 0xFFFF)
            if is_ipv6:
                pack(">I", buffer, at + 20, source)
                pack(">II", buffer, at + 36, destination, ports)
                continue
            pack(">H", buffer, at + 4, 0xFFFF - (added & 0xFFFF) - (added >> 16))
            pack(">HHHI", buffer, at + 14, source, 0xC613, destination, ports)


def main():
    interface, router = sys.argv[1:3]
    count, rate, seed = map(int, sys.argv[3:6])
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind((interface, 0))
    frames = Frames(bytes.fromhex(router.replace(":", "")) + sender.getsockname()[4], sys.argv[6:] == ["syn"])
    sendmmsg = ctypes.CDLL(None, use_errno=True).sendmmsg
    chance, sent, begin = random.Random(seed), 0, time.monotonic()
    while sent < count:
        frames.change(chance)
        done = sendmmsg(sender.fileno(), ctypes.byref(frames.messages), min(BATCH, count - sent), 0)
        if done > 0:
            sent += done
        if (ahead := sent / rate - (time.monotonic() - begin)) > 0:
            time.sleep(ahead)
    print(json.dumps({"sent": sent, "seconds": round(time.monotonic() - begin, 1)}))


main()
