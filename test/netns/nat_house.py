# SPDX-License-Identifier: Apache-2.0
"""A house with source NAT between two zones: IPv4 behind the address of the interface, IPv6 behind a pool."""

from house import House, run

POOL4, POOL6 = "198.18.1.100", "2001:db8:1::100"
CONFIG = """
zones: {inside: {}, outside: {}}
policy:
  rules:
    - {name: out, from: inside, to: outside, action: permit}
nat:
  timeouts: {%s}
  pools:
    six: {addresses: ["2001:db8:1::100"]}
%s  source:
    - {name: out, from: inside, to: outside, family: ipv4, translate: %s%s}
    - {name: six, from: inside, to: outside, family: ipv6, translate: six%s}
"""
INTERFACES = "  lan0: {zone: inside}\n  wan0: {zone: outside}"
SHORT = "tcp_transitory: 2s, udp: 2s, icmp: 2s"


def config_text(pools="", translate="interface", more="", timeouts=SHORT):
    """`more`: keys of both rules."""
    more = f", {more}" if more else ""
    return CONFIG % (timeouts, pools, translate, more, more)


class Nat(House):
    """A House whose server can reach what is on its own link, and nothing behind the router."""

    def __init__(self, **more):
        super().__init__(interfaces=INTERFACES, system="  fail: closed", memory=True,
                         config=more.pop("config", config_text()), **more)

    def __enter__(self):
        super().__enter__()
        for family in ("-4", "-6"):
            run("ip", "-n", self.names["server"], family, "route", "del", "default")
        for address in (f"{POOL4}/32", f"{POOL6}/128"):
            run("ip", "-n", self.names["router"], "addr", "add", address, "dev", "wan0", "nodad")
        return self

    def apply(self, text):
        head = self.config_text.split("zones:", 1)[0]
        path = self.work / "next.yaml"
        path.write_text(head + text.lstrip())
        self.culvert("config", "apply", str(path))

    def ports(self, address, kind):
        """Ports that sessions have of an external address."""
        rows = self.show("nat", "pools")["addresses"]
        return sum(row[kind]["used"] for row in rows if row["address"] == address)

    def mappings(self, *words):
        return self.show("nat", "mappings", *words)["mappings"]
