# SPDX-License-Identifier: Apache-2.0
"""What a culvertd has in the kernel, and what of it is still there when its process is not.

BPF objects are the whole machine's, and others may run culvertds beside us. So the numbers of ours are read from the
process while it lives (/proc/PID/fdinfo); the kernel does not use a number again soon.
"""

import ctypes
import errno
import json
import os
import pathlib
import re
import struct
import sys

from house import require_root, run

LIBC = ctypes.CDLL(None, use_errno=True)
BPF_SYSCALL = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
GET_BY_ID = {"prog": 13, "map": 14, "link": 30}


def mounts_of_our_own():
    """Pins live in a BPF file system that only this test sees, so it ends with the test however that ends."""
    require_root()
    if "CULVERT_OWN_MOUNTS" not in os.environ:
        os.environ["CULVERT_OWN_MOUNTS"] = "yes"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    pathlib.Path("/run/culvert/bpf").mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "bpf", "bpf", "/run/culvert/bpf")


def bpf_objects(pid):
    """{(kind, id)} of every program, map and link that a process holds."""
    found = set()
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        try:
            text = path.read_text(encoding="ascii")
        except OSError:
            continue
        matches = re.findall(r"^(prog|map|link)_id:\s*(\d+)", text, re.MULTILINE)
        found |= {(kind, int(number)) for kind, number in matches}
    return found


def existing(objects):
    """Those of `objects` that the kernel still has: it opens them by their number (bpf(2), BPF_PROG_GET_FD_BY_ID)."""
    there = set()
    for kind, number in objects:
        request = ctypes.create_string_buffer(struct.pack("=I", number), 128)
        descriptor = LIBC.syscall(BPF_SYSCALL, GET_BY_ID[kind], request, 128)
        if descriptor >= 0:
            os.close(descriptor)
            there.add((kind, number))
        elif ctypes.get_errno() != errno.ENOENT:
            raise OSError(ctypes.get_errno(), f"asking for BPF {kind} {number}")
    return there


def processes(house):
    """Every process in the router's namespace: culvertd, its agent, anything else."""
    return [int(pid) for pid in run("ip", "netns", "pids", house.names["router"]).stdout.split()]


def in_the_kernel(house):
    """What a running culvertd adds to the router's namespace and to the machine, by kind; empty lists without one."""
    links = json.loads(house.router("ip", "-j", "-d", "link").stdout)
    rules = house.router("ip", "rule").stdout + house.router("ip", "-6", "rule").stdout
    mounts = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    pins = pathlib.Path("/run/culvert/bpf/culvert")
    return {
        "processes": processes(house),
        "xdp": [link["ifname"] for link in links if "xdp" in link],
        "tun": [link["ifname"] for link in links if link["ifname"].startswith("culvert")],
        "rules": [line for line in rules.splitlines() if "culvert" in line or "proto 199" in line],
        "sockets": [str(house.control_path)] if house.control_path.exists() else [],
        "namespaces": [name for name in run("ip", "netns", "list").stdout.split() if house.id in name
                       and name not in house.names.values()],
        "mounts": [line for line in mounts.splitlines() if str(house.work) in line],
        "pins": sorted(str(path) for path in pins.iterdir()) if pins.exists() else [],
    }


def only(kinds, state):
    """Nothing of `state` (of in_the_kernel) but what is of these kinds."""
    more = {kind: what for kind, what in state.items() if what and kind not in kinds}
    assert not more, f"left behind: {more}"
