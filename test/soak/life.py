# SPDX-License-Identifier: Apache-2.0
"""One culvertd after the other under load, and what must be true after each thing that happens to it."""

import collections
import os
import time

from house import wait_until

RECOVERY_SECONDS = 10  # a machine that is busy with the load as well
GROWTH_KIB = 32 * 1024


class Life:
    def __init__(self, house, choose):
        self.house = house
        self.choose = choose
        self.cycles = collections.Counter()
        self.slowest = collections.defaultdict(float)

    def cycle(self, happens):
        begin = time.monotonic()
        happens()
        for address in (self.house.server4, self.house.server6):
            wait_until(lambda a=address: self.house.client("ping", "-c1", "-W1", a, check=False).returncode == 0,
                       RECOVERY_SECONDS, lambda a=address: f"{a} answers after {happens.__name__}\n{self.house.log()}")
        self.slowest[happens.__name__] = max(self.slowest[happens.__name__], time.monotonic() - begin)
        self.cycles[happens.__name__] += 1
        self.check()

    def check(self):
        status = self.house.show("system", "userspace", "status")
        assert status["frames"]["unaccounted"] == 0, status["frames"]
        assert all(worker["state"] in ("running", "sleeping") for worker in status["workers"]), status["workers"]
        report = self.house.show("system", "buffers")
        for row in report["resources"] + report["detail"]:
            if row["max"] is not None:
                assert row["used"] <= row["peak"] <= row["max"], row

    def size(self):
        """Resident KiB and open descriptors of culvertd."""
        pid = self.house.daemon.pid
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            kib = next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
        return kib, len(os.listdir(f"/proc/{pid}/fd"))

    def assert_no_growth(self, before):
        """What grows with the number of cycles is a leak."""
        after = self.size()
        print(f"resident {before[0]} -> {after[0]} KiB, descriptors {before[1]} -> {after[1]}", flush=True)
        assert after[0] <= before[0] + GROWTH_KIB, "culvertd's memory grows"
        assert after[1] <= before[1] + 4, "culvertd's descriptors grow"

    def tell(self):
        for name, count in sorted(self.cycles.items()):
            print(f"{count:5} x {name:20} slowest {self.slowest[name]:.2f} s")
        print(f"{sum(self.cycles.values())} life cycles", flush=True)


def at_peace(house):
    """Kernel tables and workers have settled: what is measured now is what stays."""
    wait_until(lambda: house.totals()["held"] == 0, 10, "nothing waits for a neighbour")
    return house.assert_conservation()
