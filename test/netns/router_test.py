# SPDX-License-Identifier: Apache-2.0
"""What a router does besides forwarding, seen from outside: traceroute, MTU, fragments, neighbours, special routes,
Ethernet addresses."""

import time

from house import SANITIZED, House, by_tier, require_command, wait_until
from watch import Ping, Probe

require_command("traceroute")
CHANGES = by_tier(5, 20, 50)  # of a route, under load
STEADY, CHANGED, RATE = 20000, 20001, 3000


def drops(house):
    return {row["reason"]: row["packets"] for row in house.show("drops")["drops"]}


def traceroute_shows_us(house):
    for address, router, option in ((house.server4, "198.18.0.1", "-4"), (house.server6, "2001:db8::1", "-6")):
        lines = house.client("traceroute", option, "-n", "-q", "1", "-w", "1", "-m", "3", address).stdout.splitlines()
        assert lines[1].split()[1] == router, lines
        assert lines[2].split()[1] == address, lines


def path_mtu(house):
    """A smaller next link: DF is answered with its MTU, without DF it is fragmented and put together again."""
    house.router("ip", "route", "replace", "198.18.1.0/24", "dev", "wan0", "mtu", "lock", "1000")
    wait_until(lambda: "mtu" in house.client("ping", "-c1", "-W1", "-M", "do", "-s", "1200", house.server4,
                                             check=False).stdout, 5, "fragmentation needed, with an MTU")
    house.client("ip", "route", "flush", "cache")
    house.client("ping", "-c2", "-W2", "-M", "dont", "-s", "1400", house.server4)
    assert house.totals()["generated"] > 0
    house.router("ip", "route", "replace", "198.18.1.0/24", "dev", "wan0")


def special_routes(house):
    for kind, prefix, answer in (("blackhole", "203.0.113.0/26", "100% packet loss"),
                                 ("unreachable", "203.0.113.64/26", "Destination Host Unreachable"),
                                 ("prohibit", "203.0.113.128/26", "Packet filtered")):
        house.router("ip", "route", "add", kind, prefix)
        address = prefix.replace(".0/26", ".9").replace(".64/26", ".70").replace(".128/26", ".130")
        wait_until(lambda: answer in house.client("ping", "-c1", "-W1", address, check=False).stdout, 5,
                   f"{kind} answers {answer}")
    assert {"route_blackhole", "route_unreachable", "route_prohibit"} <= drops(house).keys()


def silent_neighbor(house):
    out = house.client("ping", "-c1", "-W6", "198.18.1.77", check=False).stdout
    assert "Unreachable" in out, out
    assert "neighbor_timeout" in drops(house), drops(house)


def route_change_is_quick(house):
    """From the command to the first answer, under load; packets that go elsewhere do not notice."""
    house.router("ip", "addr", "add", "198.18.9.1/24", "dev", "wan0")
    house.server("ip", "addr", "add", "198.18.9.2/24", "dev", "eth0")
    took = wait_until(lambda: house.client("ping", "-c1", "-W1", "198.18.9.2", check=False).returncode == 0, 3,
                      "a new connected network is reachable")
    print(f"a new network was reachable after {took * 1000:.0f} ms (a ping included)")
    house.server("ip", "addr", "add", "198.19.0.2/32", "dev", "lo")
    probe, ping, took_ms = Probe(house, STEADY, CHANGED), Ping(house, "198.19.0.2"), []
    seconds, losses = 1 + 0.4 * CHANGES, house.losses()
    for port, address in ((STEADY, house.server4), (CHANGED, "198.19.0.2")):
        probe.send(address, port, RATE, seconds)
    time.sleep(0.5)
    for change in range(CHANGES):
        begin = time.time()
        house.router("ip", "route", "add", "198.19.0.0/24", "via", "198.18.1.2")
        wait_until(lambda: any(when > begin for when in ping.answers()), 2, "an answer by the new route")
        took_ms.append((next(when for when in ping.answers() if when > begin) - begin) * 1000)
        if change < CHANGES - 1:
            house.router("ip", "route", "del", "198.19.0.0/24")
            time.sleep(0.1)
    ping.end()
    reports = probe.wait()
    losses = {name: count - losses[name] for name, count in house.losses().items() if count != losses[name]}
    print(f"new routes were used after {', '.join(f'{took:.0f}' for took in took_ms)} ms (up to 10 of them a ping's); "
          f"probes: {reports}, queues of the kernel: {losses}")
    assert SANITIZED or min(took_ms) < 100, took_ms
    assert reports[CHANGED]["received"] > 0 and reports[CHANGED]["lost"] > 0, reports
    # A queue of the kernel may be full while the machine does other things: nobody's route is to blame.
    assert reports[STEADY]["lost"] <= sum(losses.values()), (reports, losses)


def local_addresses_stay_the_kernels(house):
    house.client("ping", "-c1", "-W1", "198.18.1.1")
    assert house.totals()["punted"] == 0


def other_stations(house):
    """A frame for another station is left to the kernel, which drops it; unless the configuration says it is ours."""
    virtual = "00:00:5e:00:01:07"
    house.client("ip", "neigh", "replace", "198.18.0.1", "lladdr", virtual, "dev", "eth0", "nud", "permanent")
    before = passed_for_others(house), house.totals()["received"]
    assert not answers(house)
    assert (passed_for_others(house), house.totals()["received"]) == (before[0] + 1, before[1])
    text = house.work / "stations.yaml"
    text.write_text(house.config_text.replace("lan0: {}", f"lan0: {{further_stations: ['{virtual}']}}"))
    house.culvert("config", "apply", str(text))
    wait_until(lambda: answers(house), 3, "a further station's packets are forwarded")
    house.culvert("config", "apply", str(house.work / "culvert.yaml"))
    wait_until(lambda: not answers(house), 3, "and no longer")

    # The interface's own address may change.
    house.router("ip", "link", "set", "lan0", "address", virtual)
    wait_until(lambda: answers(house), 3, "the new address of lan0 is known")
    house.client("ip", "neigh", "del", "198.18.0.1", "dev", "eth0")
    house.ping(house.server4)


def passed_for_others(house):
    return sum(row["packets"] for row in house.ask("show_status")["xdp_actions"]
               if row["interface"] == "lan0" and row["action"] == "other_station_passed")


def answers(house):
    return house.client("ping", "-c1", "-W1", house.server4, check=False).returncode == 0


def main():
    with House() as house:
        house.start_culvert()
        house.ping(house.server4)
        house.ping(house.server6)
        traceroute_shows_us(house)
        path_mtu(house)
        special_routes(house)
        silent_neighbor(house)
        route_change_is_quick(house)
        local_addresses_stay_the_kernels(house)
        other_stations(house)
        house.assert_conservation()


main()
