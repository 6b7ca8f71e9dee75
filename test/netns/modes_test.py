# SPDX-License-Identifier: Apache-2.0
"""The ladder of modes: what was got and why, and plain answers where a lane is not possible."""

import os

from house import House, wait_until


def lanes(house):
    return house.ask("show_status")["lanes"]


def doctor(house):
    return house.culvert("doctor", check=False).stdout


def forwards(house):
    before = house.totals()["forwarded"]
    house.ping(house.server4, count=20, interval=0.02)
    house.ping(house.server6, count=20, interval=0.02)
    wait_until(lambda: house.totals()["forwarded"] - before >= 80, 2, "pings went through the workers")
    house.assert_conservation()


def generic():
    """Asked for by name: works, and nothing is said to be missing."""
    with House(interfaces="  lan0: {mode: generic}\n  wan0: {mode: generic}") as house:
        house.start_culvert()
        assert {lane["mode_got"] for lane in lanes(house)} == {"generic"}, lanes(house)
        assert "xdpgeneric" in house.router("ip", "link", "show", "lan0").stdout
        for role in ("client", "server"):  # merged packets do not fit a frame
            getattr(house, role)("ethtool", "-K", "eth0", "tso", "off", "gso", "off")
        forwards(house)
        file = house.work / "file"
        file.write_bytes(os.urandom(3_000_000))
        house.spawn("server", "python3", "-m", "http.server", "8000", "--directory", str(house.work))
        wait_until(lambda: ":8000" in house.server("ss", "-ltn").stdout, 5, "the web server listens")
        got = house.client("curl", "-s", "--max-time", "20", "-o", f"{file}.got", f"http://{house.server4}:8000/file")
        assert file.read_bytes() == (house.work / "file.got").read_bytes(), got.stdout
        print(f"generic: {house.assert_conservation()}")


def native_says_why_not_better():
    with House() as house:
        house.start_culvert()
        for lane in lanes(house):
            assert lane["mode_asked"] == "auto" and lane["mode_got"] == "native/copy", lane
            assert "zero-copy not supported" in lane["why_not_better"], lane
        assert "native/copy" in house.culvert("show", "interfaces").stdout
        assert "zero-copy not supported" in house.culvert("show", "system", "userspace", "status").stdout


def ladder_to_generic():
    """veth refuses native XDP with fewer receive queues than its peer has transmit queues."""
    with House(queues=2) as house:
        house.router("ethtool", "-L", "lan0", "rx", "1")
        house.start_culvert()
        by_name = {lane["interface"]: lane for lane in lanes(house)}
        assert by_name["lan0"]["mode_got"] == "generic" and by_name["wan0"]["mode_got"] == "native/copy", by_name
        why = by_name["lan0"]["why_not_better"]
        print(f"lan0: generic, because: {why}")
        assert "queue" in why and "ethtool -L lan0" in why, why
        assert why in house.culvert("show", "system", "userspace", "status").stdout
        assert "generic" in house.culvert("show", "interfaces").stdout
        assert "queues" in doctor(house), doctor(house)
        forwards(house)


def answered(interfaces, prepare, says, doctor_says, system=""):
    """A wish that lan0 cannot fulfil: culvertd runs on, and the log, the events and the doctor say what to type."""
    with House(interfaces=interfaces, system=system) as house:
        prepare(house)
        house.start_culvert(wait=False)
        wait_until(lambda: says in house.log() and house.control_path.exists(), 10,
                   lambda: f"the log says {says!r}\n{house.log()}")
        print(next(line for line in house.log().splitlines() if says in line))
        assert house.daemon.poll() is None
        events = house.culvert("show", "events").stdout
        assert says in events, events
        assert doctor_says in doctor(house), doctor(house)
        for row in house.ask("show_buffers")["detail"]:
            assert row["max"] is not None or row["unknown"], f"not known, and no reason: {row}"
        if "cannot be opened" in house.log():
            assert [lane["state"] for lane in lanes(house)] == ["gone", "up"], lanes(house)
            house.router("ip", "link", "set", "lan0", "mtu", "1500")
        wait_until(lambda: [lane["state"] for lane in lanes(house)] == ["up", "up"], 5, lambda: lanes(house))
        forwards(house)


def main():
    generic()
    native_says_why_not_better()
    ladder_to_generic()
    answered("  lan0: {queues: 4}\n  wan0: {}", lambda house: None,
             "4 queues are configured and it has 1; type: ethtool -L lan0", "")
    answered("  lan0: {mode: zero-copy}\n  wan0: {}", lambda house: None,
             "lan0 queue 0: zero-copy not supported by this driver; using copy", "zero-copy not supported")
    answered("  lan0: {}\n  wan0: {}", lambda house: house.router("ip", "link", "set", "lan0", "mtu", "3000"),
             "lan0 has MTU 3000, but a frame of 2048 bytes holds an MTU of 1770 at most (set system.frame_size: 4096",
             "lan0 is not open: lan0 has MTU 3000")
    large_frames()


def large_frames():
    """What the answer about the MTU says to type helps."""
    with House(system="  frame_size: 4096") as house:
        for role, name in (("client", "eth0"), ("router", "lan0"), ("router", "wan0"), ("server", "eth0")):
            getattr(house, role)("ip", "link", "set", name, "mtu", "3000")
        house.start_culvert()
        forwards(house)
        before = house.totals()["forwarded"]
        house.client("ping", "-c5", "-i", "0.1", "-W2", "-M", "do", "-s", "2972", house.server4)
        assert house.totals()["forwarded"] - before >= 10


main()
