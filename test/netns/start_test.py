# SPDX-License-Identifier: Apache-2.0
"""What must not keep culvertd from starting, nor end it: pins of another configuration, files of sessions that are none
or another version's, signals, a log nobody reads."""

import os
import pathlib
import signal
import subprocess
import time

from house import House, run, wait_until
from leftovers import mounts_of_our_own

THIRD4 = "198.18.2.1"
ZONES = """
zones: {inside: {}, outside: {}}
policy:
  rules:
    - {name: out, from: inside, to: outside, action: permit}
sessions: {max: 4096}
"""
# Of the file of sessions: which byte is changed, and what is said then.
HEADER_BYTES = (
    (None, ""),
    (0, "the file is not one of sessions"),
    (8, "the file was written by a version with another layout"),
    (36, "the file is from before this machine started"),
    (64, "the making of the file was interrupted"),
)


def third_interface(house):
    """spare0 of the router and eth1 of the client; what is sent to the router's address is Culvert's (claimed)."""
    router, client = house.names["router"], house.names["client"]
    run("ip", "link", "add", "spare0", "netns", router, "type", "veth", "peer", "name", "eth1", "netns", client)
    run("ip", "-n", router, "addr", "add", f"{THIRD4}/24", "dev", "spare0")
    run("ip", "-n", client, "addr", "add", "198.18.2.2/24", "dev", "eth1")
    run("ip", "-n", router, "link", "set", "spare0", "up")
    run("ip", "-n", client, "link", "set", "eth1", "up")


def answers(house, address):
    return house.client("ping", "-c1", "-W1", address, check=False).returncode == 0


def interface_taken_out(fail_mode_then):
    """fail: closed left it dropping; a start without it gives it back to the kernel and says so."""
    spare = "  spare0: {}\n"
    with House(system="  fail: closed\n  claim_local_addresses: true",
               interfaces="  lan0: {}\n  wan0: {}\n" + spare) as house:
        third_interface(house)
        house.start_culvert()
        wait_until(lambda: answers(house, THIRD4), 10, "the router answers on the third interface")
        house.daemon.send_signal(signal.SIGKILL)
        house.daemon.wait()
        time.sleep(0.7)
        assert not answers(house, THIRD4), "fail: closed lets packets through after a kill"
        house.config_text = house.config_text.replace(spare, "").replace("fail: closed", f"fail: {fail_mode_then}")
        house.start_culvert()
        wait_until(lambda: answers(house, THIRD4), 10, lambda: f"the kernel answers again\n{house.log()}")
        assert "spare0: detached (" in house.log(), house.log()
        assert "spare0: detached (" in house.culvert("show", "events").stdout
        assert "lan0: detached" not in house.log(), house.log()
        house.ping(house.server4)
        assert house.stop(house.daemon) == 0, house.log()
        print(next(line for line in house.log().splitlines() if "spare0: detached" in line))
        if fail_mode_then == "closed":
            assert not answers(house, "198.18.0.1"), "lan0 is no longer closed"
            print(house.culvert("detach").stdout.strip())


def has_open(pid, path):
    """Whether that process has the file open; False while it is still `ip netns exec`."""
    try:
        return any(os.readlink(entry) == path for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def reload_during_start():
    with House() as house:
        daemon = house.start_culvert(wait=False)
        while daemon.poll() is None and not has_open(daemon.pid, "/dev/net/tun"):
            pass
        daemon.send_signal(signal.SIGHUP)
        wait_until(house.ready, 30, lambda: f"culvertd answers and its lanes are up\n{house.log()}")
        wait_until(lambda: "configuration generation 2 runs" in house.log(), 5,
                   lambda: f"the reload comes after the start\n{house.log()}")
        assert house.stop(house.daemon) == 0, house.log()


def log_that_nobody_reads(log):
    """Its lines are lost, and nothing else."""
    with House() as house:
        path = house.work / "culvert.yaml"
        path.write_text(house.config_text)
        house.daemon = subprocess.Popen(
            ["ip", "netns", "exec", house.names["router"], str(house.build / "app/culvertd"), "--config", str(path)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        os.close(log)
        wait_until(house.ready, 30, "culvertd answers and its lanes are up")
        house.router("ip", "link", "set", "lan0", "mtu", "2000")  # which fits no frame, and is logged
        wait_until(lambda: "lan0 cannot be opened" in house.culvert("show", "events").stdout, 5, "the event is told")
        house.router("ip", "link", "set", "lan0", "mtu", "1500")
        house.ping(house.server4)
        assert house.stop(house.daemon) == 0


def log_of_a_reader_that_went():
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def other_files_of_sessions():
    """The file's header decides (sessions/session_file.cc): what is not ours is said, and a new file begun."""
    with House(system="  fail: closed", interfaces="  lan0: {zone: inside}\n  wan0: {zone: outside}",
               config=ZONES, memory=True) as house:
        house.start_culvert()
        path = house.work / "sessions.0"
        for changed_byte, why in HEADER_BYTES:
            house.ping(house.server4)
            assert house.sessions() > 0
            assert house.stop(house.daemon) == 0, house.log()
            if changed_byte is not None:
                with open(path, "r+b") as file:
                    file.seek(changed_byte)
                    byte = file.read(1)
                    file.seek(changed_byte)
                    file.write(bytes([byte[0] ^ 0xFF]))
            logged = len(house.log())
            house.start_culvert()
            log = house.log()[logged:]
            if changed_byte is None:
                assert "sessions of an earlier run go on" in log and house.sessions() > 0, log
                continue
            assert f"sessions begin anew: {why}" in log and "go on" not in log, f"byte {changed_byte}: {log}"
            assert house.sessions() == 0, f"byte {changed_byte}: {house.sessions()} sessions"
            print(next(line for line in log.splitlines() if why in line))
        house.ping(house.server4)
        assert house.stop(house.daemon) == 0, house.log()


def main():
    mounts_of_our_own()
    other_files_of_sessions()
    interface_taken_out("closed")
    interface_taken_out("open")
    reload_during_start()
    log_that_nobody_reads(log_of_a_reader_that_went())
    log_that_nobody_reads(os.open("/dev/full", os.O_WRONLY))


main()
