# SPDX-License-Identifier: Apache-2.0
"""What the tests said: read from Meson's testlog.json, summed over all builds."""

import json
import os
from dataclasses import dataclass, field

PASSED = ("OK", "EXPECTEDFAIL")
SKIPPED = ("SKIP",)
LAST_LINES = 20  # of what a failed test printed, said again at the end
LINE_LENGTH = 400


@dataclass
class Results:
    passed: int = 0
    failed: list = field(default_factory=list)  # (build, test, why)
    skipped: list = field(default_factory=list)  # (build, test, reason)
    last_words: list = field(default_factory=list)  # (build, test, lines) of what failed and printed something

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
        """Reasons of what did not run, then what failed and its last words, then the one line that others parse."""
        for build, test, reason in self.skipped:
            print(f"SKIPPED {build}: {test}: {reason}")
        for build, test, lines in self.last_words:
            print(f"the end of {build}: {test}:")
            for line in lines:
                print(f"  {line}")
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
            self.last_words.append((build, name, last_lines(entry)))


def last_lines(entry):
    """The end of what a test printed; of a Python exception its beginning, because the text of one can be a log."""
    lines = [line for stream in ("stdout", "stderr") for line in (entry.get(stream) or "").splitlines() if line.strip()]
    raised = max((number for number, line in enumerate(lines) if line.startswith("Traceback ")), default=None)
    chosen = lines[-LAST_LINES:] if raised is None else lines[raised : raised + LAST_LINES]
    return [line[:LINE_LENGTH] for line in chosen]


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
