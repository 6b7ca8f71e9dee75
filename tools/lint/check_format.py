# SPDX-License-Identifier: Apache-2.0
"""clang-format 14 would change nothing."""

import os
import re
import shutil
import subprocess

from tree import C_FAMILY, Finding

NAME = "format"
TOOL = "clang-format-14"
NEEDS = TOOL
COMPLAINT = re.compile(r"^(?P<path>[^:\n]+):(?P<line>\d+):\d+: error: code should be clang-formatted", re.MULTILINE)
STYLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".clang-format")


def check(tree):
    paths = tree.with_suffix(*C_FAMILY)
    if not paths or not shutil.which(TOOL):
        return
    with open(STYLE, encoding="utf-8") as file:
        style = file.read()
    own = os.path.join(tree.root, ".clang-format")
    if not os.path.exists(own):
        with open(own, "w", encoding="utf-8") as file:  # a sample of the self-test
            file.write(style)
    run = subprocess.run([TOOL, "--dry-run", "-Werror", "--style=file", *paths], cwd=tree.root, text=True,
                         capture_output=True, check=False)
    seen = set()
    for match in COMPLAINT.finditer(run.stderr):
        if match.group("path") not in seen:  # one line a file is enough
            seen.add(match.group("path"))
            yield Finding(match.group("path"), int(match.group("line")), f"run: {TOOL} -i {match.group('path')}")
    if run.returncode != 0 and not seen:
        yield Finding(".clang-format", 1, run.stderr.strip()[:200])


GOOD = {"base/a.cc": "int f(int x) {\n  return x + 1;\n}\n"}
BAD = [({"base/a.cc": "int  f( int x ){return x+1;}\n"}, "run: clang-format-14")]
