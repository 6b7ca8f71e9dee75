# SPDX-License-Identifier: Apache-2.0
"""Malformed packets over veth: no crash, and every one of them is in the books, from the sender to its fate."""

import json
import os
import random
import sys
import time

from house import House, by_tier
from watch import SUPPORT, BufferWatch

COUNT = int(os.environ.get("CULVERT_PACKETS", by_tier(20000, 100000, 100000)))
SEED = int(os.environ.get("CULVERT_SEED", random.SystemRandom().randrange(1 << 32)))
PACKETS_PER_SECOND = 20000


def link(house, role, name):
    return json.loads(getattr(house, role)("ip", "-j", "-s", "link", "show", name).stdout)[0]


def xdp(house, interface):
    """{action: (verdict, packets)}"""
    rows = house.ask("show_status")["xdp_actions"]
    return {row["action"]: (row["verdict"], row["packets"]) for row in rows if row["interface"] == interface}


def settled(house):
    """The figures when nothing moves any more: status is published every 100 ms."""
    before = None
    for _ in range(50):
        now = (link(house, "client", "eth0")["stats64"]["tx"]["packets"], xdp(house, "lan0"), house.totals())
        if now == before and now[2]["held"] == 0:
            return now
        before = now
        time.sleep(0.3)
    raise AssertionError(f"never quiet: {before}")


def main():
    print(f"seed {SEED} (CULVERT_SEED), {COUNT} packets")
    with House(system="  claim_local_addresses: true") as house:
        house.start_culvert()
        house.ping(house.server4)
        house.ping(house.server6)
        mac = link(house, "router", "lan0")["address"]
        sent_before, xdp_before, totals_before = settled(house)
        lost_before, drops_before = house.losses(), house.drops()
        with BufferWatch(house) as watch:
            sender = house.client(sys.executable, str(SUPPORT / "mutated_packets.py"), "eth0", mac,
                                  *map(str, (COUNT, SEED, PACKETS_PER_SECOND)), timeout=120)
        report = json.loads(sender.stdout)
        assert house.daemon.poll() is None, house.log()
        sent, actions, totals = settled(house)
        house.assert_conservation()

        sent -= sent_before
        by_action = {name: packets - xdp_before.get(name, ("", 0))[1] for name, (_, packets) in actions.items()}
        by_action = {name: packets for name, packets in by_action.items() if packets}
        totals = {key: totals[key] - totals_before[key] for key in totals}
        lost = {key: count - lost_before[key] for key, count in house.losses().items()}
        drops = {key: count - drops_before.get(key, 0) for key, count in house.drops().items()}
        print(f"{report}, client's interface {sent}, XDP {by_action}\nkernel losses {lost}, workers {totals}\n{drops}\n"
              f"{watch.samples} samples of the buffers")
        # One fate after the other: the interface, XDP, the socket, the workers.
        assert report["sent"] >= COUNT * 0.95, report
        assert sent >= report["sent"], "the kernel counts fewer than were sent"
        assert sum(by_action.values()) == sent, "XDP did not see what the interface sent"
        received = {row["interface"]: row["rx_packets"] for row in house.ask("show_interfaces")["interfaces"]}
        redirected = actions["redirected"][1]
        in_sockets = house.losses("lan0")
        lost_in_sockets = in_sockets["kernel_rx_ring_full"] + in_sockets["kernel_rx_dropped"]
        assert received["lan0"] + lost_in_sockets == redirected, f"{received} + {lost_in_sockets} is not {redirected}"
        assert totals["forwarded"] > COUNT * 0.05 and totals["punted"] > 0 and len(drops) >= 12, "too few fates"
        assert house.ask("show_status")["frames"]["unaccounted"] == 0
        house.ping(house.server4)


main()
