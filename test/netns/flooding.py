# SPDX-License-Identifier: Apache-2.0
"""What a flood of test/support/flow_flood.py needs of a house."""

import json


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
