# SPDX-License-Identifier: Apache-2.0
"""What a flood of test/support/flow_flood.py needs of a house."""

import json
import sys
import time

from house import SANITIZED
from watch import SUPPORT


def route_the_flood(house):
    """Its sources are behind the client and its destinations behind the server, which drops what is not for itself."""
    for prefix4, prefix6, host4, host6 in (
            ("198.19.128.0/17", "2001:db8:f000::/64", house.client4, house.client6),
            ("198.19.0.0/17", "2001:db8:e000::/64", house.server4, house.server6)):
        house.router("ip", "route", "add", prefix4, "via", host4)
        house.router("ip", "-6", "route", "add", prefix6, "via", host6)
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        house.server("sysctl", "-qw", f"{key}=0")


def router_mac(house):
    return json.loads(house.router("ip", "-j", "link", "show", "lan0").stdout)[0]["address"]


def begin_sessions(house, count):
    """So many at least, of hosts that nobody answers: a quarter each UDP and half-open TCP, IPv4 and IPv6."""
    for seed in range(10):
        missing = count - house.sessions()
        if missing <= 0:
            return
        house.client(sys.executable, str(SUPPORT / "flow_flood.py"), "eth0", router_mac(house), str(missing),
                     "2000" if SANITIZED else "20000", str(seed))
        time.sleep(0.3)  # the next figures
    raise AssertionError(f"{missing} sessions do not begin: {house.drops()}")
