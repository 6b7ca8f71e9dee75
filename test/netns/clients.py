# SPDX-License-Identifier: Apache-2.0
"""Small programs that a test runs in a namespace: they connect, send datagrams, answer, and tell how it ended."""

# Connects by TCP and tells how that ended: "open", or the error's name and after how many ms.
CONNECT = """
import errno, socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_STREAM) as s:
    s.settimeout(float(sys.argv[3]))
    begin = time.monotonic()
    try:
        s.connect((sys.argv[1], int(sys.argv[2])))
        print("open")
    except TimeoutError:
        print("timeout")
    except OSError as error:
        print(errno.errorcode[error.errno], round((time.monotonic() - begin) * 1000))
"""

# Sends one datagram from a connected socket and tells what comes of it: an answer, or an error by ICMP.
DATAGRAM = """
import errno, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as s:
    s.settimeout(2)
    s.connect((sys.argv[1], int(sys.argv[2])))
    s.send(b"x" * int(sys.argv[3]))
    try:
        print(len(s.recv(65536)))
    except TimeoutError:
        print("timeout")
    except OSError as error:
        print(errno.errorcode[error.errno])
"""

# Answers every datagram and accepts every connection, of both families, until it is ended.
SERVER = """
import selectors, socket
selector = selectors.DefaultSelector()
for family, kind, port in ((f, k, p) for f in (socket.AF_INET, socket.AF_INET6)
                           for k in (socket.SOCK_STREAM, socket.SOCK_DGRAM) for p in (80, 81)):
    s = socket.socket(family, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind(("", port))
    if kind == socket.SOCK_STREAM:
        s.listen(1000)
    selector.register(s, selectors.EVENT_READ, kind)
print("ready", flush=True)
while True:
    for key, _ in selector.select():
        if key.data == socket.SOCK_STREAM:
            key.fileobj.accept()[0].close()
        else:
            data, address = key.fileobj.recvfrom(65536)
            key.fileobj.sendto(data, address)
"""


def python(role, program, *arguments):
    """What the program printed; `role`: House.client, House.router or House.server."""
    return role("python3", "-c", program, *[str(argument) for argument in arguments]).stdout.strip()
