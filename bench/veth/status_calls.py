# SPDX-License-Identifier: Apache-2.0
"""Asks culvertd for its status RATE times a second on one connection until its standard input has something, then
prints how often it did and in how many seconds. `show_status` and `show_buffers` take turns. It prints an empty line
when the first is answered: that an interpreter starts is nobody's status call.

    status_calls.py SOCKET RATE
"""

import json
import select
import socket
import sys
import time

COMMANDS = [json.dumps({"command": command}).encode() + b"\n" for command in ("show_status", "show_buffers")]


def main():
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(sys.argv[1])
    answers = connection.makefile("rb", buffering=1 << 20)
    interval = 1 / float(sys.argv[2])
    begin = time.monotonic()
    calls, longest = 0, 0.0
    while not select.select([sys.stdin], [], [], 0)[0]:
        asked = time.monotonic()
        connection.sendall(COMMANDS[calls % len(COMMANDS)])
        if not answers.readline().startswith(b'{"ok":true'):
            print(json.dumps({"error": "not answered"}))
            return 1
        if calls == 0:
            print(flush=True)
        longest = max(longest, time.monotonic() - asked)
        calls += 1
        time.sleep(max(0.0, begin + calls * interval - time.monotonic()))
    print(json.dumps({"calls": calls, "seconds": time.monotonic() - begin, "longest_ms": longest * 1e3}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
