# SPDX-License-Identifier: Apache-2.0
"""Hints name configuration keys that exist: "system.limits.next_hops" in a string is a key of docs/configuration.md."""

import re

from tree import Finding, line_of

NAME = "keys"
DOCUMENT = "docs/configuration.md"  # written from the schema; a test of config/ compares them
KEY = re.compile(r"^### `([\w.]+)`", re.MULTILINE)
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
MENTION = re.compile(r"\bsystem(?:\.[a-z_][a-z_0-9]*)+")


def check(tree):
    keys = set(KEY.findall(tree.text(DOCUMENT))) if DOCUMENT in tree.files else set()
    for path in tree.with_suffix(".cc", ".h"):
        if path.startswith(("test/", "bench/")):
            continue
        text, comments = tree.text(path), tree.comments(path)
        for string in STRING.finditer(text):
            if comments[string.start()] != " ":
                continue
            for mention in MENTION.finditer(string.group(1)):
                if mention.group(0) not in keys:
                    line = line_of(text, string.start())
                    yield Finding(path, line, f"there is no key {mention.group(0)}: see {DOCUMENT}")


DOCUMENTED = "### `system.limits`\n### `system.limits.next_hops`\n"
GOOD = {
    DOCUMENT: DOCUMENTED,
    "routes/full.cc": '// "system.was"\nconst char* hint = "raise system.limits.next_hops";\n',
    "test/hint_test.cc": 'const char* wrong = "system.zebra";\n',
}
BAD = [
    (
        {DOCUMENT: DOCUMENTED, "routes/full.cc": 'const char* hint = "raise system.limits.hops";\n'},
        "there is no key system.limits.hops",
    ),
    (
        {DOCUMENT: DOCUMENTED, "umem/region.h": 'auto hint = f("set system.frame_size: 2048");\n'},
        "umem/region.h:1: there is no key system.frame_size",
    ),
]
