# SPDX-License-Identifier: Apache-2.0
"""claim_local_addresses: packets to this host go through the workers and the tun, never farther."""

from house import House, wait_until


def main():
    with House(system="  claim_local_addresses: true\n  failsafe_ports: [tcp/22]") as house:
        house.start_culvert()
        house.client("ping", "-c3", "-i", "0.1", "-W2", "198.18.0.1")
        house.client("ping", "-c3", "-i", "0.1", "-W2", "2001:db8::1")
        wait_until(lambda: house.totals()["punted"] >= 6, 3, "six packets were punted")
        # Whoever writes into the tun cannot make the kernel forward it.
        rules = house.router("ip", "rule").stdout
        assert "iif culvert0 blackhole" in rules, rules
        assert "iif culvert0 blackhole" in house.router("ip", "-6", "rule").stdout
        house.ping(house.server4)
        house.assert_conservation()


main()
