#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/bench never calls silence a success, and bench/veth never calls a run valid whose packets do not add up."""

import json
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "bench", "veth")]

import bed  # noqa: E402
import instructions  # noqa: E402
import trials  # noqa: E402
from programs import COUNTED, PROGRAMS  # noqa: E402
from rows import Table  # noqa: E402


def row(**more):
    return {"id": "P1", "case": "64 B", "measured": 52.0, "reference": 47.0, "ratio": 1.1, "bar": 1.5,
            "null_ratio": 1.01, "ok": True} | more


def table_of(rows, bars=("P1",)):
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(rows, file)
        table.read("turn", path, bars)
    return table


class Rows(unittest.TestCase):
    def test_a_bar_that_holds_is_a_success(self):
        table = table_of([row(), row(id="-", bar=None, ok=None)])
        self.assertEqual(table.exit_code(), 0)
        self.assertIn("1 bars hold, 0 missed, 0 troubles", table.text())

    def test_a_missed_bar_is_a_failure(self):
        table = table_of([row(), row(ok=False)])
        self.assertEqual(table.exit_code(), 1)
        self.assertIn("MISSED", table.text())

    def test_a_bar_that_was_not_judged_is_a_failure(self):
        self.assertEqual(table_of([row(ok=None, reference=None, ratio=None)]).exit_code(), 1)
        self.assertEqual(table_of([row(id="other")]).exit_code(), 1)
        self.assertEqual(table_of([]).exit_code(), 1)

    def test_no_rows_at_all_are_a_failure(self):
        self.assertEqual(Table().exit_code(), 1)
        table = Table()
        table.read("turn", "/nonexistent/rows.json")
        self.assertEqual(table.exit_code(), 1)

    def test_a_row_without_its_fields_is_trouble(self):
        incomplete = row()
        del incomplete["ok"]
        self.assertEqual(table_of([incomplete], ()).exit_code(), 1)

    def test_written_rows_have_what_was_measured(self):
        table = table_of([row()])
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "all.json")
            table.write(path)
            with open(path, encoding="utf-8") as file:
                written = json.load(file)
        self.assertEqual(written, [row(unit="ns", program="turn")])

    def test_with_bars_only_the_rest_is_left_out(self):
        text = table_of([row(), row(case="orientation", bar=None, ok=None)]).text(bars_only=True)
        self.assertNotIn("orientation", text)


class Counts(unittest.TestCase):
    SAID = "counted: 64 operations a call: parse, IPv4, culvert\n==1== Collected : 128000\n"

    def test_instructions_and_operations_are_found(self):
        self.assertEqual(instructions.read_counts(self.SAID, "parse, IPv4", "culvert"), (128000, 64))

    def test_another_comparison_or_none_is_an_error(self):
        for text in ("", self.SAID.replace("Collected", ""), self.SAID + self.SAID,
                     self.SAID.replace("IPv4", "IPv6")):
            with self.assertRaises(instructions.CountingFailed):
                instructions.read_counts(text, "parse, IPv4", "culvert")

    def test_what_is_counted_is_a_program(self):
        self.assertLessEqual({one.program for one in COUNTED}, {program.name for program in PROGRAMS})


def answer(**more):
    return {"made": 1000, "made_ns": 10**6, "late": 0, "cpu_ns": 1, "seen": 900, "seen_timed": 896, "seen_ns": 10**6,
            "strangers": 0} | more


class Ledger(unittest.TestCase):
    CHANGE = {bed.SENT: 990, bed.NOT_TAKEN: 10}

    def test_packets_that_add_up_are_valid(self):
        self.assertEqual(bed.why_void(answer(), self.CHANGE, {bed.NOT_TAKEN: 10, "ring full": 90}), "")

    def test_a_packet_too_many_or_too_few_is_void(self):
        for lost in (89, 91):
            self.assertIn("1000 packets sent", bed.why_void(answer(), self.CHANGE, {bed.NOT_TAKEN: 10, "x": lost}))

    def test_packets_that_never_left_are_void(self):
        self.assertIn("but 980 sent", bed.why_void(answer(), self.CHANGE | {bed.SENT: 980}, {}))

    def test_packets_of_others_are_void(self):
        self.assertIn("nobody sent", bed.why_void(answer(strangers=1), self.CHANGE, {}))

    def test_void_trials_do_not_count(self):
        series = trials.Series()
        series.add(bed.Trial(answer(), void="why"))
        self.assertIsNone(series.median)
        series.add(bed.Trial(answer()))
        self.assertAlmostEqual(series.median, 0.896)

    def test_ratios_are_of_the_same_round(self):
        one, other = trials.Series(rounds=[1.0, None, 3.0, 8.0]), trials.Series(rounds=[2.0, 1.0, 3.0, 4.0])
        self.assertEqual(trials.ratio(one, other), 1.0)
        self.assertIsNone(trials.ratio(one, trials.Series()))


if __name__ == "__main__":
    unittest.main()
