# SPDX-License-Identifier: Apache-2.0
"""Started, killed with -9 or stopped under traffic, again and again, and starts that fail: nothing is left behind."""

import os
import signal
import subprocess
import sys
import time

from house import House, by_tier, wait_until
from leftovers import bpf_objects, existing, in_the_kernel, mounts_of_our_own, only, processes
from watch import Probe

KILLS = int(os.environ.get("CULVERT_CYCLES", by_tier(5, 100, 100)))  # of each: fail: open, fail: closed
STOPS = max(2, KILLS // 5)
# The kernel takes XDP, sockets and the tun apart with RCU: 0.1 s, and several when others keep all CPUs busy.
PATIENCE_S = 30
LISTENER = """
import socket, time
listener = socket.create_server(("127.0.0.1", 9642))
print("ready", flush=True)
time.sleep(600)
"""


def one_life(house, signal_number):
    """Starts, forwards, ends; the BPF objects that this culvertd had."""
    house.start_culvert()
    wait_until(lambda: house.totals()["forwarded"] >= 20, 5, lambda: f"packets are forwarded\n{house.log()}")
    had = bpf_objects(house.daemon.pid)
    assert {kind for kind, _ in had} == {"prog", "map", "link"}, f"a running culvertd has these, not {had}"
    assert len(processes(house)) >= 2, "culvertd and its agent"
    house.daemon.send_signal(signal_number)
    status = house.daemon.wait(PATIENCE_S)
    assert status == (0 if signal_number == signal.SIGTERM else -signal_number), f"{status}\n{house.log()}"
    wait_until(lambda: not processes(house), PATIENCE_S, lambda: f"processes: {processes(house)}")
    return had


def lives(house, signal_number, count, may_stay):
    """Many lives under traffic. Only what `may_stay` names is there afterwards, and it does not become more."""
    house.server_probe = Probe(house, 20000)
    house.server_probe.send(house.server4, 20000, 500, 100_000)  # until it is stopped
    had, left_after = set(), []
    begin = time.monotonic()
    for _ in range(count):
        had |= one_life(house, signal_number)
        # What is pinned belongs to the last life only: as much as the first one had. The kernel frees with RCU, later.
        most = left_after[0] if left_after else len(had) if may_stay else 0
        wait_until(lambda most=most: len(existing(had)) <= most, PATIENCE_S, lambda: f"BPF objects: {existing(had)}")
        left_after.append(len(existing(had)))
        only(may_stay | {"sockets", "rules"}, in_the_kernel(house))
    took = time.monotonic() - begin
    print(f"{signal.Signals(signal_number).name}: {count} lives of {took / count:.2f} s, {len(had)} BPF objects came, "
          f"after each life {sorted(set(left_after))} were there")
    for child in house.children:
        house.stop(child, signal.SIGKILL)
    return had


def fail_open():
    with House(metrics="{}") as house:
        had = lives(house, signal.SIGKILL, KILLS, set())
        had |= lives(house, signal.SIGTERM, STOPS, set())
        only(set(), in_the_kernel(house))
        assert not existing(had)
        house.client("ping", "-c1", "-W2", house.server4)  # by the kernel


def fail_closed():
    with House(system="  fail: closed", metrics="{}") as house:
        had = lives(house, signal.SIGKILL, KILLS, {"xdp", "pins"})
        had |= lives(house, signal.SIGTERM, STOPS, {"xdp", "pins"})
        state = in_the_kernel(house)
        only({"xdp", "pins"}, state)  # what fail: closed means
        assert state["xdp"] and len(state["pins"]) == 2 and existing(had), state
        house.culvert("detach")
        only(set(), in_the_kernel(house))
        wait_until(lambda: not existing(had), PATIENCE_S, lambda: f"BPF objects after detach: {existing(had)}")


def failed_start(house, what, config, says):
    whole, house.config_text = house.config_text, config
    before = in_the_kernel(house)
    log = len(house.log())
    assert house.start_culvert(wait=False).wait(PATIENCE_S) != 0, f"{what}: it started"
    assert says in house.log()[log:], f"{what} does not say '{says}': {house.log()[log:]}"
    wait_until(lambda: in_the_kernel(house) == before, PATIENCE_S, lambda: f"{what} left: {in_the_kernel(house)}")
    house.config_text = whole


def failed_starts():
    with House(metrics="{}") as house:
        good = house.config_text
        failed_start(house, "an unknown key", good + "\nsurprise: 1\n", "surprise")
        failed_start(house, "too few frames", good.replace("  huge_pages", "  frames: 1024\n  huge_pages"), "frames")
        failed_start(house, "no folder for the socket", good.replace("/control.sock", "/culvert.yaml/control.sock"),
                     "control.sock")
        # With fail: closed what a failed start had attached would stay, and drop.
        closed = good.replace("  huge_pages", "  fail: closed\n  huge_pages")
        taken = house.spawn("router", sys.executable, "-c", LISTENER, stdout=subprocess.PIPE)
        assert taken.stdout.readline() == "ready\n"
        failed_start(house, "the metrics' port in use", closed, "serving metrics on 127.0.0.1 port 9642")
        house.stop(taken)
        house.client("ping", "-c1", "-W2", house.server4)  # by the kernel
        missing = good.replace("wan0: {}", "wan0: {}\n  wan7: {}")
        house.config_text = missing
        house.start_culvert(wait=False)
        wait_until(lambda: "wan7 cannot be opened: the interface does not exist" in house.log(), 10,
                   lambda: f"the log says that wan7 is missing\n{house.log()}")
        # The agent comes after the lanes, as the last one.
        wait_until(lambda: len(processes(house)) == 2 and in_the_kernel(house)["xdp"] == ["lan0", "wan0"], PATIENCE_S,
                   lambda: in_the_kernel(house))
        first = house.daemon
        failed_start(house, "a second culvertd", missing.replace("/control.sock", "/second.sock"), "busy")
        house.daemon = first
        house.ping(house.server4)
        assert any(row["interface"] == "wan7" and row["state"] == "gone"
                   for row in house.ask("show_interfaces")["interfaces"]), house.ask("show_interfaces")
        assert house.stop(first) == 0
        only(set(), in_the_kernel(house))


def main():
    mounts_of_our_own()
    failed_starts()
    fail_open()
    fail_closed()


main()
