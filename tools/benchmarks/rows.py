# SPDX-License-Identifier: Apache-2.0
"""Rows of all programs in one table: {id, case, measured, reference, ratio, bar, null_ratio, ok}.

ok is true, false, or null where there is no bar or nothing to judge it by. A bar that was to be judged and was not is
missed: silence is no success.
"""

import json

KEYS = ("id", "case", "measured", "reference", "ratio", "bar", "ok")


class Table:
    def __init__(self):
        self.rows = []
        self.troubles = []  # programs that did not do their work

    def read(self, program, path, bars=()):
        """Takes what a program wrote; `bars` are the ids that it must have judged."""
        try:
            with open(path, encoding="utf-8") as file:
                rows = json.load(file)
            for row in rows:
                self.rows.append({key: row[key] for key in KEYS} | {"null_ratio": row.get("null_ratio"),
                                                                    "unit": row.get("unit", "ns"),
                                                                    "program": program})
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.trouble(program, f"wrote no rows: {error}")
            rows = []
        for bar in bars:
            judged = [row["ok"] for row in rows if row["id"] == bar and row["bar"] is not None]
            if not judged or None in judged:
                self.trouble(program, f"did not judge {bar}")

    def add_figure(self, program, case, measured, unit):
        """A row without a bar."""
        self.rows.append(dict.fromkeys(KEYS) | {"id": "-", "case": case, "measured": measured, "null_ratio": None,
                                                "unit": unit, "program": program})

    def trouble(self, program, what):
        self.troubles.append(f"{program}: {what}")

    def missed(self):
        return [row for row in self.rows if row["ok"] is False]

    def exit_code(self):
        return 1 if self.missed() or self.troubles or not self.rows else 0

    def text(self, bars_only=False):
        head = f"{'bar':<6}{'case':<84}{'measured':>10}{'reference':>10}{'ratio':>8}{'bar':>8}{'A/A':>7}  ok"
        lines = [head, "-" * len(head)]
        for row in self.rows:
            if bars_only and row["bar"] is None:
                continue
            verdict = {True: "ok", False: "MISSED", None: "" if row["bar"] is None else "not judged"}[row["ok"]]
            lines.append(f"{row['id']:<6}{row['case'] + ', ' + row['unit']:<84}{cell(row['measured'], 2):>10}"
                         f"{cell(row['reference'], 2):>10}{cell(row['ratio'], 3):>8}{cell(row['bar'], 2):>8}"
                         f"{cell(row['null_ratio'], 3):>7}  {verdict}")
        lines += [f"TROUBLE {trouble}" for trouble in self.troubles]
        judged = [row for row in self.rows if row["ok"] is not None]
        lines.append(f"{len(judged) - len(self.missed())} bars hold, {len(self.missed())} missed, "
                     f"{len(self.troubles)} troubles")
        return "\n".join(lines)

    def write(self, path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.rows, file, indent=1)
            file.write("\n")


def cell(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"
