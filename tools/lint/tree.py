# SPDX-License-Identifier: Apache-2.0
"""The files that the lint looks at, and what one of them looks like without its comments and strings.

The tree is walked on disk, so the lint also works in an unpacked archive without git.
"""

import os
import re
from dataclasses import dataclass

SKIPPED_FOLDERS = {".git", ".cache", "__pycache__", "debian"}
CXX = (".cc", ".h")
C_FAMILY = (".cc", ".h", ".c")


@dataclass(frozen=True)
class Finding:
    path: str
    line: int
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


class Tree:
    """A snapshot of the checkout; every path is relative to its root, with forward slashes."""

    def __init__(self, root, cache=None):
        self.root = os.path.abspath(root)
        self.cache = cache  # a folder for results that are worth keeping between runs, or None
        self.files = sorted(self._walk())
        self._bytes = {}
        self._split = {}

    def _walk(self):
        for folder, names, files in os.walk(self.root):
            relative = os.path.relpath(folder, self.root)
            top = relative == "."
            names[:] = [n for n in names if n not in SKIPPED_FOLDERS and not (top and n.startswith("build"))]
            if not top and "meson-private" in names:
                names[:] = []
                continue
            for name in files:
                path = name if top else f"{relative}/{name}"
                full = os.path.join(folder, name)
                if os.path.isfile(full) and not os.path.islink(full) and name != ".git":
                    yield path

    def bytes(self, path):
        if path not in self._bytes:
            with open(os.path.join(self.root, path), "rb") as file:
                self._bytes[path] = file.read()
        return self._bytes[path]

    def text(self, path):
        return self.bytes(path).decode("utf-8", errors="replace")

    def is_binary(self, path):
        data = self.bytes(path)
        if b"\0" in data:
            return True
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return True
        return False

    def with_suffix(self, *suffixes):
        return [p for p in self.files if p.endswith(suffixes)]

    def code(self, path):
        """The C-family text with comments and the insides of strings blanked; lines and columns stay."""
        return self._parts(path)[0]

    def comments(self, path):
        """The complement: only the comments, everything else blank."""
        return self._parts(path)[1]

    def _parts(self, path):
        if path not in self._split:
            self._split[path] = split_code(self.text(path))
        return self._split[path]


TOKEN = re.compile(
    r"""(?P<line_comment>//[^\n]*)
      | (?P<block_comment>/\*.*?\*/)
      | (?P<raw>R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)")
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<char>(?<![0-9A-Za-z_])(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
    """,
    re.VERBOSE | re.DOTALL,
)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def split_code(text):
    """Returns (code, comments), both as long as the text."""
    code, comments, at = [], [], 0
    for match in TOKEN.finditer(text):
        between = text[at : match.start()]
        code.append(between)
        comments.append(blank(between))
        token = match.group(0)
        if match.lastgroup in ("line_comment", "block_comment"):
            code.append(blank(token))
            comments.append(token)
        else:
            include = between.rstrip(" ").endswith("#include")
            code.append(token if include else token[0] + blank(token[1:-1]) + token[-1])
            comments.append(blank(token))
        at = match.end()
    code.append(text[at:])
    comments.append(blank(text[at:]))
    return "".join(code), "".join(comments)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
