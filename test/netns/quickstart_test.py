# SPDX-License-Identifier: Apache-2.0
"""tools/quickstart, as a newcomer runs it: traffic flows, status and buffers have live figures, nothing is left behind.

The quick start checks for itself that it cleans up; this looks from outside: whatever it starts inherits a mark in the
environment, so that no process of it can hide from the search, and has a folder of its own for temporary files. BPF
objects are known by the numbers of those that its culvertd had while it ran.
"""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from house import require_root, run, wait_until
from leftovers import bpf_objects, existing

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
        "temporary": {str(path) for path in pathlib.Path("/tmp").glob("*culvert*")},
    }


def run_it(temporary):
    """(exit status, what it printed, BPF objects that its culvertd has had)"""
    name, value = MARK.split("=")
    output, objects = pathlib.Path(temporary + ".log"), set()
    with open(output, "w", encoding="utf-8") as out:
        started = subprocess.Popen([str(TOP / "tools/quickstart")], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   env=os.environ | {name: value, "TMPDIR": temporary})
    try:
        begin = time.monotonic()
        while started.poll() is None:
            assert time.monotonic() - begin < 540, output.read_text(encoding="utf-8")
            for process in marked_processes():
                if "app/culvertd " in process:
                    with contextlib.suppress(OSError):
                        objects |= bpf_objects(process.split()[0])
            time.sleep(0.2)
    finally:
        if started.poll() is None:
            started.terminate()
            started.wait(30)
    return started.returncode, output.read_text(encoding="utf-8"), objects


def main():
    require_root()
    folder = tempfile.mkdtemp(prefix="quickstart-test-")
    try:
        before = left_to_see()
        temporary = f"{folder}/tmp"
        os.mkdir(temporary)
        status, text, objects = run_it(temporary)
        print(text)
        assert status == 0, f"it ended with {status}"
        judge_output(text)
        processes = marked_processes()
        assert not processes, f"still running: {processes}"
        assert {kind for kind, _ in objects} == {"prog", "map", "link"}, f"BPF objects of culvertd: {objects}"
        # The kernel takes them down a moment after their last user.
        wait_until(lambda: not existing(objects), 5, lambda: f"BPF objects are gone: {existing(objects)}")
        print(f"{len(objects)} BPF objects came and went")
        assert not os.listdir(temporary), f"left behind: {os.listdir(temporary)}"
        after = left_to_see()
        assert after == before, f"left behind: {[what for kind in after for what in after[kind] - before[kind]]}"
    finally:
        shutil.rmtree(folder)


def judge_output(text):
    assert text.count("checksum agrees") == 2
    assert len(re.findall(r"^\[ *\d+\].*receiver$", text, re.MULTILINE)) == 3, "three runs of iperf3"
    # From the right: Burst, Held, Handed off, Punted, Dropped, Forwarded.
    worker = re.search(r"^ +0 +\d+ +(?:running|sleeping) .*$", text, re.MULTILINE)
    assert worker and int(worker[0].split()[-6]) > 1000, "the status shows no forwarded packets"
    frames = re.search(r"^umem_frames +worker 0 +(\d+) +(\d+)", text, re.MULTILINE)
    assert frames and 0 < int(frames[2]) <= int(frames[1]), "the buffers show no frames in use"


main()
