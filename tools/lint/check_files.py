# SPDX-License-Identifier: Apache-2.0
"""What every file has and what none has: the licence line, #pragma once, no machine's own paths, no binaries."""

import re

from tree import Finding, line_of

NAME = "files"
LICENCE = "SPDX-License-Identifier: Apache-2.0"
# What runs in the kernel, or is compiled into it, has a licence that the kernel takes.
BPF_LICENCE = "SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause"
BPF_FILE = re.compile(r"^kernel_redirect/\w+(?:\.bpf\.[ch]|_maps\.h)$")
NEEDS_LICENCE = (".cc", ".h", ".c", ".py", ".sh", "meson.build")
# Paths that exist on one developer's machine only.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|work|Users)/[\w.-]+|(?<![\w.])/root/[\w.-]+|/tmp/b-\w+")
# Inputs of tests may be bytes.
BINARY_ALLOWED = re.compile(r"^test/.*(?:/corpus[^/]*/|\.pcap$|\.pcapng$)")
LARGEST_INPUT = 256 * 1024


def check(tree):
    for path in tree.files:
        if tree.is_binary(path):
            yield from check_binary(tree, path)
            continue
        if BINARY_ALLOWED.match(path):
            continue
        text = tree.text(path)
        if path.endswith(NEEDS_LICENCE) or text.startswith("#!"):
            yield from check_head(path, text)
        if not path.startswith("tools/lint/"):
            for match in MACHINE_PATH.finditer(text):
                yield Finding(path, line_of(text, match.start()), f"{match.group(0)} is a path of one machine")
        if text and not text.endswith("\n"):
            yield Finding(path, text.count("\n") + 1, "the last line has no end")


def check_binary(tree, path):
    if not BINARY_ALLOWED.match(path):
        yield Finding(path, 1, "a binary file; commit what it is made from")
    elif len(tree.bytes(path)) > LARGEST_INPUT:
        yield Finding(path, 1, f"a test input of more than {LARGEST_INPUT} bytes; generate it")


def check_head(path, text):
    lines = text.splitlines()
    first = 1 if lines and lines[0].startswith("#!") else 0
    licence = BPF_LICENCE if BPF_FILE.match(path) else LICENCE
    if len(lines) <= first or licence not in lines[first]:
        yield Finding(path, first + 1, f"begins without '{licence}'")
    guarded = re.search(r"^#pragma once$", text, re.MULTILINE) or path.endswith(".bpf.h")
    if path.endswith(".h") and not guarded and not path.startswith("precompiled/"):
        yield Finding(path, 1, "a header without #pragma once")


SPDX = "// " + LICENCE + "\n"
GOOD = {
    "base/a.h": SPDX + "#pragma once\n",
    "precompiled/a.h": SPDX + "#include <vector>\n",
    "tools/run": "#!/bin/sh\n# " + LICENCE + "\n",
    "test/fuzz/corpus/one": "a\0b",
    "kernel_redirect/a.bpf.c": "// " + BPF_LICENCE + "\n",
    "docs/a.md": "see /usr/lib and workers/home/\n",
}
BAD = [
    ({"kernel_redirect/a.bpf.c": SPDX}, "begins without"),
    ({"base/a.cc": "int x;\n"}, "begins without"),
    ({"tools/run": "#!/bin/sh\necho\n"}, "begins without"),
    ({"base/a.h": SPDX + "int x;\n"}, "#pragma once"),
    ({"docs/a.md": "unpack it in /home/somebody/culvert\n"}, "one machine"),
    ({"base/a.cc": SPDX + "int x;"}, "no end"),
    ({"docs/picture.bin": "a\0b"}, "binary"),
    ({"test/fuzz/corpus/big": "\0" * (LARGEST_INPUT + 1)}, "more than"),
]
