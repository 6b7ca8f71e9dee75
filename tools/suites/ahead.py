#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles what the later steps of a tier need while the tests of one wait for packets and clocks.

It runs with the scheduler's idle policy in a session of its own, so a test that wants a core has it at once. It can be
ended at any moment: ninja and clang-tidy go on later where they were. What it has to say is in build/ahead.log; what
does not compile is said by the step that needs it.
"""

import os
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import extra  # noqa: E402
import meson  # noqa: E402
import plan  # noqa: E402
from prepare import is_wanted, prepare  # noqa: E402

LOG = os.path.join(meson.ROOT, "build", "ahead.log")


class Ahead:
    """A context in which later steps are made ready. No suites is the same as all of them."""

    def __init__(self, tier, position, suites=()):
        self.command = [sys.executable, os.path.abspath(__file__), tier, str(position), *(suites or ())]
        self.process = None

    def __enter__(self):
        os.makedirs(os.path.dirname(LOG), exist_ok=True)
        with open(LOG, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command, cwd=meson.ROOT, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True)
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        self.process.wait()


def give_way():
    """Below every other program: by policy, and where the kernel groups processes by session, by that group, too."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        with open("/proc/self/autogroup", "w", encoding="ascii") as group:
            group.write("19")
    except OSError:
        pass  # no such groups here


def main():
    tier, position, suites = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    give_way()
    for step in plan.TIERS[tier][position:]:
        if is_wanted(step, suites) and not prepare(step, suites) and step.action == "tidy":
            extra.run_tidy(step.build, plan.environment(tier))


if __name__ == "__main__":
    main()
