# SPDX-License-Identifier: Apache-2.0
"""Routes, links and MTUs that change under load: no crash, every packet and frame accounted, others not disturbed.

The server has 198.19.0.2 behind a route that comes and goes a hundred times a second. Packets to 198.18.1.2 take a
route that does not change: whatever they lose must not be the other route's doing.
"""

import pathlib
import subprocess
import time

from house import House, by_tier, wait_until
from watch import BufferWatch, Ping, Probe

FLAPS_PER_SECOND = 100
SECONDS = by_tier(5, 15, 30)
CHANGES = by_tier(3, 12, 30)
# Between two changes: the kernel looks at the carriers of links once a second (net/core/link_watch.c), and until then
# its own forwarding stands still, too.
SETTLED_S = 1.3
RATE = 3000
STEADY, FLAPPING = 20000, 20001
RECOVERY_LIMIT_S = 1.0
# An ARP request in the moment before the server's carrier is seen is repeated after a second, by the kernel, and for
# its own forwarding too; that is one change in many, and none takes longer than this.
LONGEST_S = 2.5


def flap_route(house, seconds, route=("198.19.0.0/24", "via", "198.18.1.2")):
    """Adds and deletes it; the number of times that it came."""
    batch = subprocess.Popen(["ip", "-n", house.names["router"], "-force", "-batch", "-"], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    begin, flaps = time.monotonic(), 0
    while (passed := time.monotonic() - begin) < seconds:
        if flaps < passed * FLAPS_PER_SECOND:
            for verb in ("del", "add"):
                batch.stdin.write(f"route {verb} {' '.join(route)}\n")
            batch.stdin.flush()
            flaps += 1
        time.sleep(0.001)
    batch.stdin.close()
    batch.wait(10)
    return flaps


def news(after, before):
    return {key: count - before.get(key, 0) for key, count in after.items() if count != before.get(key, 0)}


def left_to_kernel(house):
    """Packets that XDP did not redirect although they are Culvert's."""
    return sum(row["packets"] for row in house.ask("show_status")["xdp_actions"]
               if row["action"] in ("stale_passed", "no_socket_passed"))


def routes(house):
    house.server("ip", "addr", "add", "198.19.0.2/24", "dev", "lo")
    house.router("ip", "route", "add", "198.19.0.0/24", "via", "198.18.1.2")
    house.ping("198.19.0.2")
    drops, losses = house.drops(), house.losses()
    probe = Probe(house, STEADY, FLAPPING)
    probe.send(house.server4, STEADY, RATE, SECONDS + 1)
    probe.send("198.19.0.2", FLAPPING, RATE, SECONDS + 1)
    time.sleep(0.5)
    with BufferWatch(house) as watch:
        flaps = flap_route(house, SECONDS)
        reports = probe.wait()
    drops, losses = news(house.drops(), drops), news(house.losses(), losses)
    steady, flapping = reports[STEADY], reports[FLAPPING]
    print(f"route: {flaps} flaps in {SECONDS} s; steady {steady['sent']} sent, {steady['lost']} lost, flapping "
          f"{flapping['sent']} sent, {flapping['lost']} lost; drops {drops}, kernel losses {losses}; "
          f"{watch.samples} samples, slowest {watch.slowest_s * 1000:.0f} ms")
    assert flaps >= SECONDS * FLAPS_PER_SECOND * 0.9, f"only {flaps} flaps"
    assert steady["twice"] == flapping["twice"] == 0, reports
    # Lost on the way to the workers or behind them, whatever the route; the rest is the flapping route's.
    anywhere = sum(losses.values())
    explained = anywhere + sum(count for reason, count in drops.items() if reason != "transmit_failed")
    # When a busy machine keeps a worker from its CPU for 500 ms, XDP leaves packets to the kernel, which may lose some.
    by_kernel = left_to_kernel(house)
    lost = steady["lost"] + flapping["lost"]
    assert steady["lost"] <= anywhere + by_kernel, "packets of a route that did not change were lost"
    assert explained <= lost <= explained + by_kernel, f"{lost} lost, {explained} explained, {by_kernel} by the kernel"
    assert drops.get("no_route", 0) > 0, "the route did not flap under load"
    assert set(drops) <= {"no_route", "transmit_failed"}, drops


def open_files(house):
    return len(list(pathlib.Path(f"/proc/{house.daemon.pid}/fd").iterdir()))


def flap_link(house):
    begin = time.monotonic()
    house.router("ip", "link", "set", "wan0", "down")
    time.sleep(0.15)
    house.router("ip", "link", "set", "wan0", "up")
    return time.monotonic() - begin


def make_anew(house):
    begin = time.monotonic()
    house.router("ip", "link", "del", "wan0")
    time.sleep(0.15)
    house.join("server", "wan0", 1)
    return time.monotonic() - begin


def change_mtu(house):
    """Fits our frames as the one before did: nothing is closed for it."""
    mtu = 1400 if "mtu 1500" in house.router("ip", "link", "show", "lan0").stdout else 1500
    house.router("ip", "link", "set", "lan0", "mtu", str(mtu))
    return 0


def slow(silences):
    return sum(silence >= RECOVERY_LIMIT_S for silence in silences)


def may_be_slow(changes):
    """How many of them: none of a few, one of a few that were made twice because of it, else one in ten."""
    return changes // CHANGES - 1 if CHANGES < 10 else changes - 1 - (changes - 1) * 9 // 10


def links(house):
    """Each change again and again under load; frames and packets close afterwards, and no file stays open."""
    ping = Ping(house, house.server4)
    probe = Probe(house, STEADY)
    probe.send(house.server4, STEADY, RATE, 100_000)  # until the house ends
    wait_until(ping.answers, 5, "an answer")
    for what, change in (("MTU", change_mtu), ("link", flap_link), ("deleted and re-created", make_anew)):
        drops, forwarded, silences, files = house.drops(), house.totals()["forwarded"], [], []

        def changes():
            for _ in range(CHANGES):
                begin = time.time()
                away = change(house)
                silences.append(ping.silence_s(begin, SETTLED_S) - away)
                files.append(open_files(house))

        with BufferWatch(house) as watch:
            changes()
            if CHANGES < 10 and slow(silences) == 1:
                changes()
        print(f"{what}: {len(silences)} times, silent for {min(silences) * 1000:.0f} to {max(silences) * 1000:.0f} ms "
              f"beside the change itself; open files {files[0]} .. {files[-1]}; drops {news(house.drops(), drops)}; "
              f"{watch.samples} samples")
        assert max(silences) < LONGEST_S and slow(silences) <= may_be_slow(len(silences)), \
            f"{what}: {silences}\n{house.log()}"
        if change is change_mtu:
            assert "lan0: closed" not in house.log(), house.log()
        assert max(files) <= files[0] + 2, f"open files become more: {files}"
        assert house.totals()["forwarded"] - forwarded > len(silences) * RATE * SETTLED_S * 0.5, "no load"
    house.stop(probe.senders[STEADY])
    ping.end()
    house.assert_conservation()
    assert house.ask("show_status")["frames"]["unaccounted"] == 0


def main():
    with House() as house:
        house.start_culvert()
        house.ping(house.server4)
        routes(house)
        links(house)
        assert house.stop(house.daemon) == 0, house.log()


main()
