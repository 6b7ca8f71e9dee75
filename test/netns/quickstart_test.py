# SPDX-License-Identifier: Apache-2.0
"""tools/quickstart, as a newcomer runs it: traffic flows, status and buffers have live figures, nothing is left behind.

The quick start checks for itself that it cleans up; this looks from outside: whatever it starts inherits a mark in the
environment, so that no process of it can hide from the search.
"""

import os
import pathlib
import re
import subprocess

from house import require_root, run

TOP = pathlib.Path(__file__).resolve().parents[2]
MARK = f"CULVERT_QUICKSTART_TEST={os.getpid()}"


def marked_processes():
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        if MARK.encode() in environment.split(b"\0"):
            found.append(f"{process.name} {command}")
    return found


def left_to_see():
    """What anybody would notice: namespaces, links, pins, folders in /tmp."""
    pins = pathlib.Path("/run/culvert")
    return {
        "namespaces": set(run("ip", "netns", "list").stdout.split()),
        "links": set(re.findall(r"^\d+: ([^:@]+)", run("ip", "-o", "link").stdout, re.MULTILINE)),
        "state": {str(path) for path in pins.rglob("*")} if pins.exists() else set(),
    }


def main():
    require_root()
    before = left_to_see()
    name, value = MARK.split("=")
    started = subprocess.run([str(TOP / "tools/quickstart")], env=os.environ | {name: value}, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=540, check=False)
    print(started.stdout)
    assert started.returncode == 0, f"it ended with {started.returncode}"
    assert started.stdout.count("checksum agrees") == 2
    assert len(re.findall(r"^\[ *\d+\].*receiver$", started.stdout, re.MULTILINE)) == 3, "three runs of iperf3"
    # From the right: Burst, Held, Handed off, Punted, Dropped, Forwarded.
    worker = re.search(r"^ +0 +\d+ +(?:running|sleeping) .*$", started.stdout, re.MULTILINE)
    assert worker and int(worker[0].split()[-6]) > 1000, "the status shows no forwarded packets"
    frames = re.search(r"^umem_frames +worker 0 +(\d+) +(\d+)", started.stdout, re.MULTILINE)
    assert frames and 0 < int(frames[2]) <= int(frames[1]), "the buffers show no frames in use"
    processes = marked_processes()
    assert not processes, f"still running: {processes}"
    after = left_to_see()
    assert after == before, f"left behind: {[what for kind in after for what in after[kind] - before[kind]]}"


main()
