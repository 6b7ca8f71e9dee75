# SPDX-License-Identifier: Apache-2.0
"""Includes go down the tiers of tiers.py, name files from the root, and name files that exist."""

import re

from tiers import HEIGHT, NEIGHBOURS, SILENT_BANNED_HEADERS, SILENT_FOLDERS
from tree import C_FAMILY, Finding, line_of

NAME = "includes"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?P<what>"[^"]*"|<[^>]*>)', re.MULTILINE)
# Made by the build: libbpf skeletons and files from configure time.
GENERATED = (".skel.h", ".inc", "_generated.h", "vmlinux.h")


def check(tree):
    files = set(tree.files)
    for path in tree.with_suffix(*C_FAMILY):
        code = tree.code(path)
        for match in INCLUDE.finditer(code):
            what = match.group("what")
            for message in judge(path, what, files):
                yield Finding(path, line_of(code, match.start("what")), message)


def judge(path, what, files):
    folder = path.split("/")[0] if "/" in path else ""
    if what.startswith("<"):
        yield from judge_system(folder, what)
        return
    target = what[1:-1]
    if "/" not in target:
        if not target.endswith(GENERATED):
            yield f'{what}: name the file from the root, "folder/file.h"'
        return
    if target not in files and not target.endswith(GENERATED):
        yield f"{what}: no such file in the tree; headers of the system go in <>"
        return
    other = target.split("/")[0]
    yield from judge_tiers(folder, other, what)


def judge_system(folder, what):
    if what[1:].split("/")[0] in HEIGHT and "/" in what:
        yield f'{what}: files of ours are included with "", from the root'
    if folder in SILENT_FOLDERS:
        for banned, why in SILENT_BANNED_HEADERS.items():
            if what.startswith(banned):
                yield f"{what} in {folder}/: {why}"


def judge_tiers(folder, other, what):
    if folder not in HEIGHT or other not in HEIGHT:
        yield f"{what}: '{folder if folder not in HEIGHT else other}' is not in the table of tools/lint/tiers.py"
    elif folder != other and (folder, other) not in NEIGHBOURS:
        if HEIGHT[other] > HEIGHT[folder]:
            yield f"{what}: {folder}/ (tier {HEIGHT[folder]}) includes upward ({other}/ is tier {HEIGHT[other]})"
        elif HEIGHT[other] == HEIGHT[folder]:
            yield f"{what}: {folder}/ and {other}/ are neighbours on tier {HEIGHT[folder]} and may not meet"


GOOD = {
    "base/time.h": "#pragma once\n",
    "packet/parse.h": '#pragma once\n#include <span>\n#include "base/time.h"\n',
    "lanes/lane.h": "#pragma once\n",
    "xsk/xsk_lane.h": '#include "lanes/lane.h"\n// #include "pipeline/gone.h"\n',
}
BAD = [
    ({"base/a.h": '#include "packet/b.h"\n', "packet/b.h": ""}, "includes upward"),
    ({"packet/a.h": '#include "umem/b.h"\n', "umem/b.h": ""}, "neighbours"),
    ({"lanes/a.h": '#include "xsk/b.h"\n', "xsk/b.h": ""}, "neighbours"),
    ({"control/a.h": '#include "app/b.h"\n', "app/b.h": ""}, "includes upward"),
    ({"base/a.cc": '#include "base/gone.h"\n'}, "no such file"),
    ({"base/a.cc": '#include "a.h"\n', "base/a.h": ""}, "from the root"),
    ({"base/a.cc": "#include <base/a.h>\n", "base/a.h": ""}, 'with ""'),
    ({"attic/a.cc": '#include "base/a.h"\n', "base/a.h": ""}, "not in the table"),
    ({"routes/a.cc": "#include <sys/mman.h>\n"}, "system calls"),
    ({"pipeline/a.cc": "#include <thread>\n"}, "only workers/"),
]
