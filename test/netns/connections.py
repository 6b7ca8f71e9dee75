# SPDX-License-Identifier: Apache-2.0
"""TCP connections of real sockets that the client holds open to an echo server, and asks now and then.

    server = EchoServer(house)
    held = Connections(house, house.server4, 200)
    held.alive()          how many bring a byte there and back
    held.numbers(3)       what somebody has to know who wants to reset the one at place 3
    held.ending(3)        how it ended: "ECONNRESET", "EOF", or "open"
    server.next_reset()   the client's port of a connection that was reset, as the server saw it
"""

import json
import subprocess

# One request a line: [verb, place], or ["alive", seconds].
# The numbers are the kernel's own (TCP_REPAIR of tcp(7), by socket queue).
CLIENT = """
import errno, json, resource, socket, sys, time
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ, RECEIVE, SEND, OFF_WITHOUT_PROBE = 19, 20, 21, 1, 2, -1
address, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
held = [socket.create_connection((address, port), timeout=10) for _ in range(count)]

def alive(within):
    sent, deadline = [], time.monotonic() + within
    for s in held:
        try:
            s.sendall(b"x")
            sent.append(s)
        except OSError:
            pass
    count = 0
    for s in sent:
        s.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            count += s.recv(1) == b"x"
        except OSError:
            pass
    return count

def numbers(place):
    s = held[place]
    def of(queue):
        s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
        return s.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xffffffff
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    found = {"port": s.getsockname()[1], "client_expects": of(RECEIVE), "server_expects": of(SEND)}
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, OFF_WITHOUT_PROBE)
    return found

def ending(place):
    held[place].settimeout(0.5)
    try:
        return "open" if held[place].recv(1) else "EOF"
    except TimeoutError:
        return "open"
    except OSError as error:
        return errno.errorcode[error.errno]

print(len(held), flush=True)
for line in sys.stdin:
    verb, argument = json.loads(line)
    print(json.dumps({"alive": alive, "numbers": numbers, "ending": ending}[verb](argument)), flush=True)
"""

# Prints "ready", and later the port of each client whose connection was reset.
SERVER = """
import asyncio, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
async def echo(reader, writer):
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except ConnectionResetError:
        print(writer.get_extra_info("peername")[1], flush=True)
    writer.close()
async def main():
    server = await asyncio.start_server(echo, None, int(sys.argv[1]), backlog=1000)
    print("ready", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class EchoServer:
    """In the server's namespace, both families, until the house ends."""

    def __init__(self, house, port=80, role="server"):
        self.child = house.spawn(role, "python3", "-c", SERVER, str(port), stdout=subprocess.PIPE)
        assert self.child.stdout.readline() == "ready\n"

    def next_reset(self):
        """The client's port of the next connection that the server has seen a reset of; waits for it."""
        return int(self.child.stdout.readline())


class Connections:
    def __init__(self, house, address, count, port=80, role="client"):
        self.count = count
        self.child = house.spawn(role, "python3", "-c", CLIENT, address, str(port), str(count),
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.answer() == count

    def answer(self):
        line = self.child.stdout.readline()
        assert line, "the holder of the connections has ended"
        return json.loads(line)

    def ask(self, verb, argument):
        self.child.stdin.write(json.dumps([verb, argument]) + "\n")
        self.child.stdin.flush()
        return self.answer()

    def alive(self, within=20):
        """How many bring a byte there and back in so many seconds; less of them for those that cannot."""
        return self.ask("alive", within)

    def numbers(self, place=0):
        """{"port": the client's, "client_expects", "server_expects": sequence numbers}"""
        return self.ask("numbers", place)

    def ending(self, place=0):
        """How a connection on which nothing is expected has ended: "ECONNRESET", "EOF", or "open"."""
        return self.ask("ending", place)
