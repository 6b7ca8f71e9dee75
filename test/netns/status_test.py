# SPDX-License-Identifier: Apache-2.0
"""What culvertd tells of itself while it happens: events of links, of the start and the end; peaks that begin anew."""

import json
import signal
import subprocess
import sys

from house import House, wait_until
from watch import Control

LINKS = ["interface_up", "interface_down", "interface_gone"]
# Each is made to hold more than it holds afterwards.
RAISED = {"ipv4_routes", "ipv6_routes", "ipv4_lpm_groups", "ipv6_lpm_groups", "next_hops", "multipath_groups",
          "neighbors", "managed_neighbors", "published_status", "control_connections", "agent_connections"}
# Of these what is used changes while it is looked at: the look itself, and texts of other lengths.
MOVING = {"published_status", "control_connections"}
HTTP = """
import socket
open_ones = [socket.create_connection(("127.0.0.1", 9642)) for _ in range(5)]
for one in open_ones:
    one.sendall(b"GET /healthz HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    assert one.recv(100)
"""


def start(house):
    house.start_culvert()
    told = house.ask("show_events")["events"]
    kinds = [event["kind"] for event in told]
    texts = [event["text"] for event in told if event["kind"] == "kernel_tables"]
    assert any("in step with the kernel" in text for text in texts), told
    assert kinds.count("started") == 1 and kinds.count("interface_up") == 2 and "error" not in kinds, told
    last = max(at for at, kind in enumerate(kinds) if kind in ("kernel_tables", "interface_up", "lane_opened"))
    assert kinds.index("started") > last, f"started before the routes are read and the lanes are open: {kinds}"


def links(house):
    """Each change is heard by who watches for it, in order."""
    watch = Control(house.control_path)
    watch.ask("watch", what="events", kinds=LINKS)

    def hears(kind, name="wan0"):
        event = json.loads(watch.stream.readline())["event"]
        assert event["kind"] == kind and event["text"].startswith(name + " "), event

    house.router("ip", "link", "set", "wan0", "down")
    hears("interface_down")
    house.router("ip", "link", "set", "wan0", "up")
    hears("interface_up")
    house.server("ip", "link", "set", "eth0", "down")  # the carrier goes
    hears("interface_down")
    house.server("ip", "link", "set", "eth0", "up")
    hears("interface_up")
    house.router("ip", "link", "del", "wan0")
    hears("interface_down")  # the kernel sets it down before it deletes it
    hears("interface_gone")
    house.join("server", "wan0", 1)
    hears("interface_down")  # made, and not up yet
    hears("interface_up")
    watch.close()
    wait_until(house.ready, 10, lambda: f"wan0 is open again\n{house.log()}")


def rows(house):
    return {(row["resource"], row["scope"]): row for row in house.ask("show_buffers")["detail"]
            if row["peak"] is not None}


def above(house):
    return {resource for (resource, _), row in rows(house).items() if row["peak"] > row["used"]}


def batch(house, lines):
    subprocess.run(["ip", "-n", house.names["router"], "-batch", "-"], input="\n".join(lines), text=True, check=True,
                   timeout=60)


def peaks(house):
    house.router(sys.executable, "-c", HTTP)
    others = [Control(house.control_path) for _ in range(5)]
    for one in others:
        one.ask("version")
    routes = [f"198.19.{i}.{4 * i}/30 via 198.18.1.2" for i in range(50)]
    routes += [f"2001:db8:100:{i}::/64 via 2001:db8:1::2" for i in range(50)]
    routes += ["198.19.200.0/24 nexthop via 198.18.0.2 nexthop via 198.18.1.2"]
    batch(house, [f"route add {route}" for route in routes])
    batch(house, [f"neigh add 198.18.1.{i} lladdr 02:00:00:00:00:{i:02x} dev wan0" for i in range(100, 150)])
    # It is published once a second.
    wait_until(lambda: rows(house)[("ipv4_routes", "culvertd")]["used"] > 50, 5, "routes are mirrored")
    published = ("published_status", "culvertd")
    wait_until(lambda: rows(house)[published]["used"] > 0, 5, "a status is published")
    batch(house, [f"route del {route}" for route in routes])
    for one in others:
        one.close()
    house.router("ip", "link", "del", "wan0")
    wait_until(lambda: above(house) >= RAISED, 10, lambda: f"{RAISED - above(house)} did not go down: {rows(house)}")
    before = rows(house)
    house.culvert("clear", "system", "buffers", "peak")
    after = rows(house)
    for key, row in after.items():
        if key[0] in MOVING:
            assert row["peak"] < before[key]["peak"], f"{key}: {before[key]} -> {row}"
        elif key[0] in RAISED or key[1] == "culvertd":
            assert row["peak"] == row["used"], f"{key}: {before[key]} -> {row}"
        else:
            assert row["peak"] <= before[key]["peak"], f"{key}: {before[key]} -> {row}"
    bounds = {row["resource"]: row["max"] for row in house.ask("show_buffers")["detail"]}
    for name in ("interfaces", "neighbor_requests", "handoff_frames", "handoff_ring"):
        assert bounds.get(name), f"{name} has no row with a bound: {bounds}"


def end(house):
    watch = Control(house.control_path)
    watch.ask("watch", what="events", kinds=["stopping"])
    house.daemon.send_signal(signal.SIGTERM)
    assert json.loads(watch.stream.readline())["event"]["kind"] == "stopping"
    watch.close()
    assert house.daemon.wait(10) == 0, house.log()


def main():
    with House(workers=2, queues=2, metrics="{}") as house:
        start(house)
        links(house)
        peaks(house)
        end(house)


main()
