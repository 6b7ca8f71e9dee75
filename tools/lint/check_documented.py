# SPDX-License-Identifier: Apache-2.0
"""What an operator meets is explained: each drop reason and XDP action has its row in docs/operating.md."""

import re

from tree import Finding, line_of

NAME = "documented"
DOCUMENT = "docs/operating.md"
# (source, what its names are, what precedes the first of them, names that packets never have)
TABLES = (
    ("packet/drop_reason.cc", "drop reason", "kTexts{{", {"none"}),
    ("kernel_redirect/redirect_action.cc", "XDP action", "kLines = {{", set()),
)
ENTRY = re.compile(r'\{\s*"(\w+)",(?P<rest>[^{}]*)\}')
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def check(tree):
    document = tree.text(DOCUMENT) if DOCUMENT in tree.files else ""
    rows = rows_of(document)
    for source, kind, begin, silent in TABLES:
        if source not in tree.files:
            continue
        entries = list(entries_of(tree.text(source), begin))
        if not entries:
            yield Finding(source, 1, f"no {kind} found behind '{begin}': has the table another form?")
        for name, sentence, line in entries:
            if name not in silent:
                yield from check_entry(source, line, kind, name, sentence, rows)


def check_entry(source, line, kind, name, sentence, rows):
    if name not in rows:
        yield Finding(source, line, f"the {kind} {name} has no row in {DOCUMENT}")
    elif sentence not in rows[name]:
        yield Finding(source, line, f"the {kind} {name} has another sentence in {DOCUMENT}")


def rows_of(document):
    """The first cell of each table row, with the row."""
    rows = {}
    for line in document.splitlines():
        cells = [cell.strip().strip("`") for cell in line.split("|")]
        if line.startswith("|") and len(cells) > 2:
            rows[cells[1]] = rows.get(cells[1], "") + line
    return rows


def entries_of(text, begin):
    """(name, sentence, line) of each row of the table; adjacent literals are one string, as in C++."""
    start = text.find(begin)
    if start < 0:
        return
    start += len(begin)
    end = text.find("}};", start)
    for match in ENTRY.finditer(text, start, end + 1 if end >= 0 else len(text)):
        yield match.group(1), "".join(STRING.findall(match.group("rest"))), line_of(text, match.start())


REASONS = 'constexpr T kTexts{{\n    {"none", "Not."},\n    {"no_route", "No route "\n     "leads there."},\n}};\n'
ACTIONS = 'constexpr T kLines = {{\n    {"local", kPass, "the host\'s own"},\n}};\n'
GOOD = {
    "packet/drop_reason.cc": REASONS,
    "kernel_redirect/redirect_action.cc": ACTIONS,
    "docs/operating.md": "| no_route | No route leads there. |\n| `local` | the kernel | the host's own |\n",
}
BAD = [
    ({"packet/drop_reason.cc": REASONS}, "drop reason no_route has no row"),
    ({"packet/drop_reason.cc": REASONS, "docs/operating.md": "no_route: No route leads there.\n"}, "has no row"),
    ({"packet/drop_reason.cc": REASONS, "docs/operating.md": "| no_route | Lost. |\n"}, "another sentence"),
    ({"packet/drop_reason.cc": "int x;\n"}, "another form"),
    ({"kernel_redirect/redirect_action.cc": ACTIONS, "docs/operating.md": "| locals |  |\n"}, "XDP action local"),
]
