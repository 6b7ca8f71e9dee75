# SPDX-License-Identifier: Apache-2.0
"""What the tests said: read from Meson's testlog.json, summed over all builds."""

import json
import os
from dataclasses import dataclass, field

PASSED = ("OK", "EXPECTEDFAIL")
SKIPPED = ("SKIP",)


@dataclass
class Results:
    passed: int = 0
    failed: list = field(default_factory=list)  # (build, test, why)
    skipped: list = field(default_factory=list)  # (build, test, reason)

    def success(self, build, test):
        del build, test
        self.passed += 1

    def failure(self, build, test, why):
        self.failed.append((build, test, why))

    def skip(self, build, test, reason):
        self.skipped.append((build, test, reason))

    def last_line(self):
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"

    def exit_code(self):
        return 0 if self.passed > 0 and not self.failed else 1

    def report(self):
        """Reasons of what did not run, then what failed, then the one line that others parse."""
        for build, test, reason in self.skipped:
            print(f"SKIPPED {build}: {test}: {reason}")
        for build, test, why in self.failed:
            print(f"FAILED {build}: {test}: {why}")
        print(self.last_line(), flush=True)

    def read_log(self, build, path):
        """Adds one run of `meson test`. Returns how many tests it held."""
        count = 0
        if not os.path.exists(path):
            return count
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    self.add(build, json.loads(line))
                    count += 1
        return count

    def add(self, build, entry):
        name, result = entry["name"], entry["result"]
        if result in PASSED:
            self.success(build, name)
        elif result in SKIPPED:
            self.skip(build, name, skip_reason(entry))
        else:
            self.failure(build, name, f"{result.lower()} after {entry.get('duration', 0):.0f} s")


def report_of(suite, path):
    """What the tests of a suite printed in one run of `meson test`."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        entries = [json.loads(line) for line in file if line.strip()]
    return "".join(entry.get("stdout") or "" for entry in entries if f"{suite} / " in entry["name"])


def skip_reason(entry):
    """Tests that cannot run exit with 77 and print 'SKIP: reason' as their last line."""
    for stream in ("stdout", "stderr"):
        for line in reversed((entry.get(stream) or "").strip().splitlines()):
            if line.startswith("SKIP: "):
                return line[len("SKIP: ") :]
    return "gave no reason"
