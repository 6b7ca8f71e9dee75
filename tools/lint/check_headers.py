# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone, and has #pragma once. The build proves the first for a header that its own .cc includes
before anything else, where it has no precompiled headers (tools/suites/plan.py: one has none); the others are compiled
here. Results are kept by content: only what changed is compiled again."""

import concurrent.futures
import hashlib
import os
import re
import shutil
import subprocess

from check_includes import INCLUDE
from tree import Finding

NAME = "headers"
COMPILER = "g++"
NEEDS = COMPILER
FLAGS = ["-std=c++20", "-D_GNU_SOURCE", "-DCULVERT_CHECKS=1", "-fsyntax-only", "-w", "-x", "c++", "-"]
GUARD = re.compile(r"^#pragma once$", re.MULTILINE)
# Written for the BPF compiler, or made by the build.
NOT_ALONE = (".bpf.h", ".skel.h", "vmlinux.h")
# The compiler reads these as main files, where the pragma is an error.
PRECOMPILED = "precompiled/"


def check(tree):
    for path in tree.with_suffix(".h"):
        if not GUARD.search(tree.code(path)) and not path.endswith(NOT_ALONE) and not path.startswith(PRECOMPILED):
            yield Finding(path, 1, "has no #pragma once")
    if not shutil.which(COMPILER):
        return
    paths = [
        p
        for p in tree.with_suffix(".h")
        if not p.endswith(NOT_ALONE) and not first_of_its_own(tree, p) and not needs_generated(tree, p, set())
    ]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for path, error in zip(paths, pool.map(lambda p: compile_alone(tree, p), paths)):
            if error:
                yield Finding(path, 1, f"does not compile alone: {error}")


def first_of_its_own(tree, path):
    """True if the build compiles folder/name.cc, which begins with folder/name.h: so it compiles that alone."""
    source = path.removesuffix(".h") + ".cc"
    rules = os.path.join(os.path.dirname(source), "meson.build")
    if source not in tree.files or rules not in tree.files:
        return False
    code = tree.code(source)
    first = INCLUDE.search(code)
    begins = first is not None and first.group("what") == f'"{path}"' and not code[: first.start()].strip()
    return begins and f"'{os.path.basename(source)}'".encode() in tree.bytes(rules)


def needs_generated(tree, path, seen):
    """True if a header below this one is made by the build, which the lint does not wait for."""
    if path in seen:
        return False
    seen.add(path)
    return any(p.endswith(NOT_ALONE) or needs_generated(tree, p, seen) for p in quoted(tree, path))


def quoted(tree, path):
    if not os.path.exists(os.path.join(tree.root, path)):
        return []
    return [m.group("what")[1:-1] for m in INCLUDE.finditer(tree.code(path)) if m.group("what").startswith('"')]


def digest(tree, path, how):
    """Of how it is compiled, of the file and of everything of ours below it; system headers change with the machine."""
    seen, todo, sum_ = set(), [path], hashlib.sha256(how.encode())
    while todo:
        current = todo.pop()
        if current in seen or not os.path.exists(os.path.join(tree.root, current)):
            continue
        seen.add(current)
        sum_.update(current.encode() + b"\0" + tree.bytes(current))
        todo += quoted(tree, current)
    return sum_.hexdigest()


def compile_alone(tree, path):
    mark = os.path.join(tree.cache, digest(tree, path, " ".join([COMPILER, *FLAGS]))) if tree.cache else None
    if mark and os.path.exists(mark):
        return None
    unit = f'#include "{path}"\n'
    run = subprocess.run([COMPILER, "-I", tree.root, *FLAGS], input=unit, text=True, capture_output=True, check=False)
    if run.returncode != 0:
        errors = [line for line in run.stderr.splitlines() if "error" in line]
        return (errors or run.stderr.splitlines() or ["no message"])[0]
    if mark:
        os.makedirs(tree.cache, exist_ok=True)
        with open(mark, "w", encoding="utf-8"):
            pass
    return None


GOOD = {
    "base/a.h": "#pragma once\n#include <vector>\ninline std::vector<int> f() { return {}; }\n",
    "precompiled/a.h": "#include <vector>\n",
}
LACKS_VECTOR = "#pragma once\ninline std::vector<int> f() { return {}; }\n"
OWN_FIRST = '#include "base/a.h"\n'
BUILT = "library('base', 'a.cc')\n"
BAD = [
    ({"base/a.h": "#pragma once\ninline std::vector<int> f() { return {}; }\n"}, "does not compile alone"),
    ({"base/a.h": "struct A {};\n"}, "has no #pragma once"),
    # What the build does not prove: another header first, a macro first, a file that is not built.
    (
        {"base/a.h": LACKS_VECTOR, "base/a.cc": "#include <vector>\n" + OWN_FIRST, "base/meson.build": BUILT},
        "does not compile alone",
    ),
    (
        {"base/a.h": LACKS_VECTOR, "base/a.cc": "#define X\n" + OWN_FIRST, "base/meson.build": BUILT},
        "does not compile alone",
    ),
    (
        {"base/a.h": LACKS_VECTOR, "base/a.cc": OWN_FIRST, "base/meson.build": "library('base', 'b.cc')\n"},
        "does not compile alone",
    ),
]
