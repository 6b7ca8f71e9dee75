#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The runner counts as Meson does, keeps reasons, and never calls an empty or a broken run a success."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import extra  # noqa: E402
import plan  # noqa: E402
from ahead import Ahead  # noqa: E402
from prepare import is_wanted, suites_of  # noqa: E402
from results import LAST_LINES, Results, report_of  # noqa: E402


def entry(result, **more):
    return {"name": "culvert:unit / a", "result": result, "duration": 1.0, "stdout": "", **more}


def results_of(*entries):
    results = Results()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "testlog.json")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(e) + "\n" for e in entries)
        assert results.read_log("gcc", path) == len(entries)
    return results


class Counting(unittest.TestCase):
    def test_passed_tests_are_a_success(self):
        results = results_of(entry("OK"), entry("EXPECTEDFAIL"))
        self.assertEqual(results.last_line(), "2 passed, 0 failed, 0 skipped")
        self.assertEqual(results.exit_code(), 0)

    def test_whatever_is_neither_passed_nor_skipped_has_failed(self):
        bad = ("FAIL", "TIMEOUT", "ERROR", "INTERRUPT", "UNEXPECTEDPASS", "a result of a later Meson")
        results = results_of(entry("OK"), *map(entry, bad))
        self.assertEqual(results.last_line(), f"1 passed, {len(bad)} failed, 0 skipped")
        self.assertEqual(results.exit_code(), 1)

    def test_nothing_passed_is_a_failure(self):
        self.assertEqual(results_of().exit_code(), 1)
        self.assertEqual(results_of(entry("SKIP")).exit_code(), 1)

    def test_a_missing_log_adds_nothing(self):
        self.assertEqual(Results().read_log("gcc", "/nonexistent/testlog.json"), 0)

    def test_a_suites_words_are_found_in_the_log(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "testlog.json")
            with open(path, "w", encoding="utf-8") as file:
                for name in ("culvert:soak / soak", "culvert:unit / a"):
                    file.write(json.dumps(entry("OK", name=name, stdout=name + " was here\n")) + "\n")
            self.assertEqual(report_of("soak", path), "culvert:soak / soak was here\n")
        self.assertEqual(report_of("soak", "/nonexistent/testlog.json"), "")

    def test_the_last_skip_line_is_the_reason(self):
        results = results_of(entry("SKIP", stdout="x\nSKIP: first\nmore\nSKIP: not root\n\n"), entry("SKIP"))
        self.assertEqual([reason for _, _, reason in results.skipped], ["not root", "gave no reason"])

    def test_runs_of_several_builds_add_up_and_the_totals_come_last(self):
        results = results_of(entry("OK"), entry("SKIP", stdout="SKIP: no tun\n"))
        results.success("fuzz", "parse")
        results.failure("clang", "build", "the compiler said no")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            results.report()
        self.assertEqual(out.getvalue().splitlines(), [
            "SKIPPED gcc: culvert:unit / a: no tun",
            "FAILED clang: build: the compiler said no",
            "2 passed, 1 failed, 1 skipped",
        ])

    def test_what_failed_says_its_last_words_again(self):
        log = "".join(f"line {number}\n\n" for number in range(LAST_LINES + 5))
        results = results_of(entry("OK", stdout="fine"), entry("FAIL", stdout=log),
                             entry("FAIL", stderr="before\nTraceback (most recent call last):\n" + log))
        printed, raised = (lines for _, _, lines in results.last_words)
        self.assertEqual(printed, [f"line {number}" for number in range(5, LAST_LINES + 5)])
        self.assertEqual(raised[:2] + raised[-1:],
                         ["Traceback (most recent call last):", "line 0", f"line {LAST_LINES - 2}"])
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            results.report()
        said = out.getvalue().splitlines()
        self.assertEqual(said[:2], ["the end of gcc: culvert:unit / a:", "  line 5"])
        self.assertEqual(said[-1], "1 passed, 2 failed, 0 skipped")


class Fuzzing(unittest.TestCase):
    SAID = ("INFO: Loaded 1 modules   (24691 inline 8-bit counters): 24691 [0x1, 0x2),\n"
            "#38\tINITED cov: 640 ft: 1200 corp: 30/2Kb\n#99\tNEW    cov: 702 ft: 1300\n"
            "stat::number_of_executed_units: 99\n")

    def test_libfuzzers_words_are_read(self):
        self.assertEqual(extra.what_libfuzzer_said(self.SAID), extra.Fuzzed(99, 24691, 640, 702))

    def test_without_coverage_it_said_nothing(self):
        self.assertIsNone(extra.what_libfuzzer_said("stat::number_of_executed_units: 99\n"))
        self.assertIsNone(extra.what_libfuzzer_said(self.SAID.replace("inline 8-bit counters", "")))


class Plan(unittest.TestCase):
    def test_every_suite_is_in_the_short_tier_but_soak(self):
        short = {suite for step in plan.TIERS["short"] for suite in step.suites}
        self.assertEqual(short | {"soak", *plan.SLICES}, set(plan.SUITES))

    def test_a_soak_of_any_length_has_rounds_that_fit(self):
        seconds = [int(plan.soak_environment(m)["CULVERT_SOAK_SECONDS"]) for m in (0.1, 3, 60, 600)]
        self.assertEqual(seconds, [30, 60, 600, 600])

    def test_the_long_tier_runs_all_that_the_short_one_runs(self):
        def pairs(tier):
            return {(step.build, suite) for step in plan.TIERS[tier] for suite in step.suites}
        self.assertLessEqual(pairs("short"), pairs("all"))

    def test_a_step_runs_those_of_its_suites_that_are_asked_for(self):
        step = plan.Step(plan.GCC, ("unit", "hot"))
        self.assertEqual(suites_of(step, None), ("unit", "hot"))
        self.assertEqual(suites_of(step, ["netns", "hot"]), ("hot",))
        self.assertFalse(is_wanted(step, ["netns"]))

    def test_what_has_no_suites_runs_when_none_is_asked_for(self):
        step = plan.Step(plan.FUZZ, (), "fuzz")
        self.assertTrue(is_wanted(step, None))
        self.assertFalse(is_wanted(step, ["unit"]))

    def test_what_works_ahead_ends_with_its_context(self):
        with Ahead("short", len(plan.TIERS["short"])) as ahead:
            pass
        self.assertIsNotNone(ahead.process.returncode)


if __name__ == "__main__":
    unittest.main()
