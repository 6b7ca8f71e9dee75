# SPDX-License-Identifier: Apache-2.0
"""No dead files: every source is named in a meson.build, every header there, too, or included by somebody else."""

import re

from check_includes import INCLUDE
from tree import C_FAMILY, Finding

NAME = "dead"
QUOTED = re.compile(r"'([^'\n]+)'")


def check(tree):
    built, included = set(), set()
    for path in tree.files:
        if path.endswith("meson.build"):
            built |= names_in(path, tree.text(path))
        elif path.endswith(C_FAMILY):
            included |= {(m.group("what")[1:-1], path) for m in INCLUDE.finditer(tree.code(path))}
    used_by_others = {what for what, who in included if what != who}
    for path in tree.with_suffix(".cc", ".c"):
        if path not in built:
            yield Finding(path, 1, "in no meson.build: build it or remove it")
    for path in tree.with_suffix(".h"):
        if path not in used_by_others | built and path.rsplit("/", 1)[-1] not in used_by_others:
            yield Finding(path, 1, "no file includes it: use it or remove it")


def names_in(path, text):
    """Every quoted name of a meson.build as a path from the root, also 'name' of foreach lists that gain '.cc'."""
    folder = path[: -len("meson.build")]
    names = set(QUOTED.findall(re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)))
    names |= {name + suffix for name in names if "." not in name for suffix in (".cc", "_test.cc", ".bpf.c")}
    return {normal(folder + name) for name in names}


def normal(path):
    parts = []
    for part in path.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in (".", ""):
            parts.append(part)
    return "/".join(parts)


GOOD = {
    "base/meson.build": "static_library('x', 'a.cc', cpp_pch: '../precompiled/a.h')\n",
    "precompiled/a.h": "",
    "base/a.cc": '#include "base/a.h"\n',
    "base/a.h": "",
    "test/meson.build": "foreach name : ['b']\n  executable(name, name + '_test.cc', '../base/c.cc')\nendforeach\n",
    "test/b_test.cc": "",
    "base/c.cc": "",
}
BAD = [
    ({"base/a.cc": "", "base/meson.build": "# 'a.cc'\n"}, "in no meson.build"),
    ({"test/a.cc": "", "base/meson.build": "'a.cc'\n"}, "in no meson.build"),
    ({"base/a.h": '#include "base/a.h"\n'}, "no file includes it"),
]
