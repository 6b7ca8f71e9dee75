# SPDX-License-Identifier: Apache-2.0
"""Queues that come and go while culvertd runs: what an interface gets, and what culvertd says about it."""

import time

from house import House, wait_until

# 128 bytes of the kernel for each frame and lane: with many lanes, few frames.
SMALL_RINGS = "  rings: {rx: 256, tx: 256, fill: 256, completion: 256}"


def lanes(house, interface="lan0"):
    return [lane for lane in house.ask("show_status")["lanes"] if lane["interface"] == interface]


def hosts_with_one_queue(house):
    """Native XDP stays possible whatever we have, and every packet comes in on our queue 0."""
    for role in ("client", "server"):
        getattr(house, role)("ethtool", "-L", "eth0", "tx", "1")


def set_queues(house, count):
    house.router("ethtool", "-L", "lan0", "rx", str(count), "tx", str(count))


def becomes(house, count, seconds=8):
    wait_until(lambda: [lane["state"] for lane in lanes(house)] == ["up"] * count, seconds,
               lambda: f"lan0 has {count} lanes: {lanes(house)}\n{house.log()}")


def says(house, text):
    wait_until(lambda: text in house.log(), 8, lambda: f"the log says {text!r}\n{house.log()}")


def forwards(house):
    before = house.totals()["forwarded"]
    house.ping(house.server4, count=20, interval=0.02)
    wait_until(lambda: house.totals()["forwarded"] - before >= 40, 2, "pings went through the workers")
    house.assert_conservation()


def fill_rings(house):
    """How many empty frames the kernel has of each lane of lan0."""
    rows = [row for row in house.ask("show_buffers")["detail"] if row["resource"] == "fill_ring"]
    return [row["used"] for row in rows if row["scope"].startswith("lan0")]


def more_queues_share_the_frames():
    """Queues that nobody planned for are noticed, and each gets frames to receive into."""
    with House(queues=8) as house:
        hosts_with_one_queue(house)
        set_queues(house, 1)
        house.router("ethtool", "-L", "wan0", "rx", "1", "tx", "1")
        house.start_culvert()
        becomes(house, 1)
        set_queues(house, 8)
        becomes(house, 8)
        says(house, "lan0: closed, its queues changed from 1 rx and 1 tx")
        says(house, "frames are planned for 1 queue and it has 8; its lanes share them; restart culvertd to plan anew")
        wait_until(lambda: all(used > 500 for used in fill_rings(house)), 2,
                   lambda: f"every queue has empty frames: {fill_rings(house)}")
        print(f"empty frames of the eight queues: {fill_rings(house)}")
        forwards(house)


def what_the_hint_says_helps():
    """queues: 3 where there is one: once the line was typed there are three lanes, with frames planned for them."""
    with House(queues=4, interfaces="  lan0: {queues: 3}\n  wan0: {queues: 1}") as house:
        hosts_with_one_queue(house)
        set_queues(house, 1)
        house.start_culvert()
        becomes(house, 1)
        says(house, "3 queues are configured and it has 1; type: ethtool -L lan0 rx 3 tx 3")
        set_queues(house, 3)
        becomes(house, 3)
        assert "frames are planned for" not in house.log(), house.log()
        wait_until(lambda: all(used > 3000 for used in fill_rings(house)), 2, lambda: fill_rings(house))
        set_queues(house, 4)  # the fourth is not ours: nothing to do
        forwards(house)
        assert house.log().count("its queues changed") == 1, house.log()


def opens_a_few_at_a_time(house, count, seconds):
    """While many lanes are opened culvertd goes on answering: we see some of them, or it was too fast to."""
    seen, slowest = set(), 0.0

    def all_up():
        nonlocal slowest
        asked = time.monotonic()
        states = [lane["state"] for lane in lanes(house)]
        slowest = max(slowest, time.monotonic() - asked)
        seen.add(states.count("up"))
        return states == ["up"] * count

    wait_until(all_up, seconds, lambda: f"lan0 has {count} lanes: {lanes(house)}\n{house.log()}")
    print(f"{count} lanes in {len(seen)} steps, slowest answer {slowest:.3f} s")
    assert slowest < 0.2 or seen - {0, count}, f"{slowest:.3f} s without an answer; lanes seen: {sorted(seen)}"


def more_than_xdp_knows():
    """65 queues are refused with the line to type, which helps."""
    with House(queues=65, workers=2, interfaces="  lan0: {}\n  wan0: {queues: 1}", system=SMALL_RINGS) as house:
        hosts_with_one_queue(house)
        house.start_culvert(wait=False)
        says(house, "lan0 cannot be opened: lan0 has 65 rx queues, more than the 64 that XDP can redirect from "
                    "(type: ethtool -L lan0 rx 64 tx 64")
        assert lanes(house) == [] or lanes(house)[0]["state"] == "gone", lanes(house)
        set_queues(house, 64)
        opens_a_few_at_a_time(house, 64, 20)
        forwards(house)


def more_than_a_worker_serves():
    """63 lanes of wan0 and one of lan0 are a worker's 64: a second one of lan0 is refused, and culvertd lives on."""
    with House(queues=63, workers=1, interfaces="  lan0: {}\n  wan0: {}", system=SMALL_RINGS) as house:
        hosts_with_one_queue(house)
        set_queues(house, 1)
        house.start_culvert()
        set_queues(house, 2)
        says(house, "lan0 cannot be opened: lan0 has 2 queues, 2 of them for worker 0, which has 63 lanes and serves "
                    "64 at most (type: ethtool -L lan0 rx 1 tx 1")
        assert house.daemon.poll() is None, house.log()
        assert len(lanes(house, "wan0")) == 63
        set_queues(house, 1)
        becomes(house, 1)
        forwards(house)


def main():
    more_queues_share_the_frames()
    what_the_hint_says_helps()
    more_than_xdp_knows()
    more_than_a_worker_serves()


main()
